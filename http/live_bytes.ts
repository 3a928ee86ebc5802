// Owns the memory of the live feed's events: written one after the other into large pieces, so that the levels of a
// batch leave without being copied, and what is remembered of a level is a few numbers. An array for each event made
// each short collection of garbage of a busy edge 15 to 35 ms long: it copied all that the feed remembers.

import { Buffer } from "node:buffer";
import { VERSION_LENGTH } from "../shared/version.ts";

const PIECE_BYTES = 65_536;
const PREFIX = Buffer.from("event: level\ndata: ");
const SUFFIX = Buffer.from("\n\n");
const VERSION_FIELD = Buffer.from('"version":"');

/** Where an event stands. */
export type EventPlace = { piece: Uint8Array; from: number; to: number };

export class LiveBytes {
  #piece: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #to = 0;

  /** Writes the event of a level; its version and its place, or undefined when `data` holds none. */
  write(data: Uint8Array): (EventPlace & { version: string }) | undefined {
    const bytes = PREFIX.length + data.length + SUFFIX.length;
    if (this.#to + bytes > this.#piece.length) {
      this.#piece = Buffer.allocUnsafeSlow(Math.max(PIECE_BYTES, bytes));
      this.#to = 0;
    }
    const piece = this.#piece;
    const from = this.#to;
    const dataFrom = from + PREFIX.length;
    const dataTo = dataFrom + data.length;
    piece.set(data, dataFrom);
    const version = versionIn(piece, dataFrom, dataTo);
    if (version === undefined) return undefined;
    piece.set(PREFIX, from);
    piece.set(SUFFIX, dataTo);
    this.#to = from + bytes;
    return { version, piece, from, to: this.#to };
  }
}

/** The version inside a level's JSON, without parsing all of it. */
function versionIn(piece: Buffer, from: number, to: number): string | undefined {
  const at = piece.lastIndexOf(VERSION_FIELD, to - VERSION_FIELD.length);
  const start = at + VERSION_FIELD.length;
  if (at < from || start + VERSION_LENGTH > to) return undefined;
  return piece.toString("latin1", start, start + VERSION_LENGTH);
}

/** The event's own bytes, which are valid as long as anybody holds them. */
export function bytesAt({ piece, from, to }: EventPlace): Uint8Array {
  return piece.subarray(from, to);
}

/** A place of its own, for who keeps one event longer than the piece it stands in. */
export function ownPlace({ piece, from, to }: EventPlace): EventPlace {
  return { piece: new Uint8Array(piece.subarray(from, to)), from: 0, to: to - from };
}

/** The events as one: where they stand one after the other, without a copy. */
export function joined(places: readonly EventPlace[]): Uint8Array {
  const first = places[0];
  if (first === undefined) return new Uint8Array(0);
  let to = first.from;
  let size = 0;
  let isOneAfterOther = true;
  for (const place of places) {
    if (place.piece !== first.piece || place.from !== to) isOneAfterOther = false;
    to = place.to;
    size += place.to - place.from;
  }
  if (isOneAfterOther) return first.piece.subarray(first.from, to);
  const all = new Uint8Array(size);
  let at = 0;
  for (const { piece, from, to } of places) {
    all.set(piece.subarray(from, to), at);
    at += to - from;
  }
  return all;
}
