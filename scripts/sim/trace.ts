// Owns what a run tells of itself: the last lines, and one hash over all of them. The same seed gives the
// same hash, on any machine.
import { createHash, type Hash } from "node:crypto";
import type { SimClock } from "./clock.ts";

const TAIL_LINES = 60;

export class Trace {
  lines = 0;
  readonly #clock: SimClock;
  readonly #hash: Hash = createHash("sha256");
  readonly #startMs: number;
  readonly #all: boolean;
  #tail: string[] = [];

  /** @param keepAll for looking at one run; else only the tail is kept. */
  constructor(clock: SimClock, keepAll = false) {
    this.#clock = clock;
    this.#startMs = clock.nowMs;
    this.#all = keepAll;
  }

  add(text: string): void {
    const line = `${((this.#clock.nowMs - this.#startMs) / 1000).toFixed(3)}s ${text}`;
    this.#hash.update(line);
    this.lines += 1;
    this.#tail.push(line);
    if (!this.#all && this.#tail.length > 2 * TAIL_LINES)
      this.#tail = this.#tail.slice(-TAIL_LINES);
  }

  get tail(): string[] {
    return this.#all ? this.#tail : this.#tail.slice(-TAIL_LINES);
  }

  /** Hex; call it once, at the end. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}
