// Owns how much of a shard's log is kept: everything from the checkpoint on, and a settable past behind it.
// S17: nothing at or after the checkpoint's last entry goes, so that it can be compared.
import { describeError } from "../../shared/errors.ts";
import { TRIM_INTERVAL_MS } from "../../shared/limits.ts";
import type { RunnerPorts, Timer } from "./ports.ts";

const DAY_MS = 86_400_000;

export class Trimmer {
  private readonly ports: Pick<RunnerPorts, "clock" | "log" | "journal">;
  private readonly position: { readonly checkpointSeq: number };
  private readonly keepMs: number;
  private timer: Timer | undefined;
  private isEnded = false;
  /** Everything before this was trimmed already. */
  private trimmedTo = 0;

  constructor(
    ports: Pick<RunnerPorts, "clock" | "log" | "journal">,
    position: { readonly checkpointSeq: number },
    keepDays: number,
  ) {
    this.ports = ports;
    this.position = position;
    this.keepMs = keepDays * DAY_MS;
  }

  start(): void {
    this.timer = this.ports.clock.after(TRIM_INTERVAL_MS, () => {
      void this.trim().finally(() => {
        if (!this.isEnded) this.start();
      });
    });
  }

  end(): void {
    this.isEnded = true;
    this.timer?.cancel();
  }

  /** Trims now; returns the first sequence that stays. */
  async trim(): Promise<number> {
    const { clock, log, journal } = this.ports;
    try {
      const limit = this.position.checkpointSeq;
      if (limit === 0) return 0;
      const keepFrom =
        this.keepMs === 0 ? limit : await this.firstSince(clock.nowMs() - this.keepMs, limit);
      if (this.isEnded || keepFrom <= this.trimmedTo) return this.trimmedTo;
      await log.trim(keepFrom);
      this.trimmedTo = keepFrom;
    } catch (error) {
      journal.warn({ error: describeError(error) }, "cannot trim the log");
    }
    return this.trimmedTo;
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
