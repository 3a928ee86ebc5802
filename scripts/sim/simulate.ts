// Owns one run: builds the house from a seed, lets callers and trouble loose, heals, waits for progress, and
// checks what must hold.
import { stockMachine } from "../../actors/stock/machine.ts";
import { Chance } from "./chance.ts";
import { Chaos } from "./chaos.ts";
import { Checks, haltOf } from "./checks.ts";
import { Callers } from "./clients.ts";
import { SimClock } from "./clock.ts";
import { FaultLog } from "./faults.ts";
import { finalChecks } from "./final_checks.ts";
import { House } from "./house.ts";
import { Promptness } from "./promptness.ts";
import type { SimOptions, SimResult } from "./result.ts";
import { Trace } from "./trace.ts";
import { watchedFactory } from "./watched_machine.ts";

/** 2026-03-29, a Sunday on which clocks change in Europe; any time would do. */
const START_MS = Date.UTC(2026, 2, 29, 0, 30);
const RUN_MS_MAX = 24 * 3_600_000;
/** After healing everything must be done within this. */
const PROGRESS_MS = 5 * 60_000;
const LOOK_MS = 10_000;
/** Without faults: beyond the commit interval, the commit before and the way of this one; a beat of levels, and the same. */
const COMMIT_WAY_MS = 40;
const SHOWN_MS = 40;

/** The house of the last run, for looking into it. */
export const lastHouse: { house?: House } = {};

export async function simulate(options: SimOptions): Promise<SimResult> {
  const run = new Run(options);
  try {
    await run.play();
  } catch (error) {
    run.checks.fail(`the run threw: ${error instanceof Error ? error.stack : String(error)}`);
  }
  return run.result();
}

class Run {
  readonly checks: Checks;
  readonly #options: SimOptions;
  readonly #clock = new SimClock(START_MS);
  readonly #faults = new FaultLog();
  readonly #trace: Trace;
  readonly #house: House;
  readonly #callers: Callers;
  readonly #chaos: Chaos;
  #healedMs = 0;

  constructor(options: SimOptions) {
    this.#options = options;
    const chance = new Chance(options.seed);
    this.#trace = new Trace(this.#clock, options.keepTrace);
    this.checks = new Checks(this.#trace, this.#faults);
    this.#house = new House({
      world: { clock: this.#clock, chance, faults: this.#faults },
      trace: this.#trace,
      faults: options.faults,
      shards: chance.pick([1, 2, 2, 3]),
      factory: watchedFactory(stockMachine, this.checks),
      machine: {
        identityDays: chance.pick([2, 90]),
        recentIdsMax: chance.pick([4, 32, 4_096]),
      },
      runner: {
        commitIntervalMs: chance.pick([5, 50, 150]),
        checkpointIntervalMs: chance.pick([50, 500, 3_000]),
        keepLogDays: chance.pick([0, 1, 7]),
      },
      watch: this.checks,
    });
    if (options.faults.length === 0) {
      const committed = this.#house.options.runner.commitIntervalMs + COMMIT_WAY_MS;
      const within = { committed, shown: SHOWN_MS };
      this.checks.promptness = new Promptness(this.#clock, within, (text) =>
        this.checks.fail(text),
      );
    }
    this.checks.isTampered = (shard) => this.#house.streams[shard]?.isTampered === true;
    this.checks.shardOf = (sku) => this.#house.shardOf(sku);
    lastHouse.house = this.#house;
    this.#callers = new Callers(this.#house, options.commands ?? chance.int(20, 160));
    this.#chaos = new Chaos(this.#house, () => this.#callers.quietUntilMs > this.#clock.nowMs);
  }

  async play(): Promise<void> {
    const { checks } = this;
    const failed = () => checks.failure !== undefined;
    this.#chaos.start();
    this.#callers.start(4);
    this.#house.registry.onReplaced = checks.onReplaced;
    this.#house.effects.onPublish = ({ row }) => this.#onEffect(row.kind, row.payload);
    const done = await this.#clock.run(() => this.#callers.isDone || failed(), RUN_MS_MAX);
    checks.expect(done, () => "the callers did not come to an end");
    if (failed()) return;
    this.#chaos.heal();
    this.#healedMs = this.#clock.nowMs;
    const settled = await this.#clock.run(() => this.#isSettled() || failed(), PROGRESS_MS);
    checks.expect(settled, () => `no progress after healing: ${this.#house.describe()}`);
    if (failed()) return;
    await this.#drain();
    if (!failed()) finalChecks(this.#house, checks, stockMachine);
  }

  result(): SimResult {
    const { checks } = this;
    const failure = checks.failure;
    return {
      seed: this.#options.seed,
      ok: failure === undefined,
      ...(failure === undefined ? {} : { failure }),
      trace: this.#trace.tail,
      traceHash: this.#trace.digest(),
      commands: this.#callers.commands,
      entries: this.#house.streams.reduce((sum, stream) => sum + stream.lastSeq, 0),
      decisions: checks.answers,
      simulatedMs: this.#clock.nowMs - START_MS,
      events: this.#clock.events,
      crashes: this.#chaos.crashes,
      faults: Object.fromEntries(this.#faults.counts),
    };
  }

  /** Needs are what orders are made for. */
  #onEffect(kind: string, payload: string): void {
    if (kind !== "need") return;
    const { sku, location, need, qty } = JSON.parse(payload) as {
      sku: string;
      location: string;
      need: string;
      qty: number;
    };
    this.#callers.needs.add({ sku, location, need, qty });
  }

  /** Everything is decided, committed, told and visible; or halted, where the log was tampered with. */
  #isSettled(): boolean {
    for (const [shard, stream] of this.#house.streams.entries()) {
      const owner = this.#chaos.owner(shard);
      const running = owner.running.get(shard)?.status();
      if (running === undefined && this.checks.halts.has(haltOf(owner.name, shard))) continue;
      // It takes a moment until the log is looked at.
      if (stream.isTampered && this.#clock.nowMs < this.#healedMs + LOOK_MS) return false;
      const store = this.#house.store.shards[shard];
      if (running?.appliedSeq !== stream.lastSeq || running.committedSeq !== stream.lastSeq)
        return false;
      if (store?.outbox.length !== 0) return false;
      const watermark = this.#house.registry.watermarks.get(shard) ?? 0;
      if (watermark !== stream.lastSeq && !stream.isTampered) return false;
    }
    return true;
  }

  async #drain(): Promise<void> {
    const shards = [...this.#house.streams.keys()];
    let left = shards.length;
    for (const shard of shards) {
      const owner = this.#chaos.owner(shard);
      const running = owner.running.get(shard);
      owner.wanted.delete(shard);
      if (running === undefined) left -= 1;
      running?.drain().then(
        () => {
          left -= 1;
        },
        (error: unknown) => this.checks.fail(`shard ${shard} did not drain: ${String(error)}`),
      );
    }
    const drained = await this.#clock.run(
      () => left === 0 || this.checks.failure !== undefined,
      60_000,
    );
    this.checks.expect(drained, () => "the shards did not drain");
  }
}
