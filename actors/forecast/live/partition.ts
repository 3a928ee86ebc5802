// Owns the series of one partition: the SKUs of one shard at all their locations. It keeps their working set in
// memory, follows their demand windows, decides their policies and has their forecasts made.
//
//     loading -> running -> draining
//
// L1 A series is a function of its windows in Postgres: whatever was missed on the way here is read again when its
//    day closes. What is told during a read may be newer than what that sees, and is taken in once more after it.
// L2 When a location's day closes, policies are decided first, from the day and the history in memory; refits follow
//    in worker threads and nothing waits for them.
// L3 A forecast is a function of (windows known, first day, code): whoever makes it makes the same.
import type { DemandMessage } from "../../../shared/effects.ts";
import { OnhandError } from "../../../shared/errors.ts";
import { ANY_LOCATION } from "../../../shared/ids.ts";
import type { Decided, WhatIf, WhatIfAnswer } from "../../../shared/planning.ts";
import type { RunningShard, ShardStatus } from "../../runtime/shard_host.ts";
import { type DayOfDemand, DemandSeries, HISTORY_DAYS_MAX } from "./demand_series.ts";
import { readItems, readPolicies } from "./facts.ts";
import {
  type ClosedThrough,
  dayOf,
  loadWindows,
  readClosed,
  readDays,
  readHours,
  readSeries,
} from "./history.ts";
import { readDay } from "./outlook.ts";
import type { PartitionContext } from "./partition_context.ts";
import { Planning } from "./planning.ts";
import { Refitting } from "./refitting.ts";
import { SeriesInputs } from "./series_inputs.ts";
import { newSeries, type SeriesState, seriesKey } from "./series_state.ts";
import { answerWhatIf } from "./what_if.ts";
import { WorkSet } from "./work_set.ts";

/** Series read from Postgres at once. */
const SERIES_AT_ONCE = 500;
const GATHER_MS = 200;
const DAY_MS = 86_400_000;
/** A surge is told again when it has grown by half. */
const SURGE_GROWTH = 1.5;

export class ForecastPartition implements RunningShard {
  readonly shard: number;
  readonly #c: PartitionContext;
  readonly #series = new Map<string, SeriesState>();
  readonly #byLocation = new Map<string, Set<SeriesState>>();
  readonly #inputs: SeriesInputs;
  readonly #planning: Planning;
  readonly #refitting: Refitting;
  readonly #reloads: WorkSet<SeriesState>;
  readonly #newcomers: WorkSet<SeriesState>;
  #state: ShardStatus["state"] = "opening";
  /** Messages that came while the history was being loaded. */
  #early: DemandMessage[] | undefined = [];
  /** For each read under way, what was told since it began. */
  readonly #toldMeanwhile = new Set<DemandMessage[]>();
  #windows = 0;

  constructor(context: PartitionContext) {
    this.#c = context;
    this.shard = context.shard;
    this.#inputs = new SeriesInputs(context);
    this.#planning = new Planning(context, this.#inputs);
    this.#refitting = new Refitting(context, this.#inputs, (series) => this.#planning.add(series));
    const { journal } = context;
    const at = { batchMax: SERIES_AT_ONCE, gatherMs: GATHER_MS, journal };
    this.#reloads = new WorkSet({
      ...at,
      name: "read series again",
      work: (batch) => this.#reload(batch),
    });
    this.#newcomers = new WorkSet({
      ...at,
      name: "read facts of new series",
      work: async (batch) => {
        await this.#readFacts(batch);
        for (const series of batch) this.#due(series);
      },
    });
  }

  /** Loads the working set and decides what is due. */
  async open(): Promise<void> {
    const { database, shard, journal } = this.#c;
    const startedMs = performance.now();
    await loadWindows(database, shard, (sku, location, day) => {
      this.#seriesOf(sku, location).demand.put(day);
      if (day.demand > 0) this.#inputs.calendarOf(location).sold(day.day);
    });
    for (const { location, day } of await readClosed(database, [shard]))
      this.#inputs.calendarOf(location).closedThrough = day;
    await this.#readHours(HISTORY_DAYS_MAX);
    await this.#readFacts([...this.#series.values()]);
    await this.#planning.regroup([...this.#series.values()]);
    this.#state = "running";
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.onWindow(message);
    for (const series of this.#series.values()) this.#due(series);
    const ms = Math.round(performance.now() - startedMs);
    journal.info({ series: this.#series.size, ms }, "forecast partition loaded");
  }

  /** A window as the stream DEMAND tells it. */
  onWindow(message: DemandMessage): void {
    if (message.location === ANY_LOCATION) return;
    if (this.#early !== undefined) {
      this.#early.push(message);
      return;
    }
    this.#windows++;
    for (const told of this.#toldMeanwhile) told.push(message);
    this.#take(message);
  }

  #take(message: DemandMessage): void {
    const series = this.#seriesOf(message.sku, message.location);
    const told = dayOf(message);
    if (message.removed === true || told === undefined) {
      this.#reloads.add(series);
      return;
    }
    const before = series.demand.unitsOf(told.day);
    const taken = series.demand.take(told);
    if (taken === "old") this.#reloads.add(series);
    if (taken !== "changed") return;
    const calendar = this.#inputs.calendarOf(series.location);
    if (before === undefined && told.demand > 0) calendar.sold(told.day);
    if (told.day <= calendar.closedThrough) this.#due(series);
    else this.#intraday(series, told);
  }

  /** A location's windows are closed further than before: read them once more as they are, and decide. */
  async onClosed({ location, day }: Omit<ClosedThrough, "shard">): Promise<void> {
    const calendar = this.#inputs.calendarOf(location);
    if (this.#state !== "running" || day <= calendar.closedThrough) return;
    const { database, shard } = this.#c;
    const afterDay = calendar.closedThrough;
    await this.#reading(() =>
      readDays(database, { shard, location, afterDay, day }, (sku, _, found) => {
        const series = this.#seriesOf(sku, location);
        const isFirst = series.demand.unitsOf(found.day) === undefined;
        series.demand.put(found);
        if (isFirst && found.demand > 0) calendar.sold(found.day);
      }),
    );
    await this.#readHours(day - afterDay);
    // Not before all was read: a look that failed on the way is made again.
    calendar.closedThrough = day;
    await this.#planning.regroupIfDue([...this.#series.values()]);
    for (const series of this.#byLocation.get(location) ?? []) {
      series.surge = undefined;
      this.#due(series);
    }
  }

  /** Items, vendors or lead times of these SKUs changed. */
  async onFacts(skus: ReadonlySet<string>): Promise<void> {
    const touched = [...this.#series.values()].filter(({ sku }) => skus.has(sku));
    if (touched.length === 0) return;
    await this.#readFacts(touched);
    for (const series of touched) this.#planning.add(series);
  }

  /** Signals changed: every series they may hold for is forecast and decided again. */
  onSignals(touches: (series: SeriesState) => boolean): void {
    for (const series of this.#series.values()) if (touches(series)) this.#due(series);
  }

  /** Settings changed: every series they may hold for is decided again. */
  onSettings(touches: (series: SeriesState) => boolean): void {
    for (const series of this.#series.values()) if (touches(series)) this.#planning.add(series);
  }

  /** Decides a SKU, at one location or all, at once. @throws OnhandError `unknown_series` */
  async decideNow(sku: string, location: string | undefined): Promise<Decided> {
    const asked = this.#ofSku(sku, location);
    await this.#planning.decideNow(asked);
    return asked.map(({ location: at, policyVersion, inForce }) => ({
      location: at,
      version: policyVersion,
      plan: inForce ?? null,
    }));
  }

  /** What forecast and policy would be under other assumptions. @throws OnhandError `unknown_series` */
  async whatIf(question: WhatIf): Promise<WhatIfAnswer> {
    const [series] = this.#ofSku(question.sku, question.location);
    const parts = { planning: this.#planning, refitting: this.#refitting };
    return answerWhatIf(series!, question, parts);
  }

  #ofSku(sku: string, location: string | undefined): SeriesState[] {
    const found = [...this.#series.values()].filter(
      (series) => series.sku === sku && (location === undefined || series.location === location),
    );
    if (found.length > 0) return found;
    const at = location === undefined ? "" : ` at ${location}`;
    throw new OnhandError("unknown_series", `No demand is known of ${sku}${at}`);
  }

  /** Resolves once nothing is left to do: every decision in the log, every forecast kept. */
  async idle(): Promise<void> {
    do {
      await this.#newcomers.idle();
      await this.#reloads.idle();
      await this.#refitting.idle();
      await this.#planning.idle();
    } while (this.status().lag > 0);
  }

  /** Reads everything again: the stream was cut, and nobody knows what was missed. */
  reloadAll(): void {
    for (const series of this.#series.values()) this.#reloads.add(series);
  }

  get seriesCount(): number {
    return this.#series.size;
  }

  *all(): Iterable<SeriesState> {
    yield* this.#series.values();
  }

  status(): ShardStatus {
    const lag = this.#planning.waiting + this.#refitting.waiting + this.#reloads.size;
    const positions = { appliedSeq: 0, committedSeq: 0, checkpointSeq: 0 };
    return { shard: this.shard, state: this.#state, ...positions, lag, commands: this.#windows };
  }

  async drain(): Promise<void> {
    this.#state = "draining";
    const parts = [this.#newcomers, this.#reloads, this.#planning, this.#refitting];
    await Promise.all(parts.map((part) => part.stop()));
  }

  abandon(): Promise<void> {
    return this.drain();
  }

  #due(series: SeriesState): void {
    if (series.item === undefined) return;
    if (!Number.isFinite(this.#inputs.calendarOf(series.location).closedThrough)) return;
    this.#planning.add(series);
    this.#refitting.add(series);
  }

  /** A day under way whose sales are already far beyond what was expected of the whole of it. */
  #intraday(series: SeriesState, told: DayOfDemand): void {
    const { outlook } = series;
    if (outlook === undefined || told.day !== outlook.day) return;
    const units = series.demand.unitsOf(told.day) ?? 0;
    const reading = readDay(outlook, units);
    if (!reading.far || reading.surprise < 0) return;
    if (series.surge !== undefined && units < series.surge.units * SURGE_GROWTH) return;
    series.surge = { day: told.day, units };
    this.#planning.add(series);
  }

  /** A read of windows, and what was told meanwhile after it. L1 */
  async #reading(read: () => Promise<void>): Promise<void> {
    const told: DemandMessage[] = [];
    this.#toldMeanwhile.add(told);
    try {
      await read();
    } finally {
      this.#toldMeanwhile.delete(told);
    }
    for (const message of told) this.#take(message);
  }

  async #reload(batch: readonly SeriesState[]): Promise<void> {
    const found = new Map<string, DemandSeries>();
    for (const { sku, location } of batch) found.set(seriesKey(sku, location), new DemandSeries());
    const onDay = (sku: string, location: string, day: DayOfDemand) => {
      found.get(seriesKey(sku, location))?.put(day);
      if (day.demand <= 0) return;
      const known = this.#series.get(seriesKey(sku, location))?.demand.unitsOf(day.day);
      if (known === undefined) this.#inputs.calendarOf(location).sold(day.day);
    };
    await this.#reading(async () => {
      await readSeries(this.#c.database, batch, onDay);
      for (const series of batch)
        series.demand = found.get(seriesKey(series.sku, series.location)) ?? series.demand;
    });
    for (const series of batch) this.#due(series);
  }

  /** Opening hours of the days that just closed: they may have been told late, but not changed later. */
  async #readHours(days: number): Promise<void> {
    const toDay = Math.floor(this.#c.nowMs() / DAY_MS) + 1;
    const span = { fromDay: toDay - Math.min(days, HISTORY_DAYS_MAX) - 1, toDay };
    await readHours(this.#c.database, this.#inputs.locations, span, (location, day, isClosed) =>
      this.#inputs.calendarOf(location).tell(day, isClosed),
    );
  }

  async #readFacts(touched: readonly SeriesState[]): Promise<void> {
    const { database } = this.#c;
    const items = await readItems(database, [...new Set(touched.map(({ sku }) => sku))]);
    for (const series of touched) series.item = items.get(series.sku);
    await readPolicies(database, touched, ({ sku, location }, { version, plan }) => {
      const series = this.#series.get(seriesKey(sku, location));
      if (series === undefined || version < series.policyVersion) return;
      series.policyVersion = version;
      series.inForce = plan;
    });
  }

  #seriesOf(sku: string, location: string): SeriesState {
    const key = seriesKey(sku, location);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const series = newSeries(sku, location);
    this.#series.set(key, series);
    const here = this.#byLocation.get(location) ?? new Set();
    here.add(series);
    this.#byLocation.set(location, here);
    if (this.#early === undefined) this.#newcomers.add(series);
    return series;
  }
}
