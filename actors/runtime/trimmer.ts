// Owns how much of a shard's log is kept: everything from the checkpoint on, and a settable past behind it, which
// gives way when the log nears its limit in bytes: a full log takes no command, and no tick either.
// S17: nothing at or after the checkpoint's last entry goes, so that it can be compared.
import { describeError } from "../../shared/errors.ts";
import {
  LOG_FULL_PART,
  LOG_LEFT_PART,
  LOG_ROOM_INTERVAL_MS,
  TRIM_INTERVAL_MS,
} from "../../shared/limits.ts";
import type { LogSize, RunnerPorts, Timer } from "./ports.ts";
import { raiseAlert } from "./shard_alert.ts";

const DAY_MS = 86_400_000;

export type TrimmerOptions = { epoch: number; shard: number; keepLogDays: number };
type Ports = Pick<RunnerPorts, "clock" | "log" | "store" | "effects" | "journal">;

export class Trimmer {
  private readonly ports: Ports;
  private readonly position: { readonly checkpointSeq: number };
  private readonly options: TrimmerOptions;
  private timer: Timer | undefined;
  private isEnded = false;
  /** When what is too old is next looked for, of the monotonic clock. */
  private dueMs = 0;
  /** Everything before this was trimmed already. */
  private trimmedTo = 0;
  /** The checkpoint at which the last look could make no room. */
  private stuckAtSeq = -1;
  /** Ids of alerts raised. */
  private readonly told = new Set<string>();

  constructor(ports: Ports, position: { readonly checkpointSeq: number }, options: TrimmerOptions) {
    this.ports = ports;
    this.position = position;
    this.options = options;
  }

  start(): void {
    this.timer = this.ports.clock.after(LOG_ROOM_INTERVAL_MS, () => {
      void this.look().finally(() => {
        if (!this.isEnded) this.start();
      });
    });
  }

  end(): void {
    this.isEnded = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    const nowMs = this.ports.clock.monotonicMs();
    if (nowMs >= this.dueMs) {
      this.dueMs = nowMs + TRIM_INTERVAL_MS;
      await this.trim();
    }
    await this.makeRoom();
  }

  /** Trims what is too old now; returns the first sequence that stays. */
  async trim(): Promise<number> {
    const { clock, journal } = this.ports;
    const keepMs = this.options.keepLogDays * DAY_MS;
    try {
      const limit = this.position.checkpointSeq;
      if (limit === 0) return 0;
      await this.cut(keepMs === 0 ? limit : await this.firstSince(clock.nowMs() - keepMs, limit));
    } catch (error) {
      journal.warn({ error: describeError(error) }, "cannot trim the log");
    }
    return this.trimmedTo;
  }

  /** Trims what is not too old either when the log is nearly full, as far as the checkpoint lets it. */
  async makeRoom(): Promise<void> {
    const { log, journal } = this.ports;
    try {
      const before = await log.size();
      if (!isNearlyFull(before)) return;
      await this.cut(Math.min(this.position.checkpointSeq, firstToStay(before)));
      if (this.isEnded) return;
      this.tell(before, await log.size());
    } catch (error) {
      journal.warn({ error: describeError(error) }, "cannot make room in the log");
    }
  }

  private async cut(keepFrom: number): Promise<void> {
    if (this.isEnded || keepFrom <= this.trimmedTo) return;
    await this.ports.log.trim(keepFrom);
    this.trimmedTo = keepFrom;
  }

  /** Once a day: a log with too low a limit is trimmed again and again. */
  private tell(before: LogSize, after: LogSize): void {
    const { epoch, shard, keepLogDays } = this.options;
    const { checkpointSeq } = this.position;
    const isStuck = isNearlyFull(after);
    // The next checkpoint is on its way, as a rule.
    const isNews = !isStuck || this.stuckAtSeq === checkpointSeq;
    this.stuckAtSeq = isStuck ? checkpointSeq : -1;
    const day = new Date(this.ports.clock.nowMs()).toISOString().slice(0, 10);
    const id = `alert/logFull/${epoch}.${shard}/${isStuck ? "stuck" : "trimmed"}/${day}`;
    if (!isNews || this.told.has(id)) return;
    this.told.add(id);
    const { bytesMax } = before;
    const text =
      `Log of shard ${shard} of epoch ${epoch} has ${before.bytes} of at most ${bytesMax} bytes: ` +
      (isStuck
        ? `${after.bytes} are left, for nothing from the checkpoint (${checkpointSeq}) on may go. When it is full, no command is taken`
        : `trimmed to ${after.bytes}, which is less than ${keepLogDays} days`);
    const details = { bytes: before.bytes, bytesLeft: after.bytes, bytesMax, checkpointSeq };
    raiseAlert(this.ports, {
      id,
      kind: "logFull",
      epoch,
      shard,
      seq: checkpointSeq,
      text,
      details,
    });
    this.ports.journal.warn(details, text);
  }

  /** First sequence below `limit` appended at `sinceMs` or later, else `limit`: by halving. */
  private async firstSince(sinceMs: number, limit: number): Promise<number> {
    let low = this.trimmedTo;
    let high = limit;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const entry = await this.ports.log.entry(middle);
      // What is not there was trimmed before: older.
      if (entry === undefined || entry.appendedAtMs < sinceMs) low = middle + 1;
      else high = middle;
    }
    return high;
  }
}

function isNearlyFull({ bytes, bytesMax }: LogSize): boolean {
  return bytes >= bytesMax * LOG_FULL_PART;
}

/** From where on about LOG_LEFT_PART of the limit is taken, as if entries were alike; the next look tells. */
function firstToStay({ bytes, bytesMax, firstSeq, lastSeq }: LogSize): number {
  const entries = lastSeq - firstSeq + 1;
  return lastSeq + 1 - Math.floor((entries * bytesMax * LOG_LEFT_PART) / bytes);
}
