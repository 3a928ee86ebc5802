// Registry = ledger: the level Redis shows of every key is the sum of its ledger rows.

import { setTimeout as sleep } from "node:timers/promises";
import type { BenchSystem } from "./bench_system.ts";
import { openRegistryReader } from "./registry_reader.ts";

type Sum = { sku: string; location: string; sellable: number; reserved: number };

/** The registry may be a moment behind a commit; longer than this it is wrong. */
const CATCH_UP_MS = 5_000;

/** Keys whose level in Redis is not the sum of the ledger's rows, as text for people. */
export async function registryDifferences(system: BenchSystem): Promise<string[]> {
  const sums = await ledgerSums(system);
  const untilMs = performance.now() + CATCH_UP_MS;
  for (;;) {
    const found = await compare(system, new Map(sums));
    if (found.length === 0 || performance.now() > untilMs) return found;
    await sleep(100);
  }
}

async function ledgerSums(system: BenchSystem): Promise<Map<string, Sum>> {
  const rows = await system.database.run(
    (sql) => sql<Sum[]>`
      select sku, location, sum(delta_sellable)::int8 as sellable,
        sum(delta_reserved)::int8 as reserved
      from stock_transaction where outcome = 'applied' and type <> 'tick'
      group by sku, location`,
    300_000,
  );
  return new Map(rows.map((row) => [keyOf(row), row]));
}

async function compare(system: BenchSystem, sums: Map<string, Sum>): Promise<string[]> {
  const reader = await openRegistryReader(system.servers.redis);
  const differences: string[] = [];
  try {
    for await (const page of reader.all()) {
      for (const level of page) {
        const sum = sums.get(keyOf(level));
        sums.delete(keyOf(level));
        const { sellable, reserved } = level;
        if (sum === undefined || (sum.sellable === sellable && sum.reserved === reserved)) continue;
        differences.push(
          `${keyOf(level)}: ledger ${sum.sellable}/${sum.reserved}, Redis ${sellable}/${reserved}`,
        );
      }
    }
  } finally {
    await reader.close();
  }
  for (const key of sums.keys()) differences.push(`${key}: not in Redis`);
  return differences;
}

const keyOf = ({ sku, location }: { sku: string; location: string }): string =>
  `${sku} at ${location}`;
