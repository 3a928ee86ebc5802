// Owns being woken once at the earliest of the times asked for. A later time asked for first must not hide an
// earlier one: a commit once waited for the checkpoint's time.
import type { Clock, Timer } from "./ports.ts";

/** Timers take less than 2^31 ms, and a clock may round up: ringing too early does no harm. */
const WAIT_MS_MAX = 2 ** 30;

export class Alarm {
  private readonly clock: Pick<Clock, "monotonicMs" | "after">;
  private readonly ring: () => void;
  private timer: Timer | undefined;
  private atMs = Number.POSITIVE_INFINITY;

  /** @param ring called at the time set; it looks itself whether anything is due, and may set the alarm again */
  constructor(clock: Pick<Clock, "monotonicMs" | "after">, ring: () => void) {
    this.clock = clock;
    this.ring = ring;
  }

  /** Rings at `atMs` of the monotonic clock (in 1 ms at the soonest), unless it is set for an earlier time. */
  setFor(atMs: number): void {
    if (this.atMs <= atMs) return;
    this.cancel();
    this.atMs = atMs;
    const waitMs = Math.max(1, atMs - this.clock.monotonicMs());
    this.timer = this.clock.after(Math.min(waitMs, WAIT_MS_MAX), () => {
      this.timer = undefined;
      this.atMs = Number.POSITIVE_INFINITY;
      this.ring();
    });
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.atMs = Number.POSITIVE_INFINITY;
  }
}
