// Owns the decisions of a partition: which series' policies are to be decided, on what, and their way into the log.
// At most one command of a series is under way (W1); one refused for its version is decided again on what holds (W2).
import { setTimeout as sleep } from "node:timers/promises";
import type { Calibration } from "../policy/calibration.ts";
import type { Plan } from "../policy/decide_policy.ts";
import type { CalibrationInput } from "../refit_messages.ts";
import type { DailyValues } from "./demand_series.ts";
import { readPolicies } from "./facts.ts";
import { calibrationOf, classFills, figuresOf, groupOf } from "./grouping.ts";
import type { PartitionContext } from "./partition_context.ts";
import { fillOf, OWN_DAYS_MIN, type PlanSeriesInput, planSeries } from "./plan_series.ts";
import { writePlan } from "./policy_writer.ts";
import type { SeriesInputs } from "./series_inputs.ts";
import type { SeriesState } from "./series_state.ts";
import { unitsAhead, withoutEffects } from "./signal_book.ts";
import { WorkSet } from "./work_set.ts";

/** Series decided in one turn of the event loop: some milliseconds. */
const DECISIONS_AT_ONCE = 64;
const GATHER_MS = 20;
/** Days that close between two groupings: classes and z move slowly. */
const REGROUP_DAYS = 7;
/** The table `policy` follows the ledger; what it says after a conflict is this old at most, in ms. */
const CONFLICT_WAIT_MS = 3_000;
const LIKES_MAX = 200;
const WRITE_POLL_MS = 10;

export class Planning {
  readonly #c: PartitionContext;
  readonly #inputs: SeriesInputs;
  readonly #decisions: WorkSet<SeriesState>;
  readonly #conflicts: WorkSet<SeriesState>;
  /** Commands under way, by series; what came up meanwhile is decided after them. */
  readonly #writing = new Set<SeriesState>();
  readonly #again = new Set<SeriesState>();
  /** z by group of fill rate and span. */
  #calibrated = new Map<string, number>();
  /** Daily means of like items: by category and location. */
  #likes = new Map<string, number[]>();
  #groupedThrough = Number.NEGATIVE_INFINITY;

  constructor(context: PartitionContext, inputs: SeriesInputs) {
    this.#c = context;
    this.#inputs = inputs;
    const { journal } = context;
    this.#decisions = new WorkSet({
      name: "decide policies",
      batchMax: DECISIONS_AT_ONCE,
      gatherMs: GATHER_MS,
      work: (batch) => this.#decide(batch),
      journal,
    });
    this.#conflicts = new WorkSet({
      name: "read policies again",
      batchMax: 1_000,
      gatherMs: CONFLICT_WAIT_MS,
      work: (batch) => this.#readAgain(batch),
      journal,
    });
  }

  /** Series waiting for their decision or for its way into the log. */
  get waiting(): number {
    return this.#decisions.size + this.#writing.size;
  }

  add(series: SeriesState): void {
    this.#decisions.add(series);
  }

  async idle(): Promise<void> {
    do {
      await Promise.all([this.#decisions.idle(), this.#conflicts.idle()]);
    } while (this.waiting > 0);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#decisions.stop(), this.#conflicts.stop()]);
  }

  /** The past of a series as it is learnt from: closed days, and a day under way that sells far beyond them. */
  valuesOf(series: SeriesState): DailyValues {
    const closed = this.#inputs.firstOpenDay(series) - 1;
    return this.#inputs.values(series, Math.max(closed, series.surge?.day ?? closed));
  }

  async regroupIfDue(all: readonly SeriesState[]): Promise<void> {
    const newest = this.#newestClosed(all);
    if (newest - this.#groupedThrough >= REGROUP_DAYS) await this.regroup(all);
  }

  /** Classes, like items and z, anew from all series. */
  async regroup(all: readonly SeriesState[]): Promise<void> {
    this.#groupedThrough = this.#newestClosed(all);
    const values = new Map<SeriesState, DailyValues>();
    for (const [i, series] of all.entries()) {
      const found = this.valuesOf(series);
      values.set(series, found);
      series.figures = figuresOf(found);
      if (i % DECISIONS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const rated = all.map((series) => ({
      figures: series.figures!,
      unitValue: unitValueOf(series),
    }));
    for (const [i, fill] of classFills(rated).entries()) all[i]!.classFill = fill;
    this.#likes = likesOf(all);
    await this.#calibrate(all, values);
  }

  async #calibrate(
    all: readonly SeriesState[],
    values: ReadonlyMap<SeriesState, DailyValues>,
  ): Promise<void> {
    const groups = new Map<string, { fill: number; span: number; members: SeriesState[] }>();
    for (const series of all) {
      const { fill, span } = this.#aims(series);
      const key = groupOf(fill, span);
      const group = groups.get(key) ?? { fill, span, members: [] };
      group.members.push(series);
      groups.set(key, group);
    }
    const found = await Promise.all(
      [...groups].map(async ([key, { fill, span, members }]) => {
        const withPast = members.map((series) => ({
          values: values.get(series)!,
          unitValue: unitValueOf(series),
        }));
        const input = calibrationOf(withPast, span, fill);
        return [key, await this.#zOf(input)] as const;
      }),
    );
    this.#calibrated = new Map(
      found.flatMap(([key, z]) => (z === undefined ? [] : [[key, z] as const])),
    );
  }

  async #zOf(input: CalibrationInput | undefined): Promise<number | undefined> {
    if (input === undefined) return undefined;
    const found: Calibration | undefined = await this.#c.pool.calibrate(input);
    return found === undefined || Number.isNaN(found.fillRate) ? undefined : found.z;
  }

  /** Fill rate and span a series is planned for. */
  #aims(series: SeriesState): { fill: number; span: number } {
    const fill = fillOf(this.#inputs.setting(series), series.classFill);
    return { fill, span: this.#inputs.spanDays(series) };
  }

  async #decide(batch: readonly SeriesState[]): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const series of batch) {
      if (this.#writing.has(series)) this.#again.add(series);
      else {
        const plan = this.#planOf(series);
        if (plan !== undefined) writes.push(this.#write(series, plan));
      }
    }
    await Promise.all(writes);
  }

  /** Everything a series is planned from. */
  inputOf(series: SeriesState): PlanSeriesInput {
    const { fill, span } = this.#aims(series);
    const { minimum = 1, multiple = 1, shelfLifeDays } = series.item ?? {};
    const values = this.valuesOf(series);
    const { effects } = series;
    const signals = effects.length === 0 ? [] : this.#inputs.signals(series, values, span);
    return {
      values: { ...values, units: withoutEffects(values.units, signals, effects) },
      leadTime: this.#inputs.leadTime(series),
      setting: this.#inputs.setting(series),
      classFill: series.classFill,
      calibratedZ: this.#calibrated.get(groupOf(fill, span)),
      rules: { minimum, multiple, ...(shelfLifeDays === undefined ? {} : { shelfLifeDays }) },
      likes: this.#likes.get(likeKey(series)) ?? [],
      signalUnits: unitsAhead(signals, effects, span),
      inForce: series.inForce,
      nowMs: this.#c.nowMs(),
    };
  }

  /** Decides these series at once, beside what waits; resolves once their plans are in the log. */
  async decideNow(all: readonly SeriesState[]): Promise<void> {
    while (all.some((series) => this.#writing.has(series))) await sleep(WRITE_POLL_MS);
    await this.#decide(all);
  }

  /** The plan to send, or undefined to keep what is in force. */
  #planOf(series: SeriesState): Plan | undefined {
    if (series.item === undefined) return undefined;
    const decision = planSeries(this.inputOf(series));
    return decision.kind === "change" ? decision.plan : undefined;
  }

  async #write(series: SeriesState, plan: Plan): Promise<void> {
    const { sku, location, policyVersion: ifVersion } = series;
    this.#writing.add(series);
    try {
      const written = await writePlan(this.#c.publisher, { sku, location, plan, ifVersion });
      if (written.outcome === "applied") {
        series.policyVersion = written.version;
        series.inForce = plan;
      } else if (written.outcome === "conflict") this.#conflicts.add(series);
      else this.#c.alert("policyRefused", series, `The plan was refused: ${written.detail}`);
    } finally {
      this.#writing.delete(series);
      if (this.#again.delete(series)) this.#decisions.add(series);
    }
  }

  async #readAgain(batch: readonly SeriesState[]): Promise<void> {
    const byName = new Map(batch.map((series) => [`${series.location}\n${series.sku}`, series]));
    await readPolicies(this.#c.database, batch, ({ sku, location }, { version, plan }) => {
      const series = byName.get(`${location}\n${sku}`);
      if (series === undefined || version <= series.policyVersion) return;
      series.policyVersion = version;
      if (plan !== undefined) series.inForce = plan;
    });
    for (const series of batch) this.#decisions.add(series);
  }

  #newestClosed(all: readonly SeriesState[]): number {
    let newest = Number.NEGATIVE_INFINITY;
    for (const series of all) newest = Math.max(newest, this.#inputs.firstOpenDay(series) - 1);
    return newest;
  }
}

/** What a unit is worth: its cost, or 1 where none is known. */
const unitValueOf = ({ item }: SeriesState): number => item?.unitCost ?? 1;

const likeKey = ({ item, location }: SeriesState): string => `${item?.category ?? ""}\n${location}`;

/** Daily means of the items that have a history of their own, by category and location. */
function likesOf(all: readonly SeriesState[]): Map<string, number[]> {
  const likes = new Map<string, number[]>();
  for (const series of all) {
    const { figures, item } = series;
    if (figures === undefined || figures.daysKnown < OWN_DAYS_MIN) continue;
    // Items without a category are not alike.
    if (item === undefined || item.category === "") continue;
    const key = likeKey(series);
    const found = likes.get(key) ?? [];
    if (found.length < LIKES_MAX) found.push(figures.perDay);
    likes.set(key, found);
  }
  return likes;
}
