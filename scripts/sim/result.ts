// Pure.
// What a simulated run is asked and what it answers.
import type { Fault } from "./faults.ts";

export type SimOptions = {
  /** 0 to 2^32 - 1; all chance comes from it. */
  seed: number;
  faults: readonly Fault[];
  /** Commands the callers send; default by chance, 20 to 160. */
  commands?: number;
  /** Keep every line of the trace. */
  keepTrace?: boolean;
};

export type SimResult = {
  seed: number;
  ok: boolean;
  /** The first thing found wrong; undefined when all held. */
  failure?: string;
  traceHash: string;
  /** The last lines of what happened. */
  trace: string[];
  commands: number;
  entries: number;
  decisions: number;
  /** Simulated time, ms, and events of the simulation. */
  simulatedMs: number;
  events: number;
  crashes: number;
  /** What was injected, by kind. */
  faults: Record<string, number>;
};

/** Many runs together. */
export type SimSummary = {
  ok: boolean;
  runs: number;
  firstSeed: number;
  commands: number;
  entries: number;
  decisions: number;
  crashes: number;
  simulatedHours: number;
  seconds: number;
  runsPerSecond: number;
  faults: Record<string, number>;
  failed?: SimResult;
};

export class SummaryMaker {
  readonly #results: Omit<SimSummary, "seconds" | "runsPerSecond" | "simulatedHours">;
  #simulatedMs = 0;

  constructor(firstSeed: number) {
    this.#results = {
      ok: true,
      runs: 0,
      firstSeed,
      commands: 0,
      entries: 0,
      decisions: 0,
      crashes: 0,
      faults: {},
    };
  }

  add(result: SimResult): void {
    const sum = this.#results;
    sum.runs += 1;
    sum.commands += result.commands;
    sum.entries += result.entries;
    sum.decisions += result.decisions;
    sum.crashes += result.crashes;
    this.#simulatedMs += result.simulatedMs;
    for (const [kind, count] of Object.entries(result.faults))
      sum.faults[kind] = (sum.faults[kind] ?? 0) + count;
    if (!result.ok) {
      sum.ok = false;
      sum.failed ??= result;
    }
  }

  get runs(): number {
    return this.#results.runs;
  }

  summary(seconds: number): SimSummary {
    return {
      ...this.#results,
      simulatedHours: Math.round(this.#simulatedMs / 360_000) / 10,
      seconds: Math.round(seconds * 10) / 10,
      runsPerSecond: Math.round((this.#results.runs / Math.max(seconds, 0.001)) * 10) / 10,
    };
  }
}
