// Owns the minutes a key is out of stock: a fold of ledger rows with a carried state for each key (`stock_out`).
//
// O1. A key is out of stock while its level says available <= 0. A level begins at its row's `at`, but not before
//     the row before it: what comes late mends the time since then, no more.
// O2. Known from the first count, receipt or arrival of sellable units on; before, nothing is said.
// O3. Only open time counts. After STOCK_OUT_DAYS_MAX without a movement no more is counted: the item is gone.
// O4. Time up to `counted_to` is in the windows: up to the last movement, and to where windows are closed. A row
//     from before it takes back what was counted too much. So the sums depend on the rows and the
//     watermark alone, not on when and how often this ran.

import { STOCK_OUT_DAYS_MAX } from "../../../shared/limits.ts";
import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import { inPieces, type LedgerPrefix, type Rest } from "./projection.ts";
import { inPiece, type KeyPiece, moves, supplies } from "./range_sums.ts";
import {
  addToWindows,
  type FoldRange,
  inRange,
  nextVersion,
  onManyRows,
  putDue,
} from "./window_rows.ts";

const LIMIT = `${STOCK_OUT_DAYS_MAX} days`;

/** Folds the movements of the range that was summed. */
export async function foldStockOut(
  sql: Transaction,
  range: FoldRange,
  pieces: readonly KeyPiece[],
  rest: Rest,
): Promise<void> {
  const keys: Keys = { skus: [], locations: [] };
  await inPieces(pieces, rest, async (piece) => {
    for (const { sku, location } of await foldInStock(sql, range, piece)) {
      keys.skus.push(sku);
      keys.locations.push(location);
    }
  });
  if (keys.skus.length === 0) return;
  await addToWindows(sql, range, outChanges(sql, range.shard, spans(sql, range, keys)));
  await carryOn(sql, range, keys);
}

/** Places in two lists, as parameters of a statement. */
type Keys = { skus: string[]; locations: string[] };

/**
 * Carries on the keys that were in stock before and after every movement: nothing is counted for them, so their
 * order does not matter and a sum by key will do. Most keys of most ranges are such. Returns the others, but for
 * those whose stock is not known yet.
 */
async function foldInStock(
  sql: Transaction,
  { shard }: FoldRange,
  piece: KeyPiece,
): Promise<readonly { sku: string; location: string }[]> {
  return sql<{ sku: string; location: string }[]>`
    with touched as materialized (
      select sku, location, max(moved_at) as at, bool_or(was_out) as was_out,
        bool_or(is_supplied) as is_supplied
      from range_sum where moved_at is not null and ${inPiece(sql, piece)}
      group by sku, location
    ),
    found as materialized (
      select n.*, k.is_out, greatest(k.since, n.at) as since
      from touched n left join lateral (
        select * from stock_out k where k.sku = n.sku and k.location = n.location) k on true
    ),
    in_stock as (
      update stock_out k set shard = ${shard}, since = n.since,
        counted_to = greatest(n.since, least(coalesce(m.closed_to, n.since), n.since + ${LIMIT}::interval))
      from found n
      join demand_watermark m on m.shard = ${shard} and m.location = n.location
      where k.sku = n.sku and k.location = n.location and not n.is_out and not n.was_out
    )
    select sku, location from found
    where (is_out is null and is_supplied) or is_out or (is_out is not null and was_out)`;
}

/** Counts the time out of stock up to where the windows of each location close. `due`: location, boundary. */
export async function countOutTo(
  sql: Transaction,
  folded: LedgerPrefix,
  due: Fragment,
): Promise<void> {
  const { shard } = folded;
  const open = sql`
    select k.sku, k.location, k.counted_to as from_at,
      least(d.boundary, k.since + ${LIMIT}::interval) as to_at, 1 as sign
    from stock_out k join (${due}) d on d.location = k.location
    where k.shard = ${shard} and k.is_out`;
  await addToWindows(sql, folded, outChanges(sql, shard, open));
  await sql`
    update stock_out k set counted_to = c.to_at
    from (${open}) c
    where k.sku = c.sku and k.location = c.location and k.counted_to < c.to_at`;
}

/** Movements of `keys` whose stock is known, each with the time from which its level holds. */
function movements(sql: Transaction, range: FoldRange, { skus, locations }: Keys): Fragment {
  return sql`
    select m.sku, m.location, m.seq, m.index, m.ordinal, m.is_out,
      greatest(m.since, max(m.at) over (
        partition by m.sku, m.location order by m.seq, m.index, m.ordinal)) as at
    from (
      select t.sku, t.location, t.seq, t.index, t.ordinal, t.at, t.sellable <= t.reserved as is_out,
        (select k.since from stock_out k where k.sku = t.sku and k.location = t.location) as since,
        bool_or(${supplies(sql)}) over (
          partition by t.sku, t.location order by t.seq, t.index, t.ordinal) as is_supplied
      from stock_transaction t
      join unnest(${skus}::text[], ${locations}::text[]) as key (sku, location)
        on key.sku = t.sku and key.location = t.location
      where ${inRange(sql, range)} and ${moves(sql)}
    ) m
    where m.since is not null or m.is_supplied`;
}

/** Spans of time out of stock that the range adds (sign 1), or takes back from what was counted (sign -1). */
function spans(sql: Transaction, range: FoldRange, keys: Keys): Fragment {
  return sql`
    with movement as materialized (${movements(sql, range, keys)}),
    span as (
      select v.sku, v.location, v.is_out, v.at as from_at, coalesce(lead(v.at) over (
        partition by v.sku, v.location order by v.seq, v.index, v.ordinal), m.closed_to) as to_at
      from movement v
      join demand_watermark m on m.shard = ${range.shard} and m.location = v.location
    ),
    carried as (
      select k.*, least(n.at, k.since + ${LIMIT}::interval) as to_at
      from (select sku, location, min(at) as at from movement group by sku, location) n
      cross join lateral (select * from stock_out k where k.sku = n.sku and k.location = n.location) k
      where k.is_out
    )
    select sku, location, from_at, least(to_at, from_at + ${LIMIT}::interval) as to_at, 1 as sign
    from span where is_out and to_at is not null
    union all
    select sku, location, counted_to, to_at, 1 from carried
    union all
    select sku, location, to_at, counted_to, -1 from carried`;
}

/** Spans as changes of their windows, in open time. What ends before it begins is none. */
function outChanges(sql: Transaction, shard: number, spansOut: Fragment): Fragment {
  return sql`
    select sku, location, start, 0::int8 as demand, 0::int8 as lost, 0::int8 as orders, 0::int8 as largest,
      0::int8 as returns, 0::int8 as transfers, 0::int8 as counts, sum(ms)::int8 as out_ms
    from (
      select p.sku, p.location, w.window_start as start, p.sign * open_ms(m.hours, m.time_zone, w.local_day,
        case when m.hours @> 11520 then is_holiday(p.location, w.local_day) end,
        greatest(p.from_at, w.window_start), least(p.to_at, w.window_end)) as ms
      from (${spansOut}) p
      join demand_watermark m on m.shard = ${shard} and m.location = p.location
      cross join lateral windows_between(m.grain, m.time_zone, p.from_at, p.to_at) w
      where p.from_at < p.to_at
    ) f
    group by sku, location, start having sum(ms) <> 0`;
}

/** Leaves the state after the range; windows of keys known from now on say 0 where they said nothing. */
async function carryOn(sql: Transaction, range: FoldRange, keys: Keys): Promise<void> {
  const { shard } = range;
  const state = sql`
    with movement as materialized (${movements(sql, range, keys)}),
    state as (
      insert into stock_out as k (sku, location, shard, known_since, since, is_out, counted_to)
      select distinct on (v.sku, v.location) v.sku, v.location, ${shard}::int2,
        min(v.at) over (partition by v.sku, v.location), v.at, v.is_out,
        greatest(v.at, least(coalesce(m.closed_to, v.at), v.at + ${LIMIT}::interval))
      from movement v
      join demand_watermark m on m.shard = ${shard} and m.location = v.location
      order by v.sku, v.location, v.seq desc, v.index desc, v.ordinal desc
      on conflict (sku, location) do update set
        shard = excluded.shard, since = excluded.since, is_out = excluded.is_out,
        counted_to = excluded.counted_to
      returning k.sku, k.location, (xmax = 0) as is_new
    )
    select sku, location from state where is_new`;
  const met = await onManyRows(sql, state);
  if (met.length === 0) return;
  const skus = met.map((key) => key.sku as string);
  const locations = met.map((key) => key.location as string);
  await sql`
    with changed as (
      update demand_window w set out_of_stock_ms = 0, version = ${nextVersion(sql, range)}
      from unnest(${skus}::text[], ${locations}::text[]) as met (sku, location)
      join stock_out k on k.sku = met.sku and k.location = met.location
      where w.sku = k.sku and w.location = k.location
        and w.window_end > k.known_since and w.out_of_stock_ms is null
      returning w.shard, w.sku, w.location, w.window_start, w.version
    )
    ${putDue(sql)}`;
}
