// Latencies at a planned rate, open loop: commands leave at times drawn beforehand (Poisson), whether
// or not earlier ones were answered, and each wait counts from its planned time. So nothing is
// hidden by a generator that waits together with what it measures.

import { setTimeout as sleep } from "node:timers/promises";
import { cmdSubject } from "../../streams/subjects.ts";
import type { BenchSystem } from "./bench_system.ts";
import { allCorrect, checkRun } from "./correctness.ts";
import { type Measured, salePayload } from "./firehose.ts";
import { clockMs, sendPlanned } from "./planned_sends.ts";
import { openRawTill, type RawTill } from "./raw_nats.ts";
import { type Correctness, percentile } from "./result.ts";
import { LOCATION, poissonArrivals, skuName, zipfSequence } from "./workload.ts";

export type LatencyOptions = {
  runs: number;
  seconds: number;
  ratePerS: number;
  say: (line: string) => void;
};

/** Not counted: the first second of each run, while caches fill and code is compiled. */
const WARM_UP_MS = 1_000;
const ANSWER_MAX_MS = 10_000;
/** Until the sending thread is up. */
export const START_MS = 200;

export type Latencies = { p50: Measured; p99: Measured };

/** Command to decision, ms: p50 and p99 of each run. Single entries, as tills send them. */
export async function benchDecisionLatency(
  system: BenchSystem,
  options: LatencyOptions,
): Promise<Latencies> {
  const collected = collector();
  for (let run = 1; run <= options.runs; run++) {
    const since = await system.logEnds();
    await system.waitFor(since);
    const till = await openRawTill(system.servers.nats);
    const result = await openLoop(till, options, run, (i, sku, done) =>
      till.asking(cmdSubject(LOCATION, skuName(sku)), salePayload(`l${run}-${i}`), (decision) =>
        done(decision.includes('"outcome":"applied"')),
      ),
    );
    till.close();
    await system.waitFor(await system.logEnds());
    const check = await checkRun(system, { since, commands: result.sent, units: result.sent });
    collected.add(result, check);
    options.say(`command to decision, run ${run}: ${collected.last()}`);
  }
  return collected.measured();
}

/** Publish to ack, ms, single entries as tills send them. */
export async function benchAckLatency(
  system: BenchSystem,
  options: LatencyOptions,
): Promise<Latencies> {
  const collected = collector();
  for (let run = 1; run <= options.runs; run++) {
    const since = await system.logEnds();
    await system.waitFor(since);
    const till = await openRawTill(system.servers.nats);
    const result = await openLoop(till, options, run, (i, sku, done) =>
      till.acking(cmdSubject(LOCATION, skuName(sku)), salePayload(`a${run}-${i}`), done),
    );
    till.close();
    await system.waitFor(await system.logEnds());
    const check = await checkRun(system, { since, commands: result.sent, units: result.sent });
    collected.add(result, check);
    options.say(`publish to ack, run ${run}: ${collected.last()}`);
  }
  return collected.measured();
}

export type OpenLoopResult = {
  sent: number;
  /** Waits of commands planned after the warm-up, ms, upwards. */
  waits: Float64Array;
  failed: number;
};

/** Sends each command at its planned time; `frameOf` gives its bytes and calls `done` when it is answered. */
export async function openLoop(
  till: RawTill,
  options: { seconds: number; ratePerS: number },
  seed: number,
  frameOf: (index: number, sku: number, done: (ok: boolean) => void) => string,
): Promise<OpenLoopResult> {
  const { ratePerS } = options;
  const total = Math.round((options.seconds + WARM_UP_MS / 1000) * ratePerS);
  const arrivals = poissonArrivals(seed, ratePerS, total);
  const skus = zipfSequence(seed, total);
  const waits = new Float64Array(total).fill(Number.NaN);
  let answered = 0;
  let failed = 0;
  let startMs = 0;
  const frames = Array.from(skus, (sku, i) =>
    frameOf(i, sku, (ok) => {
      waits[i] = clockMs() - startMs - (arrivals[i] as number);
      answered++;
      if (!ok) failed++;
    }),
  );
  startMs = clockMs() + START_MS;
  const sends = sendPlanned({ fd: till.fd, frames, arrivals, startMs });
  till.onBroken(() => sends.stop());
  try {
    await sends.done;
  } catch (error) {
    throw till.broken ?? error;
  } finally {
    sends.stop();
  }
  const untilMs = performance.now() + ANSWER_MAX_MS;
  while (answered < total && performance.now() < untilMs) await sleep(5);
  const counted = waits.filter(
    (ms, i) => (arrivals[i] as number) >= WARM_UP_MS && !Number.isNaN(ms),
  );
  return { sent: total, waits: counted.sort(), failed: failed + (total - answered) };
}

/** Gathers the runs of an open loop into figures. */
export function collector() {
  const p50: number[] = [];
  const p99: number[] = [];
  const checks: Correctness[] = [];
  let detail: Record<string, number> = {};
  return {
    add: ({ sent, waits, failed }: OpenLoopResult, ledger: Correctness) => {
      p50.push(percentile(waits, 0.5));
      p99.push(percentile(waits, 0.99));
      const [p999, most] = [percentile(waits, 0.999), percentile(waits, 1)];
      detail = { p50: tidy(p50.at(-1)), p99: tidy(p99.at(-1)), p999: tidy(p999), max: tidy(most) };
      checks.push(failed > 0 ? { ok: false, what: `${failed} of ${sent} had no answer` } : ledger);
    },
    last: () => JSON.stringify(detail),
    measured: (): Latencies => {
      const correct = allCorrect(checks);
      return { p50: { runs: p50, correct, detail }, p99: { runs: p99, correct, detail } };
    },
  };
}

const tidy = (ms: number | undefined): number => Math.round((ms ?? Number.NaN) * 100) / 100;
