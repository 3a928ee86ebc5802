// Pure.
// Movements of stock of the last 48 hours, for counts that arrive late: what a bucket changed by from a
// time on. One log for the shard, in log order, in blocks of typed arrays (17 bytes a movement); each key
// holds the number of its newest movement, each movement the number of the one before it.
//
// A count asks only for `at` >= now - 48 h, and `at` is at most 5 minutes ahead of log time, so a block
// whose newest movement was logged 48 h and 5 min ago is dropped whole. Beyond `max` movements the oldest
// block goes earlier; counts from before it are stale then (`coveredFromMs`). Both follow from the log
// alone. Movements of one key, bucket and time within one entry are one movement.
//
// A checkpoint takes what was appended since the last one, as one slice; nothing saved changes later.

import { assert } from "../../shared/assert.ts";
import { AT_AHEAD_MS_MAX, COUNT_AGE_MS_MAX } from "./limits.ts";

const BLOCK = 8192;
/** Marks a delta that does not fit 32 bits; it stands in the block's `big`. */
const BIG = -2147483648;

type Block = {
  at: Float64Array;
  delta: Int32Array;
  previous: Uint32Array;
  bucket: Uint8Array;
  big: Map<number, number> | null;
  /** Log time of its newest movement, and the latest `at` in it. */
  newestMs: number;
  latestAtMs: number;
};

export type MovementsSnapshot = { next: number; base: number; coveredFromMs: number };
export type MovementSlice = { first: number; count: number; bytes: Uint8Array };

export class Movements {
  /** Number of the next movement; numbers start at 1. */
  next = 1;
  /** Counts of earlier times are stale; a time before all when 48 h are covered. */
  coveredFromMs = 0;
  private readonly max: number;
  private blocks: Block[] = [];
  /** Number of the first movement of the first block, rounded down to a block. */
  private base = 0;
  private entryFirst = 1;
  private savedTo = 1;
  private slices: number[] = [];
  private dropped: number[] = [];

  constructor(max: number) {
    this.max = Math.max(max, 2 * BLOCK);
  }

  get size(): number {
    return Math.max(0, this.next - Math.max(1, this.base));
  }

  /** Starts an entry: drops what no count may ask for any more. */
  startEntry(nowMs: number): void {
    this.entryFirst = this.next;
    const old = nowMs - COUNT_AGE_MS_MAX - AT_AHEAD_MS_MAX;
    while (this.blocks.length > 1 && (this.blocks[0] as Block).newestMs < old) this.dropBlock();
    while (this.size > this.max) {
      const first = this.blocks[0] as Block;
      this.coveredFromMs = Math.max(this.coveredFromMs, first.latestAtMs + 1);
      this.dropBlock();
    }
  }

  /**
   * Adds a movement of a key whose newest is `head`; returns the key's new newest.
   * @param bucket number of the bucket, 0 to 255
   */
  add(head: number, bucket: number, atMs: number, delta: number, nowMs: number): number {
    if (head >= this.entryFirst) {
      const block = this.blockOf(head);
      const i = head % BLOCK;
      if (block.at[i] === atMs && block.bucket[i] === bucket) {
        this.setDelta(block, i, this.deltaOf(block, i) + delta);
        return head;
      }
    }
    const number = this.next++;
    const block = this.blockFor(number);
    const i = number % BLOCK;
    block.at[i] = atMs;
    block.previous[i] = head;
    block.bucket[i] = bucket;
    this.setDelta(block, i, delta);
    block.newestMs = nowMs;
    if (atMs > block.latestAtMs) block.latestAtMs = atMs;
    return number;
  }

  /** Sum of the deltas of a bucket with `at` >= `fromMs`, of the key whose newest movement is `head`. */
  sumFrom(head: number, bucket: number, fromMs: number): number {
    let sum = 0;
    for (let number = head; number >= this.first; number = this.previousOf(number)) {
      const block = this.blockOf(number);
      const i = number % BLOCK;
      if (block.bucket[i] === bucket && (block.at[i] as number) >= fromMs) {
        sum += this.deltaOf(block, i);
      }
    }
    return sum;
  }

  /** Calls `visit` for each movement of a key, newest first. */
  each(head: number, visit: (bucket: number, atMs: number, delta: number) => void): void {
    for (let number = head; number >= this.first; number = this.previousOf(number)) {
      const block = this.blockOf(number);
      const i = number % BLOCK;
      visit(block.bucket[i] as number, block.at[i] as number, this.deltaOf(block, i));
    }
  }

  /** What was added and what was dropped since the last call. */
  takeChanges(): { slice: MovementSlice | null; dropped: number[] } {
    const first = Math.max(this.savedTo, this.first);
    this.savedTo = this.next;
    const isNew = first < this.next;
    if (isNew) this.slices.push(first);
    this.dropSlices();
    const dropped = this.dropped;
    this.dropped = [];
    return { slice: isNew ? this.slice(first) : null, dropped };
  }

  snapshot(): MovementsSnapshot {
    return { next: this.next, base: this.base, coveredFromMs: this.coveredFromMs };
  }

  /** Takes slices of a checkpoint back, in any order. */
  restore(slices: { first: number; bytes: Uint8Array }[], snapshot: MovementsSnapshot): void {
    const { next, base, coveredFromMs } = snapshot;
    slices.sort((a, b) => a.first - b.first);
    this.base = base;
    this.slices = slices.map((slice) => slice.first);
    this.dropSlices();
    const begin = this.slices[0] ?? next;
    this.next = begin;
    for (const slice of slices) if (slice.first >= begin) this.load(slice);
    assert(this.next === next, `Cannot restore movements: ends at ${this.next}, expected ${next}`);
    this.entryFirst = next;
    this.savedTo = next;
    this.coveredFromMs = coveredFromMs;
  }

  private get first(): number {
    return Math.max(1, this.base);
  }

  private load(slice: { first: number; bytes: Uint8Array }): void {
    const { bytes } = slice;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = bytes.byteLength / SLICE_BYTES;
    assert(slice.first === this.next, `Cannot restore movements: gap before ${slice.first}`);
    for (let k = 0; k < count; k++) {
      const p = k * SLICE_BYTES;
      const number = this.next++;
      if (number < this.base) continue;
      const block = this.blockFor(number);
      const i = number % BLOCK;
      const at = view.getFloat64(p);
      block.at[i] = at;
      this.setDelta(block, i, view.getFloat64(p + 8));
      block.previous[i] = view.getUint32(p + 16);
      block.bucket[i] = view.getUint8(p + 20);
      block.newestMs = view.getFloat64(p + 21);
      if (at > block.latestAtMs) block.latestAtMs = at;
    }
  }

  private slice(first: number): MovementSlice {
    const count = this.next - first;
    const bytes = new Uint8Array(count * SLICE_BYTES);
    const view = new DataView(bytes.buffer);
    for (let k = 0; k < count; k++) {
      const block = this.blockOf(first + k);
      const i = (first + k) % BLOCK;
      const p = k * SLICE_BYTES;
      view.setFloat64(p, block.at[i] as number);
      view.setFloat64(p + 8, this.deltaOf(block, i));
      view.setUint32(p + 16, block.previous[i] as number);
      view.setUint8(p + 20, block.bucket[i] as number);
      view.setFloat64(p + 21, block.newestMs);
    }
    return { first, count, bytes };
  }

  private dropBlock(): void {
    this.blocks.shift();
    this.base += BLOCK;
  }

  /** Slices wholly before the first movement. A block may go before it was ever in a slice. */
  private dropSlices(): void {
    while (this.slices.length > 1 && (this.slices[1] as number) <= this.base) {
      this.dropped.push(this.slices.shift() as number);
    }
  }

  private blockFor(number: number): Block {
    if (this.blocks.length === 0) this.base = Math.floor(number / BLOCK) * BLOCK;
    if (number - this.base >= this.blocks.length * BLOCK) this.blocks.push(newBlock());
    return this.blockOf(number);
  }

  private blockOf(number: number): Block {
    return this.blocks[Math.floor((number - this.base) / BLOCK)] as Block;
  }

  /** The movement before `number` of the same key; numbers wrap at 2^32 and are unwound here. */
  private previousOf(number: number): number {
    const low = this.blockOf(number).previous[number % BLOCK] as number;
    if (number < 4294967296) return low;
    const high = Math.floor(number / 4294967296) * 4294967296;
    return high + low >= number ? high + low - 4294967296 : high + low;
  }

  private deltaOf(block: Block, i: number): number {
    const delta = block.delta[i] as number;
    return delta === BIG ? ((block.big as Map<number, number>).get(i) as number) : delta;
  }

  private setDelta(block: Block, i: number, delta: number): void {
    if (delta > BIG && delta <= 2147483647) {
      block.delta[i] = delta;
      return;
    }
    block.delta[i] = BIG;
    block.big ??= new Map();
    block.big.set(i, delta);
  }
}

const SLICE_BYTES = 29;

function newBlock(): Block {
  return {
    at: new Float64Array(BLOCK),
    delta: new Int32Array(BLOCK),
    previous: new Uint32Array(BLOCK),
    bucket: new Uint8Array(BLOCK),
    big: null,
    newestMs: 0,
    latestAtMs: 0,
  };
}
