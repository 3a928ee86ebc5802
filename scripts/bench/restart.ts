// Restart after a crash: 1,000,000 SKU-locations in the checkpoint and 100,000 committed commands past
// it; the stock process is killed, another one started. Measured from its start to the first decision
// of the slowest shard, so the lease of the dead, the restore and the folding are all in it.

import type { Command } from "../../shared/messages.ts";
import { type BenchSystem, openBenchSystem } from "./bench_system.ts";
import { allCorrect, checkRun } from "./correctness.ts";
import type { Measured } from "./firehose.ts";
import type { Correctness } from "./result.ts";

export type RestartOptions = {
  runs: number;
  keys: number;
  /** Commands past the checkpoint. */
  commands: number;
  profileDir?: string;
  say: (line: string) => void;
};

const LOCATIONS = 20;
/** No checkpoint by itself within a run. */
const NEVER = { ONHAND_CHECKPOINT_INTERVAL_MS: "600000" };
const ANSWER_MAX_MS = 120_000;

/** Seconds, each run. Makes and closes a system of its own. */
export async function benchRestart(options: RestartOptions): Promise<Measured> {
  const { profileDir, say } = options;
  const profile = profileDir === undefined ? {} : { profileDir };
  const system = await openBenchSystem({ ...profile, say });
  try {
    options.say(`restart: making ${options.keys} SKU-locations`);
    await system.decideAll(receipts(options.keys));
    await system.waitFor(await system.logEnds());
    // A drained process leaves a checkpoint; the next one makes none until it is killed.
    await system.stock?.stop();
    await system.waitFor(await system.logEnds(), "checkpoint");
    const runs: number[] = [];
    const firsts: number[] = [];
    const checks: Correctness[] = [];
    for (let run = 1; run <= options.runs; run++) {
      await system.startStock(NEVER);
      const since = await system.logEnds();
      await system.decideAll(sales(options.keys, options.commands, run));
      await system.waitFor(await system.logEnds());
      const past = await pastCheckpoint(system, since);
      checks.push(past.ok ? await checkRun(system, { since, commands: options.commands }) : past);
      await system.stock?.kill();
      const { firstMs, allMs } = await restartAndAsk(system, run);
      firsts.push(firstMs / 1000);
      runs.push(allMs / 1000);
      options.say(`restart, run ${run}: first shard ${firstMs} ms, all ${allMs} ms`);
      // Drained, so that the next run again has exactly its own commands past the checkpoint.
      await system.stock?.stop();
    }
    const detail = { firstShardS: firsts.at(-1) as number, keys: options.keys };
    return { runs, correct: allCorrect(checks), detail };
  } finally {
    await system.close();
  }
}

/** The checkpoint must not have moved past what stood before the run. */
async function pastCheckpoint(system: BenchSystem, since: readonly number[]): Promise<Correctness> {
  const checkpoints = await system.positions("checkpoint");
  const ok = checkpoints.every((seq, shard) => seq <= (since[shard] as number));
  return { ok, what: ok ? "past the checkpoint" : `a checkpoint at ${checkpoints} came between` };
}

async function restartAndAsk(
  system: BenchSystem,
  run: number,
): Promise<{ firstMs: number; allMs: number }> {
  const publisher = system.publisher();
  const startMs = performance.now();
  system.spawnStock(NEVER);
  let firstMs = Number.POSITIVE_INFINITY;
  const asked = system.probeSkus().map(async (sku) => {
    const command: Command = {
      type: "receipt",
      id: `probe-${run}`,
      sku,
      location: "probe",
      qty: 1,
    };
    const decision = await publisher.decide(command, { deadlineMs: ANSWER_MAX_MS });
    if ("status" in decision) throw new Error(`no decision within ${ANSWER_MAX_MS} ms`);
    firstMs = Math.min(firstMs, performance.now() - startMs);
  });
  await Promise.all(asked);
  const allMs = performance.now() - startMs;
  await publisher.close();
  return { firstMs: Math.round(firstMs), allMs: Math.round(allMs) };
}

const nameOf = (key: number) => ({
  sku: `SKU-${Math.floor(key / LOCATIONS)}`,
  location: `store-${key % LOCATIONS}`,
});

function* receipts(keys: number): Generator<Command> {
  for (let key = 0; key < keys; key++)
    yield { type: "receipt", id: "bench-opening", ...nameOf(key), qty: 1_000_000 };
}

function* sales(keys: number, commands: number, run: number): Generator<Command> {
  // A stride that meets all keys evenly.
  const stride = 7_919;
  for (let n = 0; n < commands; n++)
    yield { type: "sale", id: `s${run}-${n}`, ...nameOf((n * stride) % keys), qty: 1 };
}
