// Pure.
// Which line of a file named an identity first: the log would take a second line of it for a repeat of the first.
// Only for files with ids of their own; minted ids have the line number in them.
//
// The same 64-bit hash as the machine's, not the names: 16 bytes a line, at most IMPORT_OWN_IDS_MAX lines. Open
// addressing, at most three quarters full.

import { hashIdentity, identityHash } from "../../shared/identity_hash.ts";

export class LineIdentities {
  readonly #slots: number;
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  /** 0 is an empty slot. */
  readonly #line: Uint32Array;

  /** @param lines how many there may be, at least 1 */
  constructor(lines: number) {
    this.#slots = Math.ceil((lines * 4) / 3) + 1;
    this.#high = new Int32Array(this.#slots);
    this.#low = new Int32Array(this.#slots);
    this.#line = new Uint32Array(this.#slots);
  }

  /** The line of the same identity that came before, or undefined: then `line` is the first. */
  firstOf(location: string, sku: string, id: string, line: number): number | undefined {
    hashIdentity(location, sku, id);
    const { high, low } = identityHash;
    let slot = Math.floor(((low >>> 0) / 4294967296) * this.#slots);
    while (this.#line[slot] !== 0) {
      if (this.#low[slot] === low && this.#high[slot] === high) return this.#line[slot];
      slot = slot + 1 === this.#slots ? 0 : slot + 1;
    }
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#line[slot] = line;
    return undefined;
  }
}
