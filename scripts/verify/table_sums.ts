// Owns the checks between tables of a checkpoint: what a level sums up stands one by one in another table (S8, S10,
// S15).
import { OPEN_STATUSES } from "../../actors/stock/order_lines.ts";
import type { Transaction } from "../../shared/postgres.ts";
import type { Differences } from "./difference.ts";

const FIELDS = ["reserved", "firm", "backordered", "in_transit", "on_order"] as const;
type Sums = Record<(typeof FIELDS)[number], number>;
type Row = { sku: string; location: string; level: Sums | null; parts: Sums | null };

/** Compares the levels of one shard with its holds, transfers and order lines, in one transaction's view. */
export async function compareTables(
  sql: Transaction,
  { epoch, shard }: { epoch: number; shard: number },
  differences: Differences,
): Promise<void> {
  const rows = await sql<Row[]>`
    with part as (
      select sku, location, qty as reserved, case when firm then qty else 0 end as firm, backordered,
        0 as in_transit, 0 as on_order
      from hold where shard = ${shard} and status = 'held'
      union all
      select sku, target, 0, 0, 0, greatest(0, shipped - arrived), 0
      from transfer where shard = ${shard} and not closed
      union all
      select sku, location, 0, 0, 0, 0, greatest(0, ordered - received)
      from order_line where shard = ${shard} and status = any(${OPEN_STATUSES}::text[])
    ), parts as (
      select sku, location, sum(reserved)::int8 as reserved, sum(firm)::int8 as firm,
        sum(backordered)::int8 as backordered, sum(in_transit)::int8 as in_transit,
        sum(on_order)::int8 as on_order
      from part group by sku, location
    ), level as (
      select sku, location, reserved, firm, backordered, in_transit, on_order
      from stock_level where shard = ${shard} and epoch = ${epoch}
    )
    select sku, location, to_jsonb(level) as level, to_jsonb(parts) as parts
    from parts full join level using (sku, location)
    where (coalesce(parts.reserved, 0), coalesce(parts.firm, 0), coalesce(parts.backordered, 0),
        coalesce(parts.in_transit, 0), coalesce(parts.on_order, 0))
      <> (coalesce(level.reserved, 0), coalesce(level.firm, 0), coalesce(level.backordered, 0),
        coalesce(level.in_transit, 0), coalesce(level.on_order, 0))
    order by sku, location`;
  for (const { sku, location, level, parts } of rows)
    for (const field of FIELDS) {
      const expected = parts?.[field] ?? 0;
      const found = level?.[field];
      if (expected !== (found ?? 0))
        differences.add({ between: "tables", shard, sku, location, field, expected, found });
    }
}
