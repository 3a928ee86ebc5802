// Owns noticing, for all partitions of a process, what changed in Postgres without a message: days that closed, items,
// vendors and lead times, settings, overrides that ended. One look a second, whatever the number of partitions.
import { describeError } from "../../../shared/errors.ts";
import type { Database } from "../../../shared/postgres.ts";
import type { Journal } from "../../runtime/ports.ts";
import { readChangedSkus, readSettings } from "./facts.ts";
import { readClosed, readSignals } from "./history.ts";
import type { ForecastPartition } from "./partition.ts";
import type { PolicySettings, SettingRow } from "./policy_settings.ts";
import type { SeriesState } from "./series_state.ts";
import type { SignalBook } from "./signal_book.ts";

const LOOK_MS = 1_000;
/** Looks between two at facts that seldom change. */
const FACTS_EVERY = 10;
/** A change may become visible so much later than its time says, ms. */
const COMMIT_LAG_MS = 30_000;
const FAULT_WAIT_MS = 5_000;

export type WatcherOptions = {
  database: Database;
  settings: PolicySettings;
  signals: SignalBook;
  /** Partitions that run here, by shard. */
  partitions: () => ReadonlyMap<number, ForecastPartition>;
  journal: Journal;
  nowMs: () => number;
};

export class Watcher {
  readonly #o: WatcherOptions;
  #factsSinceMs: number;
  #settingsSinceMs = 0;
  #signalsSinceMs = 0;
  #looks = 0;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  /** Overrides in force when last looked at. */
  #overridden = new Set<SettingRow>();

  constructor(options: WatcherOptions) {
    this.#o = options;
    this.#factsSinceMs = options.nowMs();
  }

  /** Reads all settings and signals, then looks once a second. @throws OnhandError */
  async start(): Promise<void> {
    await this.lookAtSettings();
    await this.#lookAtSignals();
    this.#again(LOOK_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Takes in settings changed lately; what they hold for is decided again. */
  async lookAtSettings(): Promise<void> {
    const { database, settings, nowMs } = this.#o;
    const startedMs = nowMs();
    const rows = await readSettings(database, this.#settingsSinceMs);
    this.#settingsSinceMs = startedMs - COMMIT_LAG_MS;
    const changed = rows.filter((row) => settings.put(row));
    if (changed.length > 0) this.#decideAgain(changed);
  }

  #again(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look();
    }, ms);
  }

  async #look(): Promise<void> {
    try {
      this.#endOverrides();
      await this.#lookAtDays();
      if (this.#looks++ % FACTS_EVERY === 0) {
        await this.lookAtSettings();
        await this.#lookAtSignals();
        await this.#lookAtFacts();
      }
      this.#again(LOOK_MS);
    } catch (error) {
      this.#o.journal.warn({ error: describeError(error) }, "cannot look for changes: will again");
      this.#again(FAULT_WAIT_MS);
    }
  }

  async #lookAtDays(): Promise<void> {
    const partitions = this.#o.partitions();
    for (const closed of await readClosed(this.#o.database, [...partitions.keys()]))
      await partitions.get(closed.shard)?.onClosed(closed);
  }

  async #lookAtSignals(): Promise<void> {
    const { database, signals, nowMs } = this.#o;
    const startedMs = nowMs();
    const rows = await readSignals(database, this.#signalsSinceMs);
    this.#signalsSinceMs = startedMs - COMMIT_LAG_MS;
    const changed = rows.filter((row) => signals.put(row));
    if (changed.length === 0) return;
    const skus = new Set(changed.map((row) => row.sku));
    const locations = new Set(changed.map((row) => row.location));
    const touches = ({ sku, location }: SeriesState) =>
      (skus.has("") || skus.has(sku)) && (locations.has("") || locations.has(location));
    for (const partition of this.#o.partitions().values()) partition.onSignals(touches);
  }

  async #lookAtFacts(): Promise<void> {
    const startedMs = this.#o.nowMs();
    const skus = new Set(await readChangedSkus(this.#o.database, this.#factsSinceMs));
    this.#factsSinceMs = startedMs - COMMIT_LAG_MS;
    if (skus.size === 0) return;
    for (const partition of this.#o.partitions().values()) await partition.onFacts(skus);
  }

  /** An override that has ended gives way to the model. */
  #endOverrides(): void {
    const nowMs = this.#o.nowMs();
    const inForce = new Set<SettingRow>();
    for (const row of this.#o.settings.overrides())
      if ((row.override?.expiresAtMs ?? 0) > nowMs) inForce.add(row);
    const ended = [...this.#overridden].filter((row) => !inForce.has(row));
    this.#overridden = inForce;
    if (ended.length > 0) this.#decideAgain(ended);
  }

  #decideAgain(rows: readonly SettingRow[]): void {
    const touches = (series: SeriesState) => rows.some((row) => holdsFor(row, series));
    for (const partition of this.#o.partitions().values()) partition.onSettings(touches);
  }
}

function holdsFor(row: SettingRow, { sku, location, item }: SeriesState): boolean {
  if (row.sku !== "" && row.sku !== sku) return false;
  if (row.location !== "" && row.location !== location) return false;
  return row.category === "" || row.category === (item?.category ?? "");
}
