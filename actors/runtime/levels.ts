// Owns what others see of the shard: level messages and the registry, both best effort and both from memory.
//
// S18: levels leave in ascending version order, coalesced per key; the registry takes only what is newer and
// then the watermark, which says: all changes up to here are in. While it is not so (the registry was away
// or lost its content, or a refresh is under way) the watermark is left alone.
//
//     unknown -> (watermark read) -> refreshing -> current
//        ^                               |            |  a failure: dirty keys are kept, and after a wait the
//        +-------------------------------+------------+  watermark tells whether anything was lost
import { describeError } from "../../shared/errors.ts";
import {
  LEVELS_BUSY_INTERVAL_MS,
  LEVELS_BUSY_KEYS,
  LEVELS_INTERVAL_MS,
  LEVELS_RATE_MS,
  REFRESH_KEYS,
  REFRESH_LEVELS,
  REGISTRY_CHECK_MS,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
} from "../../shared/limits.ts";
import { formatVersion } from "../../shared/version.ts";
import { toToken } from "../../streams/subjects.ts";
import { isBehind } from "./compare.ts";
import type { Machine } from "./machine.ts";
import type { LevelWrite, RunnerPorts, Timer } from "./ports.ts";

/** Highest index an entry may have. */
const INDEX_MAX = 999;
/** Rendered levels kept for a registry that is busy; beyond it only their keys are. */
const RENDERED_MAX = 20_000;
const PLAIN = /^[A-Za-z0-9_-]+$/;

export type LevelsOptions = {
  epoch: number;
  shard: number;
  /** Every key that changed after this sequence will be told as touched. */
  baseSeq: number;
};

export type LevelsEvents = {
  /** The registry shows more than the log holds. */
  onHalt(reason: string, message: string): void;
};

export class Levels {
  private readonly ports: Pick<RunnerPorts, "clock" | "log" | "registry" | "sender" | "journal">;
  private readonly machine: Machine;
  private readonly options: LevelsOptions;
  private readonly events: LevelsEvents;
  /** Changed and not in the registry yet; the value is what to write, if it was rendered already. */
  private dirty = new Map<object, LevelWrite | undefined>();
  private refresh: Iterator<object> | undefined;
  /** Keys with this version or an older one are in the registry. */
  private refreshAfter = "";
  private state: "unknown" | "refreshing" | "current" = "unknown";
  /** Watermark known to stand in the registry. */
  private written = 0;
  /** Whether everything up to `written` was in the registry before it went away. */
  private wasCurrent = false;
  private busy = false;
  /** Keys sent since a time, and whether they were many the last time they were counted. */
  private counted = 0;
  private countedFromMs = 0;
  private isMany = false;
  private failures = 0;
  private timer: Timer | undefined;
  private retry: Timer | undefined;
  private check: Timer | undefined;
  private ended = false;
  private appliedSeq = 0;
  /** Everything up to here was emitted. */
  private emittedSeq = 0;
  /** Last sequence of the log as the reader last saw it. */
  logLastSeq = 0;
  /** The registry showed all changes up to here when last asked: whoever made them told of them too. */
  shownSeq = 0;
  /** Of it, what nothing was told of here. */
  private untoldSeq = 0;
  registryAway = false;

  constructor(
    ports: Pick<RunnerPorts, "clock" | "log" | "registry" | "sender" | "journal">,
    machine: Machine,
    options: LevelsOptions,
    events: LevelsEvents,
  ) {
    this.ports = ports;
    this.machine = machine;
    this.options = options;
    this.events = events;
  }

  /** Whether every change applied is visible in the registry. */
  get isCurrent(): boolean {
    return this.state === "current" && this.dirty.size === 0 && !this.busy;
  }

  /**
   * Sends the levels of `touched` (and empties it) at the next beat. All shards of a thread keep the same beat,
   * so that their levels travel together: a write to a socket costs more than what is in it.
   */
  flush(touched: Set<object>, appliedSeq: number): void {
    this.appliedSeq = appliedSeq;
    if (this.ended || this.timer !== undefined) return;
    const nowMs = this.ports.clock.monotonicMs();
    // Under load fewer and larger writes: a key that changes often is shown once for all its changes.
    const beatMs = this.isMany ? LEVELS_BUSY_INTERVAL_MS : LEVELS_INTERVAL_MS;
    const dueMs = (Math.floor(nowMs / beatMs) + 1) * beatMs;
    this.timer = this.ports.clock.after(dueMs - nowMs, () => {
      this.timer = undefined;
      this.send(touched);
    });
  }

  private send(touched: Set<object>): void {
    if (this.ended) return;
    this.measure(touched.size);
    if (touched.size > 0) this.emit(touched);
    this.emittedSeq = this.appliedSeq;
    if (!this.busy && this.retry === undefined) this.pump();
  }

  /** Counts the keys of beats; every LEVELS_RATE_MS says whether more than LEVELS_BUSY_KEYS came in a busy beat's time. */
  private measure(keys: number): void {
    this.counted += keys;
    const nowMs = this.ports.clock.monotonicMs();
    const tookMs = nowMs - this.countedFromMs;
    if (tookMs < LEVELS_RATE_MS) return;
    this.isMany = this.counted * LEVELS_BUSY_INTERVAL_MS > LEVELS_BUSY_KEYS * tookMs;
    this.counted = 0;
    this.countedFromMs = nowMs;
  }

  end(): void {
    this.ended = true;
    this.timer?.cancel();
    this.retry?.cancel();
    this.check?.cancel();
  }

  private emit(touched: Set<object>): void {
    const writes: { key: object; write: LevelWrite }[] = [];
    const shown = this.emittedSeq < this.shownSeq ? this.versionAfter(this.shownSeq) : "";
    for (const key of touched) {
      if (shown === "" || this.machine.level(key).version > shown)
        writes.push({ key, write: this.render(key) });
      else this.untoldSeq = this.shownSeq;
    }
    touched.clear();
    writes.sort((a, b) => (a.write.version < b.write.version ? -1 : 1));
    const keep = this.dirty.size < RENDERED_MAX;
    for (const { key, write } of writes) {
      this.ports.sender.send(`inv.level.${write.locationToken}.${write.skuToken}`, write.json);
      this.dirty.set(key, keep ? write : undefined);
    }
  }

  private render(key: object): LevelWrite {
    const { sku, location, version, json } = this.machine.levelText(key);
    return { skuToken: tokenOf(sku), locationToken: tokenOf(location), version, json };
  }

  // ---------------------------------------------------------------- registry

  private pump(): void {
    if (this.ended || this.busy) return;
    if (this.state === "unknown") {
      this.busy = true;
      void this.learn();
      return;
    }
    const batch: LevelWrite[] = [];
    const keys: object[] = [];
    for (const [key, write] of this.dirty) {
      batch.push(write ?? this.render(key));
      keys.push(key);
    }
    this.dirty.clear();
    if (this.state === "refreshing") this.addRefresh(batch, keys);
    // The watermark may speak only of what this and earlier writes brought.
    const isMore = this.state === "current" && this.emittedSeq > this.written;
    const mark = isMore ? this.emittedSeq : undefined;
    if (batch.length === 0 && mark === undefined) {
      // Keys were looked at and all were in the registry already: the next lot, after others had a turn.
      if (this.state === "refreshing") this.ports.clock.soon(() => this.pump());
      else this.checkLater();
      return;
    }
    this.busy = true;
    void this.write(batch, keys, mark);
  }

  private addRefresh(batch: LevelWrite[], keys: object[]): void {
    for (let looked = 0; looked < REFRESH_KEYS && batch.length < REFRESH_LEVELS; looked++) {
      const next = this.refresh?.next();
      if (next === undefined || next.done === true) {
        this.refresh = undefined;
        this.state = "current";
        this.wasCurrent = true;
        return;
      }
      const isThere =
        this.refreshAfter !== "" && this.machine.level(next.value).version <= this.refreshAfter;
      if (isThere) continue;
      batch.push(this.render(next.value));
      keys.push(next.value);
    }
  }

  private async learn(): Promise<void> {
    try {
      const watermark = await this.ports.registry.watermark();
      const known = Math.max(this.logLastSeq, this.appliedSeq);
      const behind = await isBehind(this.ports.log, known, watermark);
      this.busy = false;
      if (this.ended) return;
      if (behind) {
        this.events.onHalt(
          "log_behind_registry",
          `Cannot fold this log: it ends at ${known}, but the registry shows levels up to ${watermark}`,
        );
        return;
      }
      if (this.wasCurrent && watermark >= this.written) this.state = "current";
      else if (this.written === 0 && watermark >= Math.max(this.options.baseSeq, this.untoldSeq))
        this.beCurrent(watermark);
      else this.startRefresh(watermark);
      this.onAnswer();
    } catch (error) {
      this.onFailure(error);
    }
  }

  /** What the checkpoint knew is in the registry; what came after it is touched anyway. */
  private beCurrent(watermark: number): void {
    this.state = "current";
    this.wasCurrent = true;
    this.written = watermark;
  }

  private startRefresh(watermark: number): void {
    this.state = "refreshing";
    this.wasCurrent = false;
    this.written = watermark;
    this.refreshAfter = watermark === 0 ? "" : this.versionAfter(watermark);
    this.refresh = this.machine.keys()[Symbol.iterator]();
  }

  /** No version of an entry up to `seq` is greater. */
  private versionAfter(seq: number): string {
    return formatVersion(this.options.epoch, seq, INDEX_MAX);
  }

  private async write(batch: LevelWrite[], keys: object[], mark: number | undefined) {
    try {
      const before = await this.ports.registry.write(batch, mark, this.written);
      this.busy = false;
      if (this.ended) return;
      // Nobody lowers a watermark: one below ours means that the registry lost its content.
      if (before < this.written) {
        this.ports.journal.warn({ before, written: this.written }, "the registry lost its content");
        this.startRefresh(before);
      } else if (mark !== undefined) this.written = mark;
      this.onAnswer();
    } catch (error) {
      for (const key of keys) if (!this.dirty.has(key)) this.dirty.set(key, undefined);
      this.onFailure(error);
    }
  }

  private onAnswer(): void {
    if (this.registryAway) this.ports.journal.info({}, "the registry is back");
    this.registryAway = false;
    this.failures = 0;
    const more = this.state !== "current" || this.dirty.size > 0 || this.written < this.emittedSeq;
    if (more) this.pump();
    else this.checkLater();
  }

  /** A registry may lose its content while nothing changes here: it is asked now and then. */
  private checkLater(): void {
    this.check ??= this.ports.clock.after(REGISTRY_CHECK_MS, () => {
      this.check = undefined;
      if (this.ended || this.busy || this.retry !== undefined) return;
      if (this.state === "current") this.state = "unknown";
      this.pump();
    });
  }

  private onFailure(error: unknown): void {
    this.busy = false;
    if (this.ended) return;
    if (!this.registryAway)
      this.ports.journal.warn(
        { error: describeError(error) },
        "the registry is away: deciding goes on, levels are refreshed on its return",
      );
    this.registryAway = true;
    // What a registry that comes back still has is asked of it.
    this.state = "unknown";
    this.refresh = undefined;
    const waitMs = Math.min(RETRY_MS_MIN * 2 ** this.failures++, RETRY_MS_MAX);
    this.retry ??= this.ports.clock.after(waitMs, () => {
      this.retry = undefined;
      this.pump();
    });
  }
}

function tokenOf(name: string): string {
  return PLAIN.test(name) ? name : toToken(name);
}
