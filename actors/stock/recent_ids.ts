// Pure.
// The recent tier of identities: what a repeat is answered with and what a void needs, of the newest
// identities, as byte records in log order (recent_records.ts, about 30 bytes each), found by identity_table.ts. S2 S4
//
// Only `endEntry` drops records (oldest first), so whatever was found missing before an entry was looked up.

import { IdentityTable } from "./identity_table.ts";
import { type Gone, RecentId } from "./recent_id.ts";
import { HEADER, RecentRecords } from "./recent_records.ts";

/** What one entry lets go: at most two for each of its commands, one more for a void. */
const EVICTED_MAX = 1024;
const evicted = {
  high: new Int32Array(EVICTED_MAX),
  low: new Int32Array(EVICTED_MAX),
  nowMs: new Float64Array(EVICTED_MAX),
  touched: 0,
};

type LetGo = Pick<Gone, "letGo">;

export type RecentSlice = { first: number; count: number; bytes: Uint8Array };

export class RecentIds {
  private readonly max: number;
  private readonly records = new RecentRecords();
  private readonly table: IdentityTable;
  private firstNumber = 0;
  private nextNumber = 0;
  private savedNumber = 0;
  private savedPosition = 0;

  constructor(max: number) {
    this.max = max;
    // A bundle more than the capacity may live for the time of its entry.
    this.table = new IdentityTable(this.records, max + 256);
  }

  get size(): number {
    return this.nextNumber - this.firstNumber;
  }

  /** Number of the oldest record and of the one to come. */
  get numbers(): { first: number; next: number } {
    return { first: this.firstNumber, next: this.nextNumber };
  }

  /** Bytes held for records and index. */
  get bytes(): number {
    return this.records.bytes + this.table.bytes;
  }

  /** Reads the record of an identity into `into`, or says it is not there. */
  find(high: number, low: number, into: RecentId): boolean {
    const position = this.table.find(high, low);
    if (position === 0) return false;
    this.records.read(position, into);
    return true;
  }

  has(high: number, low: number): boolean {
    return this.table.find(high, low) !== 0;
  }

  /** Reads ahead what `find` will need; the result means nothing. */
  touch(low: number): number {
    return this.table.touch(low);
  }

  /** Adds a record; the identity must not be there. */
  add(record: RecentId): void {
    const position = this.records.append(record);
    this.nextNumber += 1;
    this.table.add(record.low, position, this.size);
  }

  /** Forgets an identity that is there but too old to count; its bytes go when their turn comes. */
  forget(high: number, low: number): void {
    const position = this.table.find(high, low);
    if (position !== 0) this.table.forget(low, position);
  }

  /** Ends an entry: drops the oldest beyond the capacity, telling `gone` of each. */
  endEntry(gone: Gone): void {
    const count = Math.min(this.size - this.max, EVICTED_MAX);
    if (count <= 0) return;
    // First all are read, then all are told: see `touch`.
    for (let i = 0; i < count; i++) this.dropOldest(i, gone);
    for (let i = 0; i < count; i++) {
      gone.letGo(evicted.high[i] as number, evicted.low[i] as number, evicted.nowMs[i] as number);
    }
  }

  private dropOldest(i: number, gone: Gone): void {
    const { records } = this;
    const { tail } = records;
    const low = records.lowAt(tail);
    const high = records.highAt(tail);
    evicted.touched ^= gone.readAhead(high);
    evicted.high[i] = high;
    evicted.low[i] = low;
    evicted.nowMs[i] = records.nowAt(tail);
    this.table.leave(low, tail);
    records.drop();
    this.firstNumber += 1;
  }

  /** Every record, oldest first. */
  each(visit: (record: RecentId) => void): void {
    const { records } = this;
    for (let at = records.tail; at !== records.head; at = records.after(at)) {
      records.read(at, scratch);
      visit(scratch);
    }
  }

  // ---------------------------------------------------------------- checkpoints

  /** Records added since the last call, packed; null when there are none. */
  takeSlice(): RecentSlice | null {
    const { records } = this;
    // The last one saved is still there, or all that is there is new.
    const isThere = this.savedNumber > this.firstNumber;
    const first = isThere ? this.savedNumber : this.firstNumber;
    const from = isThere ? this.savedPosition : records.tail;
    this.markSaved();
    if (first >= this.nextNumber) return null;
    return { first, count: this.nextNumber - first, bytes: records.pack(from) };
  }

  /** Says that all there is now is saved already: after a restore. */
  markSaved(): void {
    this.savedNumber = this.nextNumber;
    this.savedPosition = this.records.head;
  }

  /** Starts from number `first`, before any of `count` records is added. */
  startAt(first: number, count: number): void {
    this.table.makeRoom(count);
    this.firstNumber = first;
    this.nextNumber = first;
  }

  /**
   * Takes a slice back, after those before it. Of records older than the first number, those from `since` on are
   * told to `gone`.
   */
  restore(
    { first, bytes }: Pick<RecentSlice, "first" | "bytes">,
    since: number,
    gone: LetGo,
  ): void {
    let number = first;
    for (const part of RecentRecords.parts(bytes)) {
      let from = HEADER;
      if (number < this.firstNumber) {
        const old = RecentRecords.ofPart(part);
        for (; from !== old.head && number < this.firstNumber; number++) {
          if (number >= since) gone.letGo(old.highAt(from), old.lowAt(from), old.nowAt(from));
          from = old.after(from);
        }
      }
      if (from === part.byteLength) continue;
      this.findFrom(this.records.appendPart(part, from));
      number = this.nextNumber;
    }
  }

  /** Makes the records from a position on, which were appended as bytes, be found. */
  private findFrom(position: number): void {
    const { records, table } = this;
    for (let at = position; at !== records.head; at = records.after(at)) {
      this.nextNumber += 1;
      table.add(records.lowAt(at), at, this.size);
    }
  }
}

const scratch = new RecentId();
