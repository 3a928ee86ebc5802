// Pure.
// Postgres' binary COPY format, built into and read out of one Buffer by hand.
// Source: PostgreSQL documentation, "COPY", section "Binary Format". A tuple is int16 columns, then
// for each column int32 length (-1 = null) and its bytes in network order.
//
// Values as TypeScript holds them: whole numbers (int8 up to 2^53), text, booleans, times in whole ms
// since 1970, jsonb as JSON text, bytea as Uint8Array, null for null.

import { charCodeAt } from "./char_code_at.ts";

/** Column types the codec knows. */
export type PgType = "text" | "int2" | "int4" | "int8" | "bool" | "jsonb" | "timestamptz" | "bytea";
export type PgColumn = { readonly name: string; readonly type: PgType };
export type PgValue = number | string | boolean | Uint8Array | null;

/** "PGCOPY\n\xff\r\n\0", flags 0, extension length 0. */
export const COPY_HEADER: Buffer = Buffer.from("5047434f50590aff0d0a000000000000000000", "hex");
/** A tuple of -1 columns ends the data. */
export const COPY_TRAILER: Buffer = Buffer.from("ffff", "hex");

const TWO_32 = 4_294_967_296;
/** 2000-01-01T00:00:00Z in ms since 1970, the zero of Postgres' timestamps. */
const PG_EPOCH_MS = 946_684_800_000;
const ASCII_LOOP_MAX = 48;
const FIRST_BYTES = 16 * 1024;

/**
 * Tuples being written. Each row is `row(columns)` and then exactly that many values in order. It is
 * emptied with `take()`; rows can be found again by `ends`.
 */
export class CopyWriter {
  private buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private view: DataView = viewOf(this.buffer);
  private at = 0;
  /** Where each row ends, in bytes from the first row's start. */
  private ends: number[] = [];

  /** Bytes of all rows written. */
  get bytes(): number {
    return this.at;
  }

  /** Starts a row of `columns` values. */
  row(columns: number): void {
    if (this.at > 0) this.ends.push(this.at);
    this.room(2);
    this.view.setInt16(this.at, columns);
    this.at += 2;
  }

  /** Throws away what was written after the first `rows` rows. */
  cut(rows: number, bytes: number): void {
    this.at = bytes;
    this.ends.length = Math.max(0, rows - 1);
  }

  null(): void {
    this.room(4);
    this.view.setInt32(this.at, -1);
    this.at += 4;
  }

  int2(value: number): void {
    this.room(6);
    this.view.setInt32(this.at, 2);
    this.view.setInt16(this.at + 4, value);
    this.at += 6;
  }

  int4(value: number): void {
    this.room(8);
    this.view.setInt32(this.at, 4);
    this.view.setInt32(this.at + 4, value);
    this.at += 8;
  }

  /** Any safe integer. */
  int8(value: number): void {
    this.room(12);
    this.view.setInt32(this.at, 8);
    const high = Math.floor(value / TWO_32);
    this.view.setInt32(this.at + 4, high);
    this.view.setUint32(this.at + 8, value - high * TWO_32);
    this.at += 12;
  }

  /** A 64-bit pattern from its halves; the sign of the high one does not matter. */
  int8Halves(high: number, low: number): void {
    this.room(12);
    this.view.setInt32(this.at, 8);
    this.view.setUint32(this.at + 4, high);
    this.view.setUint32(this.at + 8, low);
    this.at += 12;
  }

  bool(value: boolean): void {
    this.room(5);
    this.view.setInt32(this.at, 1);
    this.buffer[this.at + 4] = value ? 1 : 0;
    this.at += 5;
  }

  /**
   * Microseconds pass 2^53 in the year 2285, so each half is multiplied for itself.
   * @param ms whole ms since 1970
   */
  time(ms: number): void {
    const since = ms - PG_EPOCH_MS;
    const high = Math.floor(since / TWO_32);
    const low = (since - high * TWO_32) * 1000;
    const carry = Math.floor(low / TWO_32);
    this.int8Halves(high * 1000 + carry, low - carry * TWO_32);
  }

  text(value: string): void {
    const { length } = value;
    this.room(4 + length * 3);
    const bytes = this.utf8(value, length, this.at + 4);
    this.view.setInt32(this.at, bytes);
    this.at += 4 + bytes;
  }

  /** JSON text as jsonb: a version byte, then the text. */
  json(text: string): void {
    const { length } = text;
    this.room(5 + length * 3);
    const bytes = this.utf8(text, length, this.at + 5);
    this.view.setInt32(this.at, bytes + 1);
    this.buffer[this.at + 4] = 1;
    this.at += 5 + bytes;
  }

  raw(bytes: Uint8Array): void {
    this.room(4 + bytes.length);
    this.view.setInt32(this.at, bytes.length);
    this.buffer.set(bytes, this.at + 4);
    this.at += 4 + bytes.length;
  }

  /** A value of a column whose type is known only by name. */
  value(type: PgType, value: PgValue | undefined): void {
    if (value === null || value === undefined) this.null();
    else if (typeof value === "number") this.number(type, value);
    else if (typeof value === "boolean") this.bool(value);
    else if (typeof value === "string") {
      if (type === "jsonb") this.json(value);
      else this.text(value);
    } else this.raw(value);
  }

  private number(type: PgType, value: number): void {
    if (type === "int8") this.int8(value);
    else if (type === "int4") this.int4(value);
    else if (type === "int2") this.int2(value);
    else if (type === "timestamptz") this.time(value);
    else throw new TypeError(`Cannot write a number: column is ${type}`);
  }

  /** Hands over all rows and starts afresh. The data is without header and trailer. */
  take(): CopyRows {
    const ends = this.ends;
    if (this.at > 0) ends.push(this.at);
    const data = this.buffer.subarray(0, this.at);
    const size = Math.max(FIRST_BYTES, Math.min(this.buffer.length, this.at * 2));
    this.buffer = Buffer.allocUnsafeSlow(size);
    this.view = viewOf(this.buffer);
    this.at = 0;
    this.ends = [];
    return { data, ends };
  }

  private utf8(value: string, length: number, at: number): number {
    if (length > ASCII_LOOP_MAX) return this.buffer.write(value, at);
    const buffer = this.buffer;
    for (let i = 0; i < length; i++) {
      const unit = charCodeAt.call(value, i);
      if (unit >= 0x80) return buffer.write(value, at);
      buffer[at + i] = unit;
    }
    return length;
  }

  private room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes));
    this.buffer.copy(grown, 0, 0, this.at);
    this.buffer = grown;
    this.view = viewOf(grown);
  }
}

/** Whole tuples without header and trailer; `ends` says where each one ends. */
export type CopyRows = { data: Buffer; ends: number[] };

/** One row of `rows` by its number from 0. */
export function rowBytes(rows: CopyRows, number: number): Buffer {
  return rows.data.subarray(number === 0 ? 0 : rows.ends[number - 1], rows.ends[number]);
}

/** Rows of objects as tuples; absent and undefined values are nulls. */
export function encodeRows(
  columns: readonly PgColumn[],
  rows: Iterable<Readonly<Record<string, unknown>>>,
): CopyRows {
  const writer = new CopyWriter();
  for (const row of rows) {
    writer.row(columns.length);
    for (const column of columns) writer.value(column.type, row[column.name] as PgValue);
  }
  return writer.take();
}

/** The tuple with the columns of these numbers nulled, for a payload Postgres refuses. */
export function nullColumns(tuple: Buffer, numbers: ReadonlySet<number>): Buffer {
  const columns = tuple.readInt16BE(0);
  const parts: Buffer[] = [tuple.subarray(0, 2)];
  let at = 2;
  for (let number = 0; number < columns; number++) {
    const length = Math.max(0, tuple.readInt32BE(at));
    const end = at + 4 + length;
    parts.push(numbers.has(number) ? NULL : tuple.subarray(at, end));
    at = end;
  }
  return Buffer.concat(parts);
}

const NULL = Buffer.from("ffffffff", "hex");

/** Texts worth remembering: names and words, of which a table has few. */
const CACHED_LENGTH_MAX = 32;
const CACHE_SLOTS = 256;
/** A column whose texts are seldom met again is asked no more. */
const CACHE_TRIAL = 4096;

/** The texts of a column that were read last, by their bytes: to make a text costs ten times as much as to find it. */
class TextCache {
  private readonly texts = new Array<string>(CACHE_SLOTS).fill("");
  private readonly bytes = new Uint8Array(CACHE_SLOTS * CACHED_LENGTH_MAX);
  private readonly lengths = new Uint8Array(CACHE_SLOTS);
  private asked = 0;
  private found = 0;

  read(chunk: Buffer, from: number, to: number): string {
    if (this.asked >= CACHE_TRIAL && this.found * 2 < this.asked)
      return chunk.toString("utf8", from, to);
    this.asked++;
    let hash = 0;
    for (let i = from; i < to; i++) hash = (hash * 31 + (chunk[i] as number)) | 0;
    const slot = (hash ^ (hash >>> 8)) & (CACHE_SLOTS - 1);
    if (this.isAt(slot, chunk, from, to)) {
      this.found++;
      return this.texts[slot] as string;
    }
    const text = chunk.toString("utf8", from, to);
    this.texts[slot] = text;
    this.bytes.set(chunk.subarray(from, to), slot * CACHED_LENGTH_MAX);
    this.lengths[slot] = to - from;
    return text;
  }

  private isAt(slot: number, chunk: Buffer, from: number, to: number): boolean {
    const { bytes, lengths } = this;
    if (lengths[slot] !== to - from) return false;
    for (let i = from, at = slot * CACHED_LENGTH_MAX; i < to; i++, at++)
      if (bytes[at] !== chunk[i]) return false;
    return true;
  }
}

/**
 * Reads tuples out of what COPY … TO STDOUT sends: `push` each chunk (a chunk holds whole tuples), get
 * each row's values in order, in one array filled again for the next.
 */
export class CopyReader {
  private readonly types: readonly PgType[];
  private readonly onRow: (values: PgValue[]) => void;
  private readonly values: PgValue[];
  /** Of each column of texts. */
  private readonly texts: (TextCache | undefined)[];
  private started = false;
  private view: DataView | undefined;

  constructor(types: readonly PgType[], onRow: (values: PgValue[]) => void) {
    this.types = types;
    this.onRow = onRow;
    this.values = new Array<PgValue>(types.length).fill(null);
    this.texts = types.map((type) => (type === "text" ? new TextCache() : undefined));
  }

  /** @throws RangeError when the chunk is not of whole tuples of our columns. */
  push(chunk: Buffer): void {
    const { types, onRow, values, texts } = this;
    const view = this.viewOf(chunk);
    const base = chunk.byteOffset;
    let at = 0;
    if (!this.started) {
      at = COPY_HEADER.length;
      this.started = true;
    }
    while (at < chunk.length) {
      const columns = view.getInt16(base + at);
      at += 2;
      if (columns === -1) return;
      if (columns !== types.length)
        throw new RangeError(`Cannot read: ${columns} columns, expected ${types.length}`);
      for (let number = 0; number < columns; number++) {
        const length = view.getInt32(base + at);
        at += 4;
        if (length === -1) {
          values[number] = null;
          continue;
        }
        const cache = texts[number];
        values[number] =
          cache !== undefined && length <= CACHED_LENGTH_MAX
            ? cache.read(chunk, at, at + length)
            : readValue(types[number] as PgType, chunk, view, at, length);
        at += length;
      }
      onRow(values);
    }
  }

  /** One view for all chunks of a piece of memory: a chunk is often a single row. */
  private viewOf(chunk: Buffer): DataView {
    if (this.view?.buffer !== chunk.buffer) this.view = new DataView(chunk.buffer);
    return this.view;
  }
}

/** @param at from the chunk's start; the view is over all of its memory */
function readValue(
  type: PgType,
  chunk: Buffer,
  view: DataView,
  at: number,
  length: number,
): PgValue {
  const place = chunk.byteOffset + at;
  switch (type) {
    case "text":
      return chunk.toString("utf8", at, at + length);
    case "int8":
      return view.getInt32(place) * TWO_32 + view.getUint32(place + 4);
    case "int4":
      return view.getInt32(place);
    case "int2":
      return view.getInt16(place);
    case "bool":
      return chunk[at] === 1;
    case "timestamptz": {
      // Divided by halves, as it is written.
      const high = view.getInt32(place);
      const whole = Math.floor(high / 1000);
      const rest = (high - whole * 1000) * TWO_32 + view.getUint32(place + 4);
      return whole * TWO_32 + Math.floor(rest / 1000) + PG_EPOCH_MS;
    }
    case "jsonb":
      return chunk.toString("utf8", at + 1, at + length);
    case "bytea":
      return new Uint8Array(chunk.subarray(at, at + length));
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
