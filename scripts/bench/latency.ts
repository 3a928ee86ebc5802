// Latencies at a planned rate, open loop: commands leave at times drawn beforehand (Poisson), whether
// or not earlier ones were answered, and each wait counts from its planned time. So nothing is
// hidden by a generator that waits together with what it measures.

import { setTimeout as sleep } from "node:timers/promises";
import { cmdSubject } from "../../streams/subjects.ts";
import type { BenchSystem } from "./bench_system.ts";
import { allCorrect, checkRun } from "./correctness.ts";
import { type Measured, salePayload } from "./firehose.ts";
import { clockMs, type Plan, sendPlanned } from "./planned_sends.ts";
import { openRawTill, type RawTill } from "./raw_nats.ts";
import { type Correctness, percentile } from "./result.ts";
import { settleHeap } from "./settle_heap.ts";
import { LOCATION, poissonArrivals, skuName, zipfSequence } from "./workload.ts";

export type LatencyOptions = {
  runs: number;
  seconds: number;
  ratePerS: number;
  say: (line: string) => void;
};

/** Not counted: the first second of each run, while caches fill and code is compiled. */
export const WARM_UP_MS = 1_000;
const ANSWER_MAX_MS = 10_000;
/** Until the frames are made and the sending thread is up. */
export const START_MS = 500;

export type Latencies = { p50: Measured; p99: Measured };

/** Command to decision, ms: p50 and p99 of each run. Single entries, as tills send them. */
export function benchDecisionLatency(
  system: BenchSystem,
  options: LatencyOptions,
): Promise<Latencies> {
  return benchOpenLoop(system, options, "command to decision", (till, id, sku, done) =>
    till.asking(cmdSubject(LOCATION, sku), salePayload(`l${id}`), (decision) =>
      done(decision.includes('"outcome":"applied"')),
    ),
  );
}

/** Publish to ack, ms, single entries as tills send them. */
export function benchAckLatency(system: BenchSystem, options: LatencyOptions): Promise<Latencies> {
  return benchOpenLoop(system, options, "publish to ack", (till, id, sku, done) =>
    till.acking(cmdSubject(LOCATION, sku), salePayload(`a${id}`), done),
  );
}

/** The bytes of one command; `done` is called when it is answered. */
type FrameOf = (till: RawTill, id: string, sku: string, done: (ok: boolean) => void) => string;

async function benchOpenLoop(
  system: BenchSystem,
  options: LatencyOptions,
  what: string,
  frameOf: FrameOf,
): Promise<Latencies> {
  const collected = collector();
  for (let run = 1; run <= options.runs; run++) {
    const since = await system.logEnds();
    await system.waitFor(since);
    const till = await openRawTill(system.servers.nats);
    const result = await openLoop(till, options, run, frameOf);
    till.close();
    await system.waitFor(await system.logEnds());
    const check = await checkRun(system, { since, commands: result.sent, units: result.sent });
    collected.add(result, check);
    options.say(`${what}, run ${run}: ${collected.last()}`);
  }
  return collected.measured();
}

export type OpenLoopResult = {
  sent: number;
  /** Waits of commands planned after the warm-up, ms, upwards. */
  waits: Float64Array;
  failed: number;
};

/** Sends each command at its planned time, and waits for the answers. */
async function openLoop(
  till: RawTill,
  options: LatencyOptions,
  run: number,
  frameOf: FrameOf,
): Promise<OpenLoopResult> {
  const { arrivals, skus } = plannedLoad(options, run);
  const total = arrivals.length;
  const waits = new Float64Array(total).fill(Number.NaN);
  let answered = 0;
  let failed = 0;
  const start = new Float64Array(1);
  const frames = skus.map((sku, i) =>
    frameOf(till, `${run}-${i}`, sku, (ok) => {
      waits[i] = clockMs() - (start[0] as number) - (arrivals[i] as number);
      answered++;
      if (!ok) failed++;
    }),
  );
  settleHeap();
  const startMs = clockMs() + START_MS;
  start[0] = startMs;
  await sendThrough(till, { frames, arrivals, startMs });
  const untilMs = performance.now() + ANSWER_MAX_MS;
  while (answered < total && performance.now() < untilMs) await sleep(5);
  const counted = waits.filter(
    (ms, i) => (arrivals[i] as number) >= WARM_UP_MS && !Number.isNaN(ms),
  );
  return { sent: total, waits: counted.sort(), failed: failed + (total - answered) };
}

/** When each command of a run leaves, ms from its start, and of which SKU it is. */
export function plannedLoad(
  { seconds, ratePerS }: LatencyOptions,
  seed: number,
): { arrivals: Float64Array; skus: string[] } {
  const total = Math.round((seconds + WARM_UP_MS / 1000) * ratePerS);
  const skus = Array.from(zipfSequence(seed, total), skuName);
  return { arrivals: poissonArrivals(seed, ratePerS, total), skus };
}

/** Sends frames of a till at their times. @throws Error when its connection broke */
export async function sendThrough(till: RawTill, plan: Omit<Plan, "fd">): Promise<void> {
  const sends = sendPlanned({ ...plan, fd: till.fd });
  till.onBroken(() => sends.stop());
  try {
    await sends.done;
  } catch (error) {
    throw till.broken ?? error;
  } finally {
    sends.stop();
  }
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
