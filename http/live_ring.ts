// Pure.
// Owns what the live feed remembers: the last levels in order of arrival, encoded once, and marks
// that tell from where a reader with a given vector has to be sent again.
//   R1 a level older than one already seen of its key is not taken (a zombie's late word, S18)
//   R2 `since` gives every remembered level newer than the vector, or says that some are forgotten

import type { EventPlace } from "./live_bytes.ts";
import type { Vector } from "./live_vector.ts";
import { within } from "./live_vector.ts";

/** One level as it is sent, the whole server-sent event. `key` is `<location token>.<sku token>`. */
export type LiveLevel = EventPlace & {
  key: string;
  locationToken: string;
  skuToken: string;
  shard: number;
  version: string;
};

/** Greater than any version: nothing is known of this shard yet. */
const UNKNOWN = "~";
const MARKS_MAX = 2_000;

export class LiveRing {
  readonly #size: number;
  readonly #levels: (LiveLevel | undefined)[];
  readonly #latest = new Map<string, LiveLevel>();
  /** Up to which version levels of a shard may never have come. */
  readonly #floor: string[];
  /** The newest version of each shard that left the ring, also while nothing was known of it. */
  readonly #forgotten: string[];
  #marks: { next: number; vector: Vector }[] = [];
  #next = 0;

  constructor(shards: number, size: number) {
    this.#size = size;
    this.#levels = new Array<LiveLevel | undefined>(size);
    this.#floor = new Array<string>(shards).fill(UNKNOWN);
    this.#forgotten = new Array<string>(shards).fill("");
  }

  /** The newest remembered level of a key. */
  newest(key: string): LiveLevel | undefined {
    return this.#latest.get(key);
  }

  /** Takes a level; false when a newer or the same one of its key was taken before. */
  push(level: LiveLevel): boolean {
    const known = this.#latest.get(level.key);
    if (known !== undefined && level.version <= known.version) return false;
    const at = this.#next % this.#size;
    const evicted = this.#levels[at];
    if (evicted !== undefined) this.#forget(evicted);
    this.#levels[at] = level;
    this.#latest.set(level.key, level);
    this.#next += 1;
    return true;
  }

  /** Marks this place: nothing that arrived before it is newer than `vector`. */
  mark(vector: Vector): void {
    if (this.#marks.at(-1)?.next === this.#next) return;
    this.#marks.push({ next: this.#next, vector: [...vector] });
    const oldest = this.#next - this.#size;
    if (this.#marks.length > MARKS_MAX || (this.#marks[0]?.next ?? 0) < oldest) {
      this.#marks = this.#marks.filter((mark) => mark.next >= oldest).slice(-MARKS_MAX);
    }
  }

  /** Nothing is known of what was said up to now (start, connection lost): all must be asked anew. */
  gap(): void {
    this.#floor.fill(UNKNOWN);
  }

  /** Levels of `shard` newer than `version` are all in the ring. */
  knownFrom(shard: number, version: string): void {
    if (this.#floor[shard] === UNKNOWN) this.#floor[shard] = version;
  }

  /**
   * The remembered levels newer than `vector`, newest of each key, or undefined when one of `shards`
   * is not remembered that far back.
   */
  since(vector: Vector, shards: readonly number[]): LiveLevel[] | undefined {
    for (const shard of shards) {
      const from = vector[shard] ?? "";
      if ((this.#floor[shard] as string) > from || (this.#forgotten[shard] as string) > from)
        return undefined;
    }
    const newest = new Map<string, LiveLevel>();
    for (let i = this.#startFor(vector); i < this.#next; i++) {
      const level = this.#levels[i % this.#size] as LiveLevel;
      if (level.version > (vector[level.shard] ?? "")) newest.set(level.key, level);
    }
    return [...newest.values()];
  }

  #startFor(vector: Vector): number {
    const oldest = Math.max(0, this.#next - this.#size);
    for (let i = this.#marks.length - 1; i >= 0; i--) {
      const mark = this.#marks[i] as { next: number; vector: Vector };
      if (mark.next < oldest) break;
      if (within(mark.vector, vector)) return mark.next;
    }
    return oldest;
  }

  #forget(level: LiveLevel): void {
    if (this.#latest.get(level.key) === level) this.#latest.delete(level.key);
    if (level.version > (this.#forgotten[level.shard] as string))
      this.#forgotten[level.shard] = level.version;
  }
}
