// Pure.
// The older tier of identities: cuckoo filters with 32-bit fingerprints in buckets of 4, in generations that
// grow from 2^16 to 2^24 slots. A generation takes what the recent tier lets go until it is full; the
// next one is four times as large. It is dropped when its newest identity is older than the identity days.
// A hit only means "look it up"; a miss is certain. S2
//
// A look-up compares 8 fingerprints per generation: a false hit has a chance of at most 8 / 2^32 = 1.9e-9
// for each (five generations, 22 million identities of a shard, stay below 1e-8). 4 bytes a slot, filled
// to 0.95: 4.2 bytes an identity. Source: Fan et al., Cuckoo Filter, CoNEXT 2014.

import { mix } from "../../shared/identity_hash.ts";
import { FILTER_BITS_MAX, FILTER_BITS_MIN, FILTER_GENERATIONS_MAX } from "./limits.ts";

const KICKS_MAX = 500;
const LOAD_MAX = 0.95;

/** One cuckoo filter. */
export class Generation {
  readonly number: number;
  readonly bits: number;
  slots: Int32Array;
  count = 0;
  /** Log time of the newest identity in it. */
  newestMs = 0;
  /** The fingerprint that found no place, and one of its buckets: it closes the generation. 0: none. */
  leftPrint = 0;
  leftBucket = 0;
  /** Identities added since it was last taken for a checkpoint. */
  changed = 0;

  constructor(number: number, bits: number) {
    this.number = number;
    this.bits = bits;
    this.slots = new Int32Array(2 ** bits);
  }

  get full(): boolean {
    return this.leftPrint !== 0 || this.count >= this.slots.length * LOAD_MAX;
  }

  has(high: number, low: number): boolean {
    const print = low === 0 ? 1 : low;
    const one = this.bucketOf(high);
    const two = this.otherBucket(one, print);
    if (this.leftPrint === print && (this.leftBucket === one || this.leftBucket === two))
      return true;
    return this.holds(one, print) || this.holds(two, print);
  }

  /** Reads both buckets of an identity, no more (see IdentityTable.touch). */
  touch(high: number, low: number): number {
    const one = this.bucketOf(high);
    const two = this.otherBucket(one, low === 0 ? 1 : low);
    return (this.slots[one * 4] as number) ^ (this.slots[two * 4] as number);
  }

  /** The same of the bucket `add` looks at first. */
  touchFirst(high: number): number {
    return this.slots[this.bucketOf(high) * 4] as number;
  }

  add(high: number, low: number): void {
    let print = low === 0 ? 1 : low;
    let bucket = this.bucketOf(high);
    this.count += 1;
    this.changed += 1;
    if (this.put(bucket, print)) return;
    bucket = this.otherBucket(bucket, print);
    for (let kick = 0; kick < KICKS_MAX; kick++) {
      if (this.put(bucket, print)) return;
      // Whom to push out: any rule does that a replay repeats.
      const slot = bucket * 4 + ((this.count + kick) & 3);
      const pushed = this.slots[slot] as number;
      this.slots[slot] = print;
      print = pushed;
      bucket = this.otherBucket(bucket, print);
    }
    this.leftPrint = print;
    this.leftBucket = bucket;
  }

  private bucketOf(high: number): number {
    return high & (this.slots.length / 4 - 1);
  }

  private otherBucket(bucket: number, print: number): number {
    return (bucket ^ mix(print)) & (this.slots.length / 4 - 1);
  }

  private holds(bucket: number, print: number): boolean {
    const { slots } = this;
    const at = bucket * 4;
    return (
      slots[at] === print ||
      slots[at + 1] === print ||
      slots[at + 2] === print ||
      slots[at + 3] === print
    );
  }

  private put(bucket: number, print: number): boolean {
    for (let slot = bucket * 4; slot < bucket * 4 + 4; slot++) {
      if (this.slots[slot] !== 0) continue;
      this.slots[slot] = print;
      return true;
    }
    return false;
  }
}

/** How many identities went with a generation, and the log time of the newest. */
export type Forgotten = { count: number; newestMs: number };

export class IdentityFilter {
  /** Oldest first; the last one is open. */
  generations: Generation[] = [];
  nextNumber = 1;
  /** Numbers of generations dropped since they were last taken. */
  private dropped: number[] = [];
  /** What was dropped for want of room and not yet told. */
  forgotten: Forgotten | null = null;

  /** Whether the identity may be in it; false is certain. */
  has(high: number, low: number): boolean {
    for (const generation of this.generations) if (generation.has(high, low)) return true;
    return false;
  }

  /** Reads ahead what `has` will need; the result means nothing. */
  touch(high: number, low: number): number {
    let read = 0;
    for (const generation of this.generations) read ^= generation.touch(high, low);
    return read;
  }

  /** Reads ahead what `add` will need. */
  touchOpen(high: number): number {
    return this.generations.at(-1)?.touchFirst(high) ?? 0;
  }

  /** @param nowMs log time of the identity's decision */
  add(high: number, low: number, nowMs: number): void {
    let open = this.generations.at(-1);
    if (open === undefined || open.full) open = this.openNext();
    open.add(high, low);
    if (nowMs > open.newestMs) open.newestMs = nowMs;
  }

  /** Drops generations whose newest identity is older than `oldestMs`. */
  prune(oldestMs: number): void {
    while ((this.generations[0]?.newestMs ?? oldestMs) < oldestMs) this.dropOldest();
  }

  takeDropped(): number[] {
    const dropped = this.dropped;
    this.dropped = [];
    return dropped;
  }

  get bytes(): number {
    return this.generations.reduce((sum, generation) => sum + generation.slots.byteLength, 0);
  }

  private openNext(): Generation {
    const last = this.generations.at(-1);
    const bits = last === undefined ? FILTER_BITS_MIN : Math.min(last.bits + 2, FILTER_BITS_MAX);
    const next = new Generation(this.nextNumber++, bits);
    this.generations.push(next);
    if (this.generations.length > FILTER_GENERATIONS_MAX) {
      const { count, newestMs } = this.dropOldest();
      this.forgotten = { count, newestMs };
    }
    return next;
  }

  private dropOldest(): Generation {
    const oldest = this.generations.shift() as Generation;
    this.dropped.push(oldest.number);
    return oldest;
  }
}
