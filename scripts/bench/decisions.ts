// Decisions: 64 callers, each waiting for its answer before it asks again, over NATS. Of ten commands a caller
// sends eight sales, a hold and its release; a few scarce SKUs are only held, so that requests are refused, as they
// are in life. The callers write the protocol by hand (raw_callers.ts); one more run may go through our publisher, for
// comparison, told in the detail.

import type { Command } from "../../shared/messages.ts";
import { partition } from "../../streams/partition.ts";
import { bundleSubject, toToken } from "../../streams/subjects.ts";
import type { BenchSystem } from "./bench_system.ts";
import { allCorrect, checkRun } from "./correctness.ts";
import { perCommand, startCpuMeter } from "./cpu_meter.ts";
import type { Measured } from "./firehose.ts";
import { runCallers } from "./raw_callers.ts";
import type { Correctness } from "./result.ts";
import { LOCATION, SKUS, skuName, zipfSequence } from "./workload.ts";

export type DecisionsOptions = {
  runs: number;
  seconds: number;
  /** Zipf over 10,000 SKUs, or all callers on one SKU. */
  of: "zipf" | "hot";
  /** One more run, through our publisher. */
  detailed: boolean;
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
  const { of, say } = options;
  const runs: number[] = [];
  const checks: Correctness[] = [];
  let detail: Record<string, number> = {};
  const measure = async (name: string, ask: Ask): Promise<number> => {
    const since = await system.logEnds();
    await system.waitFor(since);
    const counts: Counts = { sent: 0, decided: 0, refused: 0, wrong: 0 };
    const cpu = startCpuMeter(system);
    const startMs = performance.now();
    const untilMs = startMs + options.seconds * 1000;
    const callers = Array.from({ length: CALLERS }, (_, caller) => {
      const pick = of === "hot" ? () => 0 : pickFrom(sequence, caller);
      return new Caller(`d${of[0]}${name}-${caller}`, pick, untilMs, counts);
    });
    const entries = await ask(system, callers);
    const tookMs = performance.now() - startMs;
    await system.waitFor(await system.logEnds());
    const meanWaitMs = Math.round((CALLERS * tookMs * 100) / counts.decided) / 100;
    const perEntry = Math.round((counts.sent * 10) / entries) / 10;
    const costs = { callers: CALLERS, meanWaitMs, perEntry, ...perCommand(cpu(), counts.decided) };
    checks.push(verdict(await checkRun(system, { since, commands: counts.sent }), counts));
    const perSecond = (counts.decided * 1000) / tookMs;
    say(
      `decisions ${of}, run ${name}: ${Math.round(perSecond)}/s, ${counts.refused} refused, ${JSON.stringify(costs)}`,
    );
    detail = costs;
    return perSecond;
  };
  const publisherRuns = options.detailed ? [await measure("publisher", throughPublisher)] : [];
  for (let run = 1; run <= options.runs; run++) runs.push(await measure(`${run}`, byHand));
  for (const perSecond of publisherRuns) detail.publisherPerSecond = Math.round(perSecond);
  return { runs, correct: allCorrect(checks), detail };
}

/** Lets all callers ask until they have had enough; returns the entries sent. */
type Ask = (system: BenchSystem, callers: readonly Caller[]) => Promise<number>;

async function byHand(system: BenchSystem, callers: readonly Caller[]): Promise<number> {
  const { epoch, shards } = system.topology;
  const shardOf = new Map<string, number>();
  const subjects = Array.from({ length: shards }, (_, shard) => bundleSubject(epoch, shard));
  return runCallers(
    { url: system.servers.nats, callers: callers.length, subjects },
    {
      next(caller) {
        const command = (callers[caller] as Caller).next();
        if (command === undefined) return undefined;
        const { id, sku } = command;
        let shard = shardOf.get(sku);
        if (shard === undefined) {
          shard = partition(toToken(sku), shards);
          shardOf.set(sku, shard);
        }
        return { caller, id, shard, json: JSON.stringify(command) };
      },
      onDecision: (caller, reason) => (callers[caller] as Caller).onDecision(reason),
    },
  );
}

async function throughPublisher(system: BenchSystem, callers: readonly Caller[]): Promise<number> {
  const publisher = system.publisher();
  const run = async (caller: Caller): Promise<void> => {
    for (let command = caller.next(); command !== undefined; command = caller.next()) {
      const { outcome, reason } = await publisher.decide(command);
      caller.onDecision(outcome === "applied" ? undefined : (reason ?? outcome));
    }
  };
  await Promise.all(callers.map(run));
  await publisher.close();
  return publisher.stats().sent;
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

/** What one caller asks for, one command after the other. */
class Caller {
  readonly #prefix: string;
  readonly #pick: () => number;
  readonly #untilMs: number;
  readonly #counts: Counts;
  #n = 0;
  #held: { sku: string; hold: string } | undefined;
  #mayRefuse = false;

  constructor(prefix: string, pick: () => number, untilMs: number, counts: Counts) {
    this.#prefix = prefix;
    this.#pick = pick;
    this.#untilMs = untilMs;
    this.#counts = counts;
  }

  /** The next command, or undefined when the time is up and nothing is held any more. */
  next(): (Command & { id: string; sku: string }) | undefined {
    const held = this.#held;
    if (held === undefined && performance.now() >= this.#untilMs) return undefined;
    const n = this.#n++;
    const id = `${this.#prefix}-${n}`;
    this.#counts.sent++;
    this.#mayRefuse = false;
    if (held !== undefined) {
      this.#held = undefined;
      return { type: "release", id, location: LOCATION, ...held };
    }
    const sku = this.#pick();
    if (isScarce(sku)) {
      this.#mayRefuse = true;
      const common = { id, sku: scarceName(sku), location: LOCATION };
      return { type: "hold", ...common, hold: id, qty: 1, ttlMs: null };
    }
    if (n % 10 === 8) {
      this.#held = { sku: skuName(sku), hold: id };
      return { type: "hold", id, location: LOCATION, ...this.#held, qty: 1, ttlMs: HOLD_MS };
    }
    return {
      type: "sale",
      id,
      sku: skuName(sku),
      location: LOCATION,
      qty: 1 + (n % 3),
      channel: "pos",
    };
  }

  /** Only a hold of a scarce SKU may be refused, and only for want of stock. */
  onDecision(reason: string | undefined): void {
    this.#counts.decided++;
    if (reason === undefined) return;
    if (this.#mayRefuse && reason === "insufficient_available") this.#counts.refused++;
    else this.#counts.wrong++;
  }
}
