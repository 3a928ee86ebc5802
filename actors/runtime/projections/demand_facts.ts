// Owns what ledger rows say of demand: units, orders, losses, returns, transfers, counts of each window, by event
// time. The machine says row by row how much demand a row makes or unmakes (SPEC section 8), so units are sums.
//
// D1. An order is a hold (by its id) or a row of its own; it counts while units of it are left.
// D2. What takes an order back (a release, a void) is booked in the window the order stood in.
// D3. The largest order is the most units one row made, less what was taken back of it: of a hold, from its
//     last row. When it shrinks the largest is looked for anew.
//
// Rows are found by their hold or key, then compared by where they stand: `epoch + 0`, for with the plain column the
// planner may walk the index of entries as well, all of the log up to there, for each row it compares.

import { ofKey } from "../../../shared/ledger_key.ts";
import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import type { LedgerPrefix } from "./projection.ts";
import { inPiece, type KeyPiece, related, telling } from "./range_sums.ts";
import {
  addToWindows,
  type FoldRange,
  inRange,
  nextVersion,
  onManyRows,
  putDue,
} from "./window_rows.ts";

/**
 * Adds what rows that stand by themselves say, of some keys of the range that was summed. Which window a quarter of an hour
 * is in costs microseconds: it is asked once for each place.
 */
export async function foldFacts(
  sql: Transaction,
  range: FoldRange,
  piece: KeyPiece,
): Promise<void> {
  const own = sql`
    select r.sku, r.location, s.start, r.demand, r.lost, r.orders,
      r.largest, r.returns, r.transfers, r.counts
    from range_sum r
    join (
      select q.location, q.quarter, window_start(m.grain, m.time_zone, q.quarter) as start
      from (select distinct location, quarter from range_sum where tells and ${inPiece(sql, piece)}) q
      join demand_watermark m on m.shard = ${range.shard} and m.location = q.location
      offset 0
    ) s on s.location = r.location and s.quarter = r.quarter
    where r.tells and ${inPiece(sql, piece)}`;
  await addToWindows(sql, range, sumsByWindow(sql, own));
}

/** Adds what rows of a range, a piece of what is folded, say that belong to an order. */
export async function foldRelated(
  sql: Transaction,
  range: FoldRange,
  folded: LedgerPrefix,
): Promise<void> {
  const rows = sql`
    select sku, location, start, demand, lost, orders, largest, returns, 0::int8 as transfers, counts
    from (${relatedChanges(sql, range)}) o`;
  await addToWindows(sql, folded, sumsByWindow(sql, rows));
}

function sumsByWindow(sql: Transaction, rows: Fragment): Fragment {
  return sql`
    select sku, location, start, coalesce(sum(demand), 0)::int8 as demand, coalesce(sum(lost), 0)::int8 as lost,
      sum(orders)::int8 as orders, coalesce(max(largest), 0)::int8 as largest,
      coalesce(sum(returns), 0)::int8 as returns, coalesce(sum(transfers), 0)::int8 as transfers,
      coalesce(sum(counts), 0)::int8 as counts, null::int8 as out_ms
    from (${rows}) f
    group by sku, location, start`;
}

/**
 * Rows that belong to an order which earlier rows tell of: `units_before` of it, `start` of the window it is
 * booked in.
 * @param only those of the rows, as `t`, that are wanted
 */
function relatedChanges(sql: Transaction, range: FoldRange, only: Fragment = sql`true`): Fragment {
  return sql`
    select t.sku, t.location, window_start(m.grain, m.time_zone, coalesce(o.at, t.at)) as start,
      t.demand, t.lost, o.units as units_before,
      case when o.units + t.demand > 0 then 1 else 0 end - case when o.units > 0 then 1 else 0 end as orders,
      greatest(t.demand, 0) as largest,
      case when o.type = 'return' then t.delta_sellable + t.delta_bucket else 0 end as returns,
      case when o.type = 'adjust' then t.delta_sellable else 0 end as counts
    from stock_transaction t
    join demand_watermark m on m.shard = t.shard and m.location = t.location
    cross join lateral (
      select coalesce(max(units), 0) as units, max(at) as at, max(type) as type from (
        (select case when p.hold is null then p.demand else (
              select sum(q.demand)::int8 from stock_transaction q
              where q.hold = p.hold and q.sku = p.sku and q.location = p.location
                and q.demand <> 0 and q.hold is not null
                and (q.epoch + 0, q.seq, q.index) < (t.epoch, t.seq, t.index)) end as units, p.at, p.type
          from stock_transaction p
          where t.type = 'void' and ${sql.unsafe(ofKey("p", "t.sku", "t.location"))} and p.id = t.extra->>'of'
            and p.cause = 'command' and p.outcome = 'applied'
            and (p.epoch + 0, p.seq, p.index) < (t.epoch, t.seq, t.index)
          order by p.epoch desc, p.seq desc, p.index desc, p.ordinal limit 1)
        union all
        (select sum(p.demand)::int8,
            case when t.demand < 0 then
              (array_agg(p.at order by p.epoch desc, p.seq desc) filter (where p.demand > 0))[1] end, null
          from stock_transaction p
          where t.type <> 'void' and p.hold = t.hold and p.sku = t.sku and p.location = t.location
            and p.demand <> 0 and p.hold is not null
            and (p.epoch + 0, p.seq, p.index, p.ordinal) < (t.epoch, t.seq, t.index, t.ordinal))
      ) found
    ) o
    where ${inRange(sql, range)} and ${telling(sql)} and ${related(sql)}
      and ${only}`;
}

/**
 * Looks for the largest order anew where an order of that size shrank.
 * @param range of rows that may have shrunk one, a piece of what is folded
 */
export async function mendLargest(
  sql: Transaction,
  range: FoldRange,
  folded: LedgerPrefix,
): Promise<void> {
  const { epoch, toSeq } = folded;
  const taken = sql`t.demand < 0`;
  const shrunk = await onManyRows(
    sql,
    async () =>
      await sql`
      select distinct r.sku, r.location, r.start as window_start
      from (${relatedChanges(sql, range, taken)} offset 0) r
      where r.units_before >= (select w.largest_order from demand_window w
        where w.sku = r.sku and w.location = r.location and w.window_start = r.start)`,
  );
  if (shrunk.length === 0) return;
  const skus = shrunk.map(({ sku }) => sku as string);
  const locations = shrunk.map(({ location }) => location as string);
  const starts = shrunk.map(({ window_start }) => (window_start as Date).toISOString());
  // "offset 0" keeps the look-up of each window's orders one by key: as a join it may be planned as a walk of the ledger.
  await sql`
    with shrunk as materialized (
      select w.sku, w.location, w.window_start, w.window_end
      from unnest(${skus}::text[], ${locations}::text[], ${starts}::timestamptz[]) as s (sku, location, start)
      join demand_window w on w.sku = s.sku and w.location = s.location and w.window_start = s.start
    ),
    line as (
      select s.sku, s.location, s.window_start, a.demand
        + coalesce((select sum(v.demand) from stock_transaction v
          where v.sku = a.sku and v.location = a.location and v.type = 'void' and v.cause = 'command'
            and v.extra->>'of' = a.id and (v.epoch + 0, v.seq) <= (${epoch}::int, ${toSeq}::int8)), 0)
        + coalesce((select sum(n.demand) from stock_transaction n
          where n.hold = a.hold and n.sku = a.sku and n.location = a.location
            and n.demand < 0 and n.hold is not null and n.type <> 'void'
            and (n.epoch + 0, n.seq, n.index, n.ordinal) > (a.epoch, a.seq, a.index, a.ordinal)
            and (n.epoch + 0, n.seq) <= (${epoch}::int, ${toSeq}::int8)
            and not exists (select from stock_transaction b
              where b.hold = a.hold and b.sku = a.sku and b.location = a.location
                and b.demand > 0 and b.hold is not null
                and (b.epoch + 0, b.seq, b.index, b.ordinal) > (a.epoch, a.seq, a.index, a.ordinal)
                and (b.epoch + 0, b.seq, b.index, b.ordinal) < (n.epoch, n.seq, n.index, n.ordinal))), 0) as units
      from shrunk s
      cross join lateral (
        select * from stock_transaction a
        where ${sql.unsafe(ofKey("a", "s.sku", "s.location"))}
          and a.demand > 0 and a.at >= s.window_start and a.at < s.window_end
        offset 0) a
      where (a.epoch + 0, a.seq) <= (${epoch}::int, ${toSeq}::int8)
    ),
    changed as (
      update demand_window w set version = ${nextVersion(sql, folded)}, largest_order = greatest(0, coalesce((
          select max(l.units) from line l
          where l.sku = w.sku and l.location = w.location and l.window_start = w.window_start), 0))
      from shrunk s
      where w.sku = s.sku and w.location = s.location and w.window_start = s.window_start
      returning w.shard, w.sku, w.location, w.window_start, w.version
    )
    ${putDue(sql)}`;
}
