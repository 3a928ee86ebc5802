// Pure.
// Tokens of JSON as our publishers write it (no white space, ASCII, no escapes, plain whole numbers), four bytes at a
// time. The bytes of an entry are copied into one place first: what follows them there ends every token.
//
// Four bytes at once: `x - 0x01010101 & ~x & 0x80808080` marks the zero bytes of x, the lowest one for sure.
// Source: Warren, Hacker's Delight, 6-1.

import { M1, M2, SEED_1, SEED_2, spread } from "../../shared/identity_hash.ts";
import { ENTRY_BYTES_MAX } from "./limits.ts";
import { UNRESERVED } from "./names.ts";

const QUOTE = 34;
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const SPACES = 0x20202020;
const ONES = 0x01010101;
const HIGHS = 0x80808080;

/** Where names of a subject are put, beyond any entry. */
const SIDE = ENTRY_BYTES_MAX + 64;
const SIDE_BYTES = 512;

/** One for all decoders of a thread: each entry is decoded to its end before the next. */
const scratch = new Uint8Array(SIDE + SIDE_BYTES);

export class Scanner {
  readonly bytes = scratch;
  readonly view = new DataView(scratch.buffer);
  /** Where the next token begins, and where the entry ends. */
  at = 0;
  length = 0;
  // The text last read: where it stands, and its hash (shared/identity_hash.ts).
  start = 0;
  end = 0;
  a = 0;
  b = 0;

  /** Starts reading an entry of at most ENTRY_BYTES_MAX bytes. */
  load(payload: Uint8Array): void {
    const { length } = payload;
    this.bytes.set(payload);
    // A number ends at the zeros; a text ends at the quotes, and the zeros in it say that it is none.
    this.view.setInt32(length, 0);
    this.view.setInt32(length + 4, QUOTES);
    this.view.setInt32(length + 8, QUOTES);
    this.length = length;
    this.at = 0;
  }

  /** Reads a text of printable ASCII without escapes, at least one character. */
  text(): boolean {
    const { view } = this;
    const start = this.at + 1;
    if (this.bytes[start - 1] !== QUOTE) return false;
    let i = start;
    let a = SEED_1;
    let b = SEED_2;
    let odd = 0;
    let word = view.getInt32(i, true);
    let quotes = zerosOf(word ^ QUOTES);
    while (quotes === 0) {
      odd |= oddOf(word);
      const whole = spread(word);
      a = Math.imul(((a << 13) | (a >>> 19)) ^ whole, M1);
      b = Math.imul(((b << 17) | (b >>> 15)) ^ whole, M2);
      i += 4;
      word = view.getInt32(i, true);
      quotes = zerosOf(word ^ QUOTES);
    }
    // Bits of the word before the quote.
    const bits = (31 - Math.clz32(quotes & -quotes)) & 24;
    word &= (1 << bits) - 1;
    odd |= oddOf(word | (SPACES << bits));
    i += bits >> 3;
    const length = i - start;
    if (length === 0 || (odd & HIGHS) !== 0) return false;
    this.start = start;
    this.end = i;
    const last = spread(word);
    this.a = Math.imul(((a << 13) | (a >>> 19)) ^ last, M1) ^ length;
    this.b = Math.imul(((b << 17) | (b >>> 15)) ^ last, M2) ^ length;
    this.at = i + 1;
    return true;
  }

  /** Reads a part of a subject as a text; false when it is no name that is its own token. */
  plainName(subject: string, start: number, end: number): boolean {
    const length = end - start;
    if (length <= 0 || length > 200) return false;
    const { bytes } = this;
    let at = SIDE;
    bytes[at++] = QUOTE;
    for (let i = start; i < end; i++) {
      const c = subject.charCodeAt(i);
      if (c > 127 || UNRESERVED[c] === 0) return false;
      bytes[at++] = c;
    }
    bytes[at] = QUOTE;
    this.at = SIDE;
    return this.text();
  }

  /** A whole number of at most 15 digits without sign, or -2. */
  number(): number {
    const { bytes } = this;
    const start = this.at;
    let i = start;
    let n = 0;
    for (;;) {
      const digit = (bytes[i] as number) - 48;
      if (digit < 0 || digit > 9) break;
      n = n * 10 + digit;
      i += 1;
    }
    const length = i - start;
    if (length === 0 || length > 15 || (length > 1 && bytes[start] === 48)) return -2;
    this.at = i;
    return n;
  }
}

/** Marks the zero bytes of a word. */
function zerosOf(word: number): number {
  return (word - ONES) & ~word & HIGHS;
}

/** The highest bit of a byte is set when a word has a character below 32 or above 126, or a backslash. */
function oddOf(word: number): number {
  return (word - SPACES) | (word + ONES) | word | zerosOf(word ^ BACKSLASHES);
}
