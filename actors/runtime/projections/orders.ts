// Owns looking up the orders that rows of a range are parts of, wherever in the ledger they began: all parts of a hold are read
// at once and summed in their order, what a void undoes is found by its identity.
//
// These statements go over all partitions of the ledger, so their plans are kept from step to step. `order_change` has no index for
// that reason: emptying an index throws away all plans that name its table. With 100 partitions such a plan took 10 ms and 726
// locks, to run it 1 ms and 108.

import type { Transaction } from "../../../shared/postgres.ts";
import { inEntryPieces, type Rest } from "./projection.ts";
import { onManyRows } from "./query_plans.ts";
import { type OrderKinds, partOf, related, telling } from "./range_sums.ts";
import { undone, type VoidRow, voidColumns } from "./undone.ts";
import { type FoldRange, inRange } from "./window_rows.ts";

/**
 * Of a step's transaction: rows that belong to an order which earlier rows tell of, `units_before` of it, `start` of the window
 * it is booked in.
 */
const TABLE = `
  create temporary table if not exists order_change (
    sku text not null, location text not null, start timestamptz not null, demand int8 not null, lost int8 not null,
    units_before int8 not null, returns int8 not null, counts int8 not null, part int4 not null
  ) on commit delete rows`;

/** Fills `order_change` with the rows of a range; tells how many. */
export async function takeOrders(
  sql: Transaction,
  range: FoldRange,
  { hasParts, hasVoids }: OrderKinds,
  rest: Rest,
): Promise<number> {
  await sql.unsafe(TABLE);
  await sql`delete from order_change`;
  let rows = 0;
  await inEntryPieces(range, rest, async (piece) => {
    if (hasParts) rows += await takeParts(sql, piece);
    if (hasVoids) rows += await takeVoids(sql, piece);
  });
  return rows;
}

/** Parts of holds. What takes units back is booked where the row stands that last added some. */
async function takeParts(sql: Transaction, range: FoldRange): Promise<number> {
  const { epoch, shard, toSeq } = range;
  return onManyRows(sql, async () => {
    const { count } = await sql`
      insert into order_change
      select t.sku, t.location, window_start(m.grain, m.time_zone, t.placed_at), t.demand, t.lost, t.units_before, 0, 0,
        ${partOf(sql, sql`t.sku`)}
      from (
        select *, case when additions = 0 then at else first_value(at) over (
          partition by hold, sku, location, additions order by epoch, seq, index, ordinal) end as placed_at
        from (
          select p.hold, p.sku, p.location, p.epoch, p.shard, p.seq, p.index, p.ordinal, p.appended_at, p.at, p.demand, p.lost,
            coalesce(sum(p.demand) over (line rows between unbounded preceding and 1 preceding), 0)::int8 as units_before,
            count(*) filter (where p.demand > 0) over (line rows unbounded preceding) as additions
          from stock_transaction p
          where p.demand <> 0 and p.hold is not null and (p.epoch + 0, p.seq) <= (${epoch}::int, ${toSeq}::int8)
            and p.hold = any(array(select distinct t.hold from stock_transaction t
              where ${inRange(sql, range)} and t.demand <> 0 and t.hold is not null))
          window line as (partition by p.hold, p.sku, p.location order by p.epoch, p.seq, p.index, p.ordinal)
        ) p
      ) t
      join demand_watermark m on m.shard = ${shard} and m.location = t.location
      where ${inRange(sql, range)}`;
    return count;
  });
}

async function takeVoids(sql: Transaction, range: FoldRange): Promise<number> {
  const voids = await sql<VoidRow[]>`
    select ${voidColumns(sql)} from stock_transaction t
    where ${inRange(sql, range)} and t.hold is null and ${telling(sql)} and ${related(sql)}`;
  if (voids.length === 0) return 0;
  return onManyRows(sql, async () => {
    const { count } = await sql`
      insert into order_change
      select t.sku, t.location, window_start(m.grain, m.time_zone, coalesce(o.at, t.at)), t.demand, t.lost,
        coalesce(case when o.hold is null then o.demand else (
          select sum(q.demand)::int8 from stock_transaction q
          where q.hold = o.hold and q.sku = o.sku and q.location = o.location and q.demand <> 0 and q.hold is not null
            and (q.epoch + 0, q.seq, q.index) < (t.epoch, t.seq, t.index)) end, 0),
        case when o.type = 'return' then t.delta_sellable + t.delta_bucket else 0 end,
        case when o.type = 'adjust' then t.delta_sellable else 0 end, ${partOf(sql, sql`t.sku`)}
      from ${undone(sql, voids)}
      join demand_watermark m on m.shard = ${range.shard} and m.location = t.location`;
    return count;
  });
}
