// Owns what ledger rows say of demand: units, orders, losses, returns, transfers, counts of each window, by event
// time. The machine says row by row how much demand a row makes or unmakes (SPEC section 8), so units are sums.
//
// D1. An order is a hold (by its id) or a row of its own; it counts while units of it are left.
// D2. What takes an order back (a release, a void) is booked in the window the order stood in.
// D3. The largest order is the most units one row made, less what was taken back of it: of a hold, from its
//     last row. When it shrinks the largest is looked for anew.

import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import type { LedgerPrefix } from "./projection.ts";
import { inPiece, type KeyPiece } from "./range_sums.ts";
import { addToWindows, type FoldRange } from "./window_rows.ts";

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

/** Adds what a piece of the rows says that belong to an order. */
export async function foldOrders(
  sql: Transaction,
  folded: LedgerPrefix,
  piece: KeyPiece,
): Promise<void> {
  const rows = sql`
    select sku, location, start, demand, lost,
      case when units_before + demand > 0 then 1 else 0 end - case when units_before > 0 then 1 else 0 end as orders,
      greatest(demand, 0) as largest, returns, 0::int8 as transfers, counts
    from order_change where ${inPiece(sql, piece)}`;
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
