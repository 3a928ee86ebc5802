// Owns the checks of the ledger: for every key its rows must add up to the level (S7), up to the checkpoint's position
// to the one stored with it, and for keys that moved since to the one the log gives.
import type { Machine } from "../../actors/runtime/machine.ts";
import type { Level } from "../../shared/messages.ts";
import type { Transaction } from "../../shared/postgres.ts";
import { parseVersion } from "../../shared/version.ts";
import { type Differences, placeOf } from "./difference.ts";

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
/** The same of a level that the log gives. */
const OF_LEVEL = {
  sellable: (level: Level) => level.sellable,
  reserved: (level: Level) => level.reserved,
  unavailable: (level: Level) => level.onHand - level.sellable,
  backordered: (level: Level) => level.backordered,
  in_transit: (level: Level) => level.inTransit,
  on_order: (level: Level) => level.onOrder,
} as const;
type Tail = { sku: string; location: string; rows: number } & Record<keyof typeof OF_LEVEL, number>;
type Row = { sku: string; location: string; level: Sums | null; ledger: Sums | null };

/** Compares one shard with its checkpoint, in one transaction's view; returns how many ledger rows it looked at. */
export async function compareLedger(
  sql: Transaction,
  of: { epoch: number; shard: number; toSeq: number },
  differences: Differences,
): Promise<number> {
  const { epoch, shard, toSeq } = of;
  const [counts] = await sql<{ rows: number }[]>`
    select count(*)::int8 as rows from stock_transaction
    where epoch = ${epoch} and shard = ${shard} and seq <= ${toSeq} and outcome = 'applied'`;
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
  return counts?.rows ?? 0;
}

/**
 * Compares the keys that moved after entry `afterSeq` with a machine that stands at `toSeq`, up to which everything
 * is committed; returns how many ledger rows there are between.
 */
export async function compareTail(
  sql: Transaction,
  of: { epoch: number; shard: number; afterSeq: number; toSeq: number },
  machine: Machine,
  differences: Differences,
): Promise<number> {
  const { epoch, shard, afterSeq, toSeq } = of;
  const tails = await sql<Tail[]>`
    select sku, location, sum(delta_sellable)::int8 as sellable, sum(delta_reserved)::int8 as reserved,
      sum(delta_bucket)::int8 as unavailable, sum(delta_backordered)::int8 as backordered,
      sum(delta_in_transit)::int8 as in_transit, sum(delta_on_order)::int8 as on_order,
      count(*) filter (where seq > ${afterSeq} and outcome = 'applied')::int8 as rows
    from stock_transaction
    where epoch = ${epoch} and shard = ${shard} and seq <= ${toSeq}
    group by sku, location`;
  const sums = new Map(tails.map((tail) => [placeOf(tail), tail]));
  for (const key of machine.keys()) {
    const level = machine.level(key);
    const { sku, location, version } = level;
    // What did not move since the checkpoint was compared with it.
    if ((parseVersion(version)?.seq ?? 0) <= afterSeq) continue;
    for (const [field, of] of Object.entries(OF_LEVEL)) {
      const expected = of(level);
      const found = sums.get(placeOf(level))?.[field as keyof typeof OF_LEVEL];
      if (expected !== (found ?? 0))
        differences.add({ between: "ledger", shard, sku, location, field, expected, found });
    }
  }
  return tails.reduce((sum, { rows }) => sum + rows, 0);
}
