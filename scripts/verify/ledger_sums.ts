// Owns the sums of the ledger: for every key its rows up to the checkpoint's position must add up to the level stored
// with it (S7).
import type { Transaction } from "../../shared/postgres.ts";
import type { Differences } from "./difference.ts";

const FIELDS = [
  "sellable",
  "reserved",
  "unavailable",
  "backordered",
  "in_transit",
  "on_order",
  // What the checkpoint tells besides, for those who read it with SQL.
  "on_hand",
  "available",
] as const;
type Sums = Record<(typeof FIELDS)[number], number | null>;
type Row = { sku: string; location: string; level: Sums | null; ledger: Sums | null };

/** Compares one shard with its checkpoint, in one transaction's view. */
export async function compareLedger(
  sql: Transaction,
  of: { epoch: number; shard: number; toSeq: number },
  differences: Differences,
): Promise<void> {
  const { epoch, shard, toSeq } = of;
  const rows = await sql<Row[]>`
    with ledger as (
      select sku, location, sum(delta_sellable)::int8 as sellable, sum(delta_reserved)::int8 as reserved,
        sum(delta_bucket)::int8 as unavailable, sum(delta_backordered)::int8 as backordered,
        sum(delta_in_transit)::int8 as in_transit, sum(delta_on_order)::int8 as on_order,
        sum(delta_sellable + delta_bucket)::int8 as on_hand,
        sum(delta_sellable - delta_reserved)::int8 as available
      from stock_transaction
      where epoch = ${epoch} and shard = ${shard} and seq <= ${toSeq}
      group by sku, location
    ), level as (
      select sku, location, sellable, reserved, unavailable, backordered, in_transit, on_order, on_hand,
        available
      from stock_level where shard = ${shard} and epoch = ${epoch}
    )
    select sku, location, to_jsonb(level) as level, to_jsonb(ledger) as ledger
    from ledger full join level using (sku, location)
    where (level is null and (ledger.sellable, ledger.reserved, ledger.unavailable,
        ledger.backordered, ledger.in_transit, ledger.on_order) <> (0, 0, 0, 0, 0, 0))
      or (level.sku is not null and (coalesce(ledger.sellable, 0), coalesce(ledger.reserved, 0),
        coalesce(ledger.unavailable, 0), coalesce(ledger.backordered, 0),
        coalesce(ledger.in_transit, 0), coalesce(ledger.on_order, 0),
        coalesce(ledger.on_hand, 0), coalesce(ledger.available, 0))
        is distinct from (level.sellable, level.reserved, level.unavailable, level.backordered,
        level.in_transit, level.on_order, level.on_hand, level.available))
    order by sku, location`;
  for (const { sku, location, level, ledger } of rows)
    for (const field of FIELDS) {
      const expected = ledger?.[field] ?? 0;
      const found = level?.[field] ?? undefined;
      if (expected !== (found ?? 0))
        differences.add({ between: "ledger", shard, sku, location, field, expected, found });
    }
}
