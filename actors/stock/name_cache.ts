// Pure.
// Names seen lately, with their hashes and shards, found by the bytes they stand in: a name that comes again costs no
// new string. A cache only: what it answers does not depend on what is in it.

import { mix } from "../../shared/identity_hash.ts";
import { shardOf } from "./names.ts";
import type { Scanner } from "./scanner.ts";
import type { SkuState } from "./state.ts";

/** Each name has two places to stand. */
const PLACES = 32_768;
/** What a place keeps beside its name, in one cache line: both halves of the hash, the length, and up to four words. */
const RECORD = 8;
const B = 1;
const LENGTH = 2;
const WORDS = 3;
/** Longer names are compared character by character. */
const LENGTH_MAX = 16;

/** A name that stands in memory by itself, not as a part of a larger text. */
export class Name {
  readonly text: string;
  readonly a: number;
  readonly b: number;
  /** As a SKU: its state, once it was found. SKUs are never forgotten. */
  sku: SkuState | null = null;
  /** As a SKU; -1 until asked. */
  private shard = -1;

  constructor(text: string, a: number, b: number) {
    this.text = text;
    this.a = a;
    this.b = b;
  }

  shardAmong(shards: number): number {
    if (this.shard < 0) this.shard = shardOf(this.text, shards);
    return this.shard;
  }
}

export class NameCache {
  private readonly names: (Name | null)[] = [];
  private readonly records = new Int32Array(PLACES * RECORD);

  constructor() {
    for (let i = 0; i < PLACES; i++) this.names.push(null);
  }

  /** The name last read. `text` holds it from `start`: the entry's text or the subject. */
  get(scanner: Scanner, text: string, start: number): Name {
    const { a } = scanner;
    const place = mix(a) & (PLACES - 2);
    const { records } = this;
    if (records[place * RECORD] === a && this.isAt(place, scanner)) {
      return this.names[place] as Name;
    }
    if (records[(place + 1) * RECORD] === a && this.isAt(place + 1, scanner)) {
      return this.names[place + 1] as Name;
    }
    const length = scanner.end - scanner.start;
    const name = new Name(ownText(text.slice(start, start + length)), a, scanner.b);
    this.put(place, name, scanner);
    return name;
  }

  private isAt(place: number, { view, start, end, b }: Scanner): boolean {
    const { records } = this;
    const record = place * RECORD;
    // No name is empty, so that no empty place matches.
    if (records[record + B] !== b || records[record + LENGTH] !== end - start) return false;
    if (end - start > LENGTH_MAX) return isText((this.names[place] as Name).text, view, start);
    let word = record + WORDS;
    let at = start;
    for (; at + 4 <= end; at += 4) if (records[word++] !== view.getInt32(at, true)) return false;
    return at === end || records[word] === lastWord(view, at, end);
  }

  private put(place: number, name: Name, { view, start, end, a, b }: Scanner): void {
    const { names, records } = this;
    const record = place * RECORD;
    // The newer of two stands in the first place.
    names[place + 1] = names[place] as Name | null;
    records.copyWithin(record + RECORD, record, record + RECORD);
    names[place] = name;
    records[record] = a;
    records[record + B] = b;
    records[record + LENGTH] = end - start;
    if (end - start > LENGTH_MAX) return;
    let word = record + WORDS;
    for (let at = start; at < end; at += 4) records[word++] = lastWord(view, at, end);
  }
}

/** The bytes from `at` to `end`, at most four. */
function lastWord(view: DataView, at: number, end: number): number {
  const word = view.getInt32(at, true);
  return end - at >= 4 ? word : word & ((1 << ((end - at) * 8)) - 1);
}

function isText(text: string, view: DataView, start: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== view.getUint8(start + i)) return false;
  }
  return true;
}

/** The same text with its own memory: a slice of a large text would keep all of that alive. */
export function ownText(text: string): string {
  return text.length < 13 ? text : ` ${text}`.slice(1);
}
