// Pure.
// Seeded chance for the simulation. Each part of the house draws from its own stream (`fork`), so that
// one more draw in one part does not change what the others see.
import { type Random, seededRandom } from "../demo/random.ts";

export class Chance {
  readonly #seed: number;
  readonly #next: Random;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#next = seededRandom(this.#seed);
  }

  /** An independent stream named `name`; the same seed and name give the same stream. */
  fork(name: string): Chance {
    let hash = this.#seed ^ 0x9e3779b9;
    for (let i = 0; i < name.length; i++)
      hash = Math.imul(((hash << 13) | (hash >>> 19)) ^ name.charCodeAt(i), 0x85ebca6b);
    return new Chance(hash ^ (hash >>> 15));
  }

  /** In [0, 1). */
  unit(): number {
    return this.#next();
  }

  /** A whole number from `low` to `high`, both possible. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  /** True with probability `p`. */
  is(p: number): boolean {
    return this.#next() < p;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new RangeError("Cannot pick from an empty list");
    return item;
  }

  /** A key of `weights`, with chance proportional to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let total = 0;
    for (const [, weight] of entries) total += weight;
    let at = this.#next() * total;
    for (const [key, weight] of entries) {
      at -= weight;
      if (at < 0) return key;
    }
    return (entries[entries.length - 1] as [K, number])[0];
  }
}
