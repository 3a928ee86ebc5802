// Decisions: 64 callers, each waiting for its answer before it asks again, over NATS through our
// publisher. Of ten commands a caller sends eight sales, a hold and its release; a few scarce SKUs
// are only held, so that requests are refused, as they are in life.

import type { Command, Decision } from "../../shared/messages.ts";
import type { Publisher } from "../../streams/publisher.ts";
import type { BenchSystem } from "./bench_system.ts";
import { allCorrect, checkRun } from "./correctness.ts";
import { perCommand, startCpuMeter } from "./cpu_meter.ts";
import type { Measured } from "./firehose.ts";
import type { Correctness } from "./result.ts";
import { LOCATION, SKUS, skuName, zipfSequence } from "./workload.ts";

export type DecisionsOptions = {
  runs: number;
  seconds: number;
  /** Zipf over 10,000 SKUs, or all callers on one SKU. */
  of: "zipf" | "hot";
  say: (line: string) => void;
};

export const CALLERS = 64;
const SEQUENCE = 1 << 20;
const HOLD_MS = 600_000;
const SCARCE_STOCK = 20;

const scarceName = (index: number): string => `SCARCE-${index}`;
/** About 1.2 % of Zipf picks fall on these places of the sequence. */
const isScarce = (sku: number): boolean => sku % 83 === 82;

/** Stock of the scarce SKUs, in pieces of which there are never enough. */
export function* scarceStock(): Generator<Command> {
  for (let i = 0; i < SKUS; i++)
    if (isScarce(i))
      yield {
        type: "receipt",
        id: "bench-opening",
        sku: scarceName(i),
        location: LOCATION,
        qty: SCARCE_STOCK,
      };
}

/** Decisions per second, each run. The system must have its opening and scarce stock. */
export async function benchDecisions(
  system: BenchSystem,
  options: DecisionsOptions,
): Promise<Measured> {
  const sequence = zipfSequence(2, SEQUENCE);
  const runs: number[] = [];
  const checks: Correctness[] = [];
  let detail: Record<string, number> = {};
  for (let run = 1; run <= options.runs; run++) {
    const since = await system.logEnds();
    await system.waitFor(since);
    const publisher = system.publisher();
    const counts: Counts = { sent: 0, decided: 0, refused: 0, wrong: 0 };
    const cpu = startCpuMeter(system);
    const startMs = performance.now();
    const untilMs = startMs + options.seconds * 1000;
    const callers = Array.from({ length: CALLERS }, (_, caller) => {
      const pick = options.of === "hot" ? () => 0 : pickFrom(sequence, caller);
      return call(publisher, `d${options.of[0]}${run}-${caller}`, pick, untilMs, counts);
    });
    await Promise.all(callers);
    const tookMs = performance.now() - startMs;
    await publisher.close();
    await system.waitFor(await system.logEnds());
    const meanWaitMs = Math.round((CALLERS * tookMs * 100) / counts.decided) / 100;
    const perEntry = Math.round((counts.sent * 10) / publisher.stats().sent) / 10;
    detail = { callers: CALLERS, meanWaitMs, perEntry, ...perCommand(cpu(), counts.decided) };
    checks.push(verdict(await checkRun(system, { since, commands: counts.sent }), counts));
    runs.push((counts.decided * 1000) / tookMs);
    options.say(
      `decisions ${options.of}, run ${run}: ${Math.round(runs.at(-1) as number)}/s, ` +
        `${counts.refused} refused, ${JSON.stringify(detail)}`,
    );
  }
  return { runs, correct: allCorrect(checks), detail };
}

type Counts = { sent: number; decided: number; refused: number; wrong: number };

function verdict(ledger: Correctness, { sent, decided, wrong }: Counts): Correctness {
  if (sent !== decided) return { ok: false, what: `sent ${sent}, decided ${decided}` };
  if (wrong > 0) return { ok: false, what: `${wrong} decisions were not what they must be` };
  return ledger;
}

function pickFrom(sequence: Uint32Array, caller: number): () => number {
  let at = Math.floor((caller * SEQUENCE) / CALLERS);
  return () => sequence[at++ % SEQUENCE] as number;
}

async function call(
  publisher: Publisher,
  prefix: string,
  pick: () => number,
  untilMs: number,
  counts: Counts,
): Promise<void> {
  let held: { sku: string; hold: string } | undefined;
  for (let n = 0; performance.now() < untilMs || held !== undefined; n++) {
    const id = `${prefix}-${n}`;
    const sku = pick();
    counts.sent++;
    if (held !== undefined) {
      const decision = await publisher.decide({ type: "release", id, location: LOCATION, ...held });
      held = undefined;
      count(counts, decision, false);
    } else if (isScarce(sku)) {
      const common = { id, sku: scarceName(sku), location: LOCATION };
      const decision = await publisher.decide({
        type: "hold",
        ...common,
        hold: id,
        qty: 1,
        ttlMs: null,
      });
      count(counts, decision, true);
    } else if (n % 10 === 8) {
      held = { sku: skuName(sku), hold: id };
      const common = { id, location: LOCATION, ...held };
      const decision = await publisher.decide({ type: "hold", ...common, qty: 1, ttlMs: HOLD_MS });
      count(counts, decision, false);
    } else {
      const common = { id, sku: skuName(sku), location: LOCATION };
      const qty = 1 + (n % 3);
      count(
        counts,
        await publisher.decide({ type: "sale", ...common, qty, channel: "pos" }),
        false,
      );
    }
  }
}

/** Only a hold of a scarce SKU may be refused, and only for want of stock. */
function count(counts: Counts, decision: Decision, mayRefuse: boolean): void {
  counts.decided++;
  if (decision.outcome === "applied") return;
  if (mayRefuse && decision.reason === "insufficient_available") counts.refused++;
  else counts.wrong++;
}
