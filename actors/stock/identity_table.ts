// Pure.
// Finds the records of recent identities: buckets of eight slots, one cache line each, (low half of the hash,
// position of the record). Nothing is ever taken out: a slot whose record is gone is free for the next. What
// finds its bucket full of living records stands in the bucket beside it, or, when that is full too, in a small
// map; each bucket counts what of its own stands elsewhere.
//
// At most four living records a bucket on average: 16 bytes an identity; 3% of them stand elsewhere then.

/** Living records have positions from `tail` to `head`, which grow for ever, modulo 2^32; 0 is none. */
export type Records = {
  readonly tail: number;
  readonly head: number;
  /** High half of the hash of the record at a position. */
  highAt(position: number): number;
};

const WAYS = 8;
const FILL = 4;
const BUCKETS_MIN = 64;
/** Counted no further, up or down: whoever sends ids made for one bucket has as many there as he likes. */
const CROWDED_MAX = 255;

export class IdentityTable {
  private readonly records: Records;
  private readonly bucketsMax: number;
  private buckets = BUCKETS_MIN;
  private slots = new Int32Array(BUCKETS_MIN * WAYS * 2);
  private crowded = new Uint8Array(BUCKETS_MIN);
  private readonly over = new Map<number, number[]>();

  /** @param max living records at most; a few more do no harm */
  constructor(records: Records, max: number) {
    this.records = records;
    // Even: buckets stand side by side in twos.
    this.bucketsMax = Math.max(BUCKETS_MIN, 2 * Math.ceil(max / FILL / 2));
  }

  get bytes(): number {
    return this.slots.byteLength + this.crowded.byteLength + this.over.size * 64;
  }

  /**
   * Reads the bucket of an identity, no more: asked for many before they are looked up, their cache lines
   * come side by side and not one after another.
   */
  touch(low: number): number {
    return this.slots[this.bucketOf(low) * WAYS * 2] as number;
  }

  /** Position of the living record of an identity, or 0. */
  find(high: number, low: number): number {
    const bucket = this.bucketOf(low);
    const position = this.findIn(bucket, high, low);
    if (position !== 0 || this.crowded[bucket] === 0) return position;
    return this.findIn(bucket ^ 1, high, low) || this.findOver(high, low);
  }

  private findIn(bucket: number, high: number, low: number): number {
    const { slots } = this;
    const first = bucket * WAYS * 2;
    for (let i = first; i < first + WAYS * 2; i += 2) {
      if (slots[i] !== low) continue;
      const position = slots[i + 1] as number;
      if (this.isLiving(position) && this.records.highAt(position) === high) return position;
    }
    return 0;
  }

  /** @param living records there are, this one included */
  add(low: number, position: number, living: number): void {
    this.makeRoom(living);
    this.place(low, position);
  }

  /** Grows at once to what so many records want. */
  makeRoom(living: number): void {
    let buckets = this.buckets;
    while (living > buckets * FILL && buckets < this.bucketsMax)
      buckets = Math.min(buckets * 2, this.bucketsMax);
    if (buckets !== this.buckets) this.grow(buckets);
  }

  /** A record leaves the span: only what stands elsewhere is counted off. Call it before the tail moves on. */
  leave(low: number, position: number): void {
    const bucket = this.bucketOf(low);
    if (this.crowded[bucket] !== 0) this.dropElsewhere(bucket, low, position);
  }

  /** Forgets a living record. */
  forget(low: number, position: number): void {
    const bucket = this.bucketOf(low);
    if (!this.clear(bucket, low, position)) this.dropElsewhere(bucket, low, position);
  }

  private bucketOf(low: number): number {
    return Math.floor(((low >>> 0) / 4294967296) * this.buckets);
  }

  private isLiving(position: number): boolean {
    const { tail, head } = this.records;
    return position !== 0 && (position - tail) >>> 0 < (head - tail) >>> 0;
  }

  private place(low: number, position: number): void {
    const bucket = this.bucketOf(low);
    if (this.placeIn(bucket, low, position)) return;
    this.count(bucket, 1);
    if (this.placeIn(bucket ^ 1, low, position)) return;
    const others = this.over.get(low);
    if (others === undefined) this.over.set(low, [position]);
    else others.push(position);
  }

  private placeIn(bucket: number, low: number, position: number): boolean {
    const { slots } = this;
    const first = bucket * WAYS * 2;
    for (let i = first; i < first + WAYS * 2; i += 2) {
      if (this.isLiving(slots[i + 1] as number)) continue;
      slots[i] = low;
      slots[i + 1] = position;
      return true;
    }
    return false;
  }

  /** Empties the slot of a record; false when it does not stand in this bucket. */
  private clear(bucket: number, low: number, position: number): boolean {
    const { slots } = this;
    const first = bucket * WAYS * 2;
    for (let i = first; i < first + WAYS * 2; i += 2) {
      if (slots[i] !== low || slots[i + 1] !== position) continue;
      slots[i + 1] = 0;
      return true;
    }
    return false;
  }

  private findOver(high: number, low: number): number {
    for (const position of this.over.get(low) ?? []) {
      if (this.records.highAt(position) === high) return position;
    }
    return 0;
  }

  /** Takes out a record that stands beside its bucket or in the map, if it does. */
  private dropElsewhere(bucket: number, low: number, position: number): void {
    if (!this.clear(bucket ^ 1, low, position) && !this.dropOver(low, position)) return;
    this.count(bucket, -1);
  }

  private count(bucket: number, by: number): void {
    const crowded = this.crowded[bucket] as number;
    if (crowded !== CROWDED_MAX) this.crowded[bucket] = crowded + by;
  }

  private dropOver(low: number, position: number): boolean {
    const others = this.over.get(low);
    const at = others === undefined ? -1 : others.indexOf(position);
    if (others === undefined || at < 0) return false;
    others.splice(at, 1);
    if (others.length === 0) this.over.delete(low);
    return true;
  }

  private grow(buckets: number): void {
    const old = this.slots;
    const over = [...this.over];
    this.buckets = buckets;
    this.slots = new Int32Array(this.buckets * WAYS * 2);
    this.crowded = new Uint8Array(this.buckets);
    this.over.clear();
    for (let i = 0; i < old.length; i += 2) {
      const position = old[i + 1] as number;
      if (this.isLiving(position)) this.place(old[i] as number, position);
    }
    for (const [low, positions] of over)
      for (const position of positions) this.place(low, position);
  }
}
