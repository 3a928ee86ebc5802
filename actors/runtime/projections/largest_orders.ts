// Owns looking for the largest order of a window anew, where an order of that size shrank.

import { ofKey } from "../../../shared/ledger_key.ts";
import { LEDGER_AHEAD_MS_MAX } from "../../../shared/limits.ts";
import type { Transaction } from "../../../shared/postgres.ts";
import type { LedgerPrefix } from "./projection.ts";
import { onManyRows } from "./query_plans.ts";
import { inPiece, type KeyPiece } from "./range_sums.ts";
import { nextVersion, putDue } from "./window_rows.ts";

/** Mends the windows of a piece of `order_change`. The ledger is read by a statement that names nothing else: its plan is kept. */
export async function mendLargest(
  sql: Transaction,
  folded: LedgerPrefix,
  piece: KeyPiece,
): Promise<void> {
  const largest = await onManyRows(sql, async () => {
    const shrunk = await findShrunk(sql, piece);
    return shrunk === null ? null : await findLargest(sql, folded, shrunk);
  });
  if (largest === null) return;
  await sql`
    with changed as (
      update demand_window w set version = ${nextVersion(sql, folded)}, largest_order = n.units
      from json_to_recordset(${largest}::text::json) as n (sku text, location text, start timestamptz, units int8)
      where w.sku = n.sku and w.location = n.location and w.window_start = n.start and w.largest_order <> n.units
      returning w.shard, w.sku, w.location, w.window_start, w.version
    )
    ${putDue(sql)}`;
}

/** Windows that may have lost their largest order, key by key, as JSON; null: none. */
async function findShrunk(sql: Transaction, piece: KeyPiece): Promise<string | null> {
  const [found] = await sql<{ keys: string | null }[]>`
    select json_agg(k)::text as keys from (
      select s.sku, s.location, array_agg(w.window_start order by w.window_start) as starts,
        array_agg(w.window_end order by w.window_start) as ends
      from (
        select sku, location, start, max(units_before) as units from order_change
        where demand < 0 and ${inPiece(sql, piece)} group by sku, location, start
        offset 0
      ) s
      cross join lateral (
        select window_start, window_end, largest_order from demand_window w
        where w.sku = s.sku and w.location = s.location and w.window_start = s.start
        offset 0
      ) w
      where s.units >= w.largest_order
      group by s.sku, s.location
    ) k`;
  return found?.keys ?? null;
}

/**
 * The largest order of each of these windows, as JSON. A key's rows are read once for all of its windows, from where a row may have been
 * appended that happened in the first: "offset 0" keeps that a look-up by key.
 */
async function findLargest(
  sql: Transaction,
  { epoch, toSeq }: LedgerPrefix,
  shrunk: string,
): Promise<string> {
  const ahead = sql`${LEDGER_AHEAD_MS_MAX}::int * interval '1 millisecond'`;
  const upTo = sql`(${epoch}::int, ${toSeq}::int8)`;
  const [found] = await sql<{ largest: string }[]>`
    with key as materialized (
      select * from json_to_recordset(${shrunk}::text::json)
        as k (sku text, location text, starts timestamptz[], ends timestamptz[])
    ),
    placed as materialized (
      select a.*, k.starts[a.nth] as start
      from key k
      cross join lateral (
        select a.sku, a.location, a.type, a.id, a.hold, a.epoch, a.seq, a.index, a.ordinal, a.appended_at, a.at, a.demand,
          width_bucket(a.at, k.starts) as nth
        from stock_transaction a
        where ${sql.unsafe(ofKey("a", "k.sku", "k.location"))} and a.demand > 0 and a.at >= k.starts[1]
          and a.appended_at >= k.starts[1] - ${ahead} and (a.epoch + 0, a.seq) <= ${upTo}
        offset 0
      ) a
      where a.at < k.ends[a.nth]
    ),
    voided as (
      select a.sku, a.location, v.id, sum(v.demand) as units
      from (select sku, location, min(appended_at) as since from placed where type = 'sale' group by sku, location) a
      cross join lateral (
        select v.extra->>'of' as id, v.demand from stock_transaction v
        where v.sku = a.sku and v.location = a.location and v.type = 'void' and v.cause = 'command' and v.demand <> 0
          and v.appended_at >= a.since and (v.epoch + 0, v.seq) <= ${upTo}
        offset 0
      ) v
      group by a.sku, a.location, v.id
    ),
    held as (
      select p.*, sum(p.demand) over (partition by p.hold, p.sku, p.location, p.additions) as units
      from (
        select p.hold, p.sku, p.location, p.epoch, p.seq, p.index, p.ordinal, p.demand,
          count(*) filter (where p.demand > 0) over (
            partition by p.hold, p.sku, p.location order by p.epoch, p.seq, p.index, p.ordinal rows unbounded preceding) as additions
        from stock_transaction p
        where p.demand <> 0 and p.hold is not null and (p.epoch + 0, p.seq) <= ${upTo}
          and p.hold = any(array(select distinct hold from placed where hold is not null))
          and p.appended_at >= (select min(appended_at) from placed where hold is not null)
      ) p
    ),
    line as (
      select a.sku, a.location, a.start, max(coalesce(h.units, a.demand) + coalesce(v.units, 0)) as units
      from placed a
      left join held h on h.hold = a.hold and h.sku = a.sku and h.location = a.location
        and h.epoch = a.epoch and h.seq = a.seq and h.index = a.index and h.ordinal = a.ordinal
      left join voided v on v.sku = a.sku and v.location = a.location and v.id = a.id
      group by a.sku, a.location, a.start
    )
    select json_agg(n)::text as largest from (
      select k.sku, k.location, s.start, greatest(0, coalesce(l.units, 0))::int8 as units
      from key k
      cross join unnest(k.starts) as s (start)
      left join line l on l.sku = k.sku and l.location = k.location and l.start = s.start
    ) n`;
  return found?.largest ?? "[]";
}
