// Pure.
// The bytes of remembered identities: records in log order, oldest dropped first, in segments of one size.
//
// A record: length u16 | low i32 | high i32 | content digest i32 | flags u8 | type u8 | index u8 |
// varints: seq and log time less the segment's | level | the rest by flags. Records never span segments, and a
// zero length follows the last one of a segment.
//
// Positions are bytes from the beginning of the first segment ever, modulo 2^32, as signed numbers: never 0,
// because each segment begins with a header.

import { broken } from "../../shared/assert.ts";
import { putSigned, putText, putUnsigned, type RecentId } from "./recent_id.ts";

const SEGMENT_BITS = 18;
const SEGMENT = 2 ** SEGMENT_BITS;
const SEGMENTS = 2 ** (32 - SEGMENT_BITS);
/** Longest record: a location and two ids of the longest kind fit. */
const RECORD_MAX = 4096;
/** Segment header: base seq f64, base log time f64, epoch u16, shard u16. */
export const HEADER = 24;
const HAS_MORE_LEVEL = 16;
const HAS_PLACE = 32;
const HAS_EFFECT = 64;
const HAS_ORDER = 128;
const LENGTH_BYTES = 4;
/** Of the segment to be opened. */
const header = new DataView(new ArrayBuffer(HEADER));

export class RecentRecords {
  private segments: Uint8Array[] = [];
  private views: DataView[] = [];
  /** Number of the first segment, modulo SEGMENTS. */
  private firstSegment = 0;
  /** Position of the oldest record, and of the one to come. */
  tail = 0;
  head = 0;
  // Of the newest segment.
  private baseSeq = 0;
  private baseNow = 0;
  private place = -1;
  /** Where the next varint is read. */
  private at = 0;

  get bytes(): number {
    return this.segments.length * SEGMENT;
  }

  /** Appends a record; returns its position. */
  append(r: RecentId): number {
    if (!this.fits(r)) this.open(r);
    const position = this.head;
    this.head = (position + this.write(r, position & (SEGMENT - 1))) | 0;
    return position;
  }

  /** Drops the oldest record. */
  drop(): void {
    this.tail = this.after(this.tail);
    while (this.segments.length > 1 && this.segmentOf(this.tail) > 0) this.dropSegment();
  }

  /** Position of the record after this one, or `head`. */
  after(position: number): number {
    const next = (position + this.lengthAt(position)) | 0;
    return next === this.head || this.lengthAt(next) > 0 ? next : nextSegment(next);
  }

  lowAt(position: number): number {
    return this.viewAt(position).getInt32((position & (SEGMENT - 1)) + 2, true);
  }

  highAt(position: number): number {
    return this.viewAt(position).getInt32((position & (SEGMENT - 1)) + 6, true);
  }

  /** Log time of its decision. */
  nowAt(position: number): number {
    const segment = this.segmentOf(position);
    const bytes = this.segments[segment] as Uint8Array;
    this.at = (position & (SEGMENT - 1)) + 17;
    this.unsigned(bytes);
    return (this.views[segment] as DataView).getFloat64(8, true) + this.unsigned(bytes);
  }

  private lengthAt(position: number): number {
    return this.viewAt(position).getUint16(position & (SEGMENT - 1), true);
  }

  private viewAt(position: number): DataView {
    return this.views[this.segmentOf(position)] as DataView;
  }

  private segmentOf(position: number): number {
    return ((position >>> SEGMENT_BITS) - this.firstSegment) & (SEGMENTS - 1);
  }

  // ---------------------------------------------------------------- segments

  private fits(r: RecentId): boolean {
    const offset = this.head & (SEGMENT - 1);
    return (
      offset >= HEADER &&
      offset + RECORD_MAX + 2 <= SEGMENT &&
      this.place === r.epoch * 65536 + r.shard &&
      r.seq >= this.baseSeq &&
      r.nowMs >= this.baseNow
    );
  }

  private open(r: RecentId): void {
    header.setFloat64(0, r.seq, true);
    header.setFloat64(8, r.nowMs, true);
    header.setUint16(16, r.epoch, true);
    header.setUint16(18, r.shard, true);
    this.openAs(header);
  }

  /** Opens a segment with a header as given. */
  private openAs(given: DataView): void {
    const isEmpty = this.tail === this.head;
    if (this.segments.length > 0) this.head = nextSegment(this.head) - HEADER;
    const view = this.push(new Uint8Array(SEGMENT));
    this.baseSeq = given.getFloat64(0, true);
    this.baseNow = given.getFloat64(8, true);
    const [epoch, shard] = [given.getUint16(16, true), given.getUint16(18, true)];
    view.setFloat64(0, this.baseSeq, true);
    view.setFloat64(8, this.baseNow, true);
    view.setUint16(16, epoch, true);
    view.setUint16(18, shard, true);
    this.place = epoch * 65536 + shard;
    this.head = (this.head + HEADER) | 0;
    if (!isEmpty) return;
    this.tail = this.head;
    while (this.segments.length > 1) this.dropSegment();
  }

  private push(segment: Uint8Array): DataView {
    const view = new DataView(segment.buffer);
    this.segments.push(segment);
    this.views.push(view);
    return view;
  }

  private dropSegment(): void {
    this.segments.shift();
    this.views.shift();
    this.firstSegment = (this.firstSegment + 1) & (SEGMENTS - 1);
  }

  // ---------------------------------------------------------------- records

  /** Writes a record at an offset of the newest segment; returns its length. */
  private write(r: RecentId, start: number): number {
    const last = this.segments.length - 1;
    const bytes = this.segments[last] as Uint8Array;
    const view = this.views[last] as DataView;
    view.setInt32(start + 2, r.low, true);
    view.setInt32(start + 6, r.high, true);
    view.setInt32(start + 10, r.digest, true);
    const moreLevel =
      r.unavailable !== 0 || r.backordered !== 0 || r.inTransit !== 0 || r.onOrder !== 0;
    bytes[start + 14] =
      r.reason |
      (moreLevel ? HAS_MORE_LEVEL : 0) |
      (r.location === null && r.sku === null ? 0 : HAS_PLACE) |
      (r.effect ? HAS_EFFECT : 0) |
      (r.order === null ? 0 : HAS_ORDER);
    bytes[start + 15] = r.type;
    bytes[start + 16] = r.index;
    let p = start + 17;
    p = putUnsigned(bytes, p, r.seq - this.baseSeq);
    p = putUnsigned(bytes, p, r.nowMs - this.baseNow);
    p = putSigned(bytes, p, r.sellable);
    p = putSigned(bytes, p, r.reserved);
    if (moreLevel) {
      p = putSigned(bytes, p, r.unavailable);
      p = putSigned(bytes, p, r.backordered);
      p = putSigned(bytes, p, r.inTransit);
      p = putSigned(bytes, p, r.onOrder);
    }
    if (r.location !== null || r.sku !== null) {
      p = putText(bytes, p, r.location ?? "");
      p = putText(bytes, p, r.sku ?? "");
    }
    if (r.effect) {
      p = putSigned(bytes, p, r.nowMs - r.atMs);
      p = putSigned(bytes, p, r.qty);
      p = putSigned(bytes, p, r.demand);
      p = putText(bytes, p, r.bucket);
      p = putText(bytes, p, r.toBucket);
    }
    if (r.order !== null) {
      p = putText(bytes, p, r.order);
      p = putText(bytes, p, r.line ?? "");
    }
    if (p - start >= RECORD_MAX) broken(`Cannot remember identity: ${p - start} bytes`);
    view.setUint16(start, p - start, true);
    return p - start;
  }

  read(position: number, r: RecentId): void {
    const segment = this.segmentOf(position);
    const bytes = this.segments[segment] as Uint8Array;
    const view = this.views[segment] as DataView;
    const start = position & (SEGMENT - 1);
    r.low = view.getInt32(start + 2, true);
    r.high = view.getInt32(start + 6, true);
    r.digest = view.getInt32(start + 10, true);
    const flags = bytes[start + 14] as number;
    r.reason = flags & 15;
    r.type = bytes[start + 15] as number;
    r.index = bytes[start + 16] as number;
    this.at = start + 17;
    r.seq = view.getFloat64(0, true) + this.unsigned(bytes);
    r.nowMs = view.getFloat64(8, true) + this.unsigned(bytes);
    r.epoch = view.getUint16(16, true);
    r.shard = view.getUint16(18, true);
    r.sellable = this.signed(bytes);
    r.reserved = this.signed(bytes);
    const more = (flags & HAS_MORE_LEVEL) !== 0;
    r.unavailable = more ? this.signed(bytes) : 0;
    r.backordered = more ? this.signed(bytes) : 0;
    r.inTransit = more ? this.signed(bytes) : 0;
    r.onOrder = more ? this.signed(bytes) : 0;
    const placed = (flags & HAS_PLACE) !== 0;
    r.location = (placed ? this.text(bytes) : "") || null;
    r.sku = (placed ? this.text(bytes) : "") || null;
    r.effect = (flags & HAS_EFFECT) !== 0;
    r.atMs = r.effect ? r.nowMs - this.signed(bytes) : 0;
    r.qty = r.effect ? this.signed(bytes) : 0;
    r.demand = r.effect ? this.signed(bytes) : 0;
    r.bucket = r.effect ? this.text(bytes) : "";
    r.toBucket = r.effect ? this.text(bytes) : "";
    const ordered = (flags & HAS_ORDER) !== 0;
    r.order = ordered ? this.text(bytes) : null;
    r.line = ordered ? this.text(bytes) : null;
  }

  private unsigned(bytes: Uint8Array): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[this.at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  private signed(bytes: Uint8Array): number {
    const value = this.unsigned(bytes);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  private text(bytes: Uint8Array): string {
    const units = this.unsigned(bytes);
    let text = "";
    for (let i = 0; i < units; i++) text += String.fromCharCode(this.unsigned(bytes));
    return text;
  }

  // ---------------------------------------------------------------- slices

  /** The records from `from` on, as bytes: of each segment the length of its part, its header, its part. */
  pack(from: number): Uint8Array {
    const parts: { segment: Uint8Array; start: number; end: number }[] = [];
    for (let start = from; start !== this.head; ) {
      const isLast = this.segmentOf(start) === this.segments.length - 1;
      let end = start;
      while (end !== this.head && this.lengthAt(end) > 0) end = (end + this.lengthAt(end)) | 0;
      const segment = this.segments[this.segmentOf(start)] as Uint8Array;
      if (start !== end) {
        parts.push({ segment, start: start & (SEGMENT - 1), end: end & (SEGMENT - 1) });
      }
      start = isLast ? this.head : nextSegment(end);
    }
    const size = parts.reduce(
      (sum, { start, end }) => sum + LENGTH_BYTES + HEADER + end - start,
      0,
    );
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    let p = 0;
    for (const { segment, start, end } of parts) {
      view.setUint32(p, end - start, true);
      bytes.set(segment.subarray(0, HEADER), p + LENGTH_BYTES);
      bytes.set(segment.subarray(start, end), p + LENGTH_BYTES + HEADER);
      p += LENGTH_BYTES + HEADER + end - start;
    }
    return bytes;
  }

  /** The parts of packed records: each a segment's header, and records of that segment. */
  static *parts(bytes: Uint8Array): IterableIterator<Uint8Array> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let p = 0; p < bytes.byteLength; ) {
      const end = p + LENGTH_BYTES + HEADER + view.getUint32(p, true);
      if (end > bytes.byteLength) broken("Cannot restore identities: a slice is cut");
      yield bytes.subarray(p + LENGTH_BYTES, end);
      p = end;
    }
  }

  /** A part by itself, to be read: positions are offsets in it. */
  static ofPart(part: Uint8Array): RecentRecords {
    const records = new RecentRecords();
    // No larger than the part: a slice may be of one record, and there may be as many slices as checkpoints.
    records.push(part.slice());
    records.tail = HEADER;
    records.head = part.byteLength;
    return records;
  }

  /**
   * Appends the records of a part from an offset on, as they are, and returns the position of the first. They go
   * on in the newest segment where that has the same header, as the segment they come from had.
   */
  appendPart(part: Uint8Array, from: number): number {
    const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
    if (!this.fitsPart(view, from)) this.openAs(view);
    const position = this.head;
    const segment = this.segments[this.segments.length - 1] as Uint8Array;
    segment.set(part.subarray(from), position & (SEGMENT - 1));
    this.head = (position + part.byteLength - from) | 0;
    return position;
  }

  private fitsPart(header: DataView, from: number): boolean {
    const offset = this.head & (SEGMENT - 1);
    return (
      offset >= HEADER &&
      offset + header.byteLength - from + 2 <= SEGMENT &&
      this.place === header.getUint16(16, true) * 65536 + header.getUint16(18, true) &&
      this.baseSeq === header.getFloat64(0, true) &&
      this.baseNow === header.getFloat64(8, true)
    );
  }
}

/** Position of the first record of the segment after this position's. */
function nextSegment(position: number): number {
  return (((position >>> SEGMENT_BITS) + 1) << SEGMENT_BITS) + HEADER;
}
