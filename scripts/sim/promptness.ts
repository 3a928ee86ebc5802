// Owns how soon what was decided is durable and visible. It is asked only in runs without faults: there nothing
// but the runner itself can be late, and a wait that is too long is one nobody will ever end.
import type { SimClock } from "./clock.ts";

export type Reached = "committed" | "shown";

/** How long after its decision an entry may reach each, ms of simulated time. */
export type Within = Readonly<Record<Reached, number>>;

export class Promptness {
  readonly #clock: SimClock;
  readonly #within: Within;
  readonly #fail: (text: string) => void;
  /** When each entry was decided first, by place. */
  readonly #decidedMs = new Map<string, number>();
  readonly #reachedSeq = new Map<string, number>();

  constructor(clock: SimClock, within: Within, fail: (text: string) => void) {
    this.#clock = clock;
    this.#within = within;
    this.#fail = fail;
  }

  onDecided(shard: number, seq: number): void {
    const place = `${shard}/${seq}`;
    if (!this.#decidedMs.has(place)) this.#decidedMs.set(place, this.#clock.nowMs);
  }

  /** Everything of a shard up to `toSeq` is committed, or visible in the registry. */
  onReached(what: Reached, shard: number, toSeq: number): void {
    const key = `${what}/${shard}`;
    const fromSeq = (this.#reachedSeq.get(key) ?? 0) + 1;
    if (toSeq < fromSeq) return;
    this.#reachedSeq.set(key, toSeq);
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      const place = `${shard}/${seq}`;
      const tookMs = this.#clock.nowMs - (this.#decidedMs.get(place) ?? this.#clock.nowMs);
      if (tookMs > this.#within[what])
        this.#fail(
          `no progress: entry ${place} was ${what} ${tookMs} ms after its decision, not within ${this.#within[what]} ms`,
        );
    }
  }
}
