// The check made before a figure is printed: what was sent is what was decided is what the ledger
// has, every level is the sum of its ledger rows, the registry shows the levels, nothing is oversold.

import type { BenchSystem } from "./bench_system.ts";
import { registryDifferences } from "./registry_check.ts";
import type { Correctness } from "./result.ts";

export type Expected = {
  /** Log positions before the run, by shard. */
  since: readonly number[];
  /** Commands of the run that must stand in the ledger, once each. */
  commands: number;
  /** Units that must have left sellable by it, when known. */
  units?: number;
};

/** Reads the ledger after `since` and compares. The commits must have caught up. */
export async function checkRun(system: BenchSystem, expected: Expected): Promise<Correctness> {
  const faults: string[] = [];
  const ledger = await ledgerSince(system, expected.since);
  if (ledger.rows !== expected.commands || ledger.identities !== expected.commands)
    faults.push(
      `sent ${expected.commands}, ledger has ${ledger.rows} rows of ${ledger.identities} commands`,
    );
  if (expected.units !== undefined && -ledger.units !== expected.units)
    faults.push(`sold ${expected.units} units, ledger has ${-ledger.units}`);
  if (ledger.oversold > 0) faults.push(`${ledger.oversold} requests were granted beyond available`);
  const registry = await registryDifferences(system);
  if (registry.length > 0)
    faults.push(`registry differs at ${registry.length} keys, first ${registry[0]}`);
  if (faults.length > 0) return { ok: false, what: faults.join("; ") };
  return {
    ok: true,
    what: `sent ${expected.commands} = decided = ledger; registry = ledger; nothing oversold`,
  };
}

/** All runs of a figure are correct, or the first fault. */
export function allCorrect(runs: readonly Correctness[]): Correctness {
  return runs.find((run) => !run.ok) ?? runs.at(-1) ?? { ok: false, what: "no run was made" };
}

type Ledger = { rows: number; identities: number; units: number; oversold: number };

async function ledgerSince(system: BenchSystem, since: readonly number[]): Promise<Ledger> {
  const sum: Ledger = { rows: 0, identities: 0, units: 0, oversold: 0 };
  for (const [shard, seq] of since.entries()) {
    const [found] = await system.database.run(
      (sql) => sql<Ledger[]>`
        select count(*) as rows,
          count(distinct (sku, location, id)) as identities,
          coalesce(sum(delta_sellable), 0)::int8 as units,
          count(*) filter (where type = 'hold' and outcome = 'applied'
            and delta_reserved > 0 and sellable - reserved < 0) as oversold
        from stock_transaction
        where epoch = ${system.topology.epoch} and shard = ${shard} and seq > ${seq}
          and cause = 'command' and type <> 'tick'`,
    );
    for (const key of Object.keys(sum) as (keyof Ledger)[]) sum[key] += Number(found?.[key] ?? 0);
  }
  return sum;
}
