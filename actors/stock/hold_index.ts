// Pure.
// Holds of a shard by SKU and id: open addressing, because there are up to a million and every request asks. The hashes
// stand side by side, so that only what is very likely it is looked at. Holds of one SKU and id at several locations
// hang together by `sibling`; the first of them stands here.

import { hashText, mix, textHash } from "../../shared/identity_hash.ts";
import type { Hold, SkuState } from "./state.ts";

const SLOTS_MIN = 64;

export class HoldIndex {
  /** Hashes of `items`, 0 where there is none. */
  private hashes = new Int32Array(SLOTS_MIN);
  private items: (Hold | null)[] = nulls(SLOTS_MIN);
  private count = 0;
  /** The id last asked for: handlers ask for the same one several times. */
  private lastId = "";
  private lastHash = hashOf("");

  /** Says what `hashText` makes of an id that will be asked for. */
  expect(id: string, a: number): void {
    this.lastId = id;
    this.lastHash = mix(a) || 1;
  }

  get(sku: SkuState, id: string): Hold | null {
    return this.items[this.slotOf(sku, id, this.hashOf(id))] as Hold | null;
  }

  /** Puts a hold in front of those of its SKU and id. */
  add(hold: Hold): void {
    if ((this.count + 1) * 3 > this.hashes.length * 2) this.grow();
    hold.hash = this.hashOf(hold.id);
    const slot = this.slotOf(hold.key.sku, hold.id, hold.hash);
    const first = this.items[slot] as Hold | null;
    if (first === null) this.count += 1;
    hold.sibling = first;
    this.put(slot, hold);
  }

  remove(gone: Hold): void {
    const slot = this.slotOf(gone.key.sku, gone.id, gone.hash);
    const first = this.items[slot] as Hold | null;
    if (first === null) return;
    if (first === gone) {
      if (gone.sibling === null) this.empty(slot);
      else this.put(slot, gone.sibling);
      return;
    }
    for (let hold = first; hold.sibling !== null; hold = hold.sibling) {
      if (hold.sibling !== gone) continue;
      hold.sibling = gone.sibling;
      return;
    }
  }

  /** Every hold, in no order that means anything. */
  *[Symbol.iterator](): IterableIterator<Hold> {
    for (const first of this.items) {
      for (let hold: Hold | null = first; hold !== null; hold = hold.sibling) yield hold;
    }
  }

  /** Where the holds of a SKU and id stand, or would. */
  private slotOf(sku: SkuState, id: string, hash: number): number {
    const { hashes, items } = this;
    const mask = hashes.length - 1;
    let slot = hash & mask;
    for (; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (hashes[slot] !== hash) continue;
      const hold = items[slot] as Hold;
      if (hold.key.sku === sku && hold.id === id) return slot;
    }
    return slot;
  }

  private hashOf(id: string): number {
    if (id === this.lastId) return this.lastHash;
    this.lastId = id;
    this.lastHash = hashOf(id);
    return this.lastHash;
  }

  private put(slot: number, hold: Hold): void {
    this.hashes[slot] = hold.hash;
    this.items[slot] = hold;
  }

  /** Empties a slot and moves back what had to step aside for it. */
  private empty(at: number): void {
    const { hashes, items } = this;
    const mask = hashes.length - 1;
    let hole = at;
    for (let slot = (at + 1) & mask; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      const home = (hashes[slot] as number) & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.put(hole, items[slot] as Hold);
      hole = slot;
    }
    hashes[hole] = 0;
    items[hole] = null;
    this.count -= 1;
  }

  private grow(): void {
    const old = this.items;
    this.hashes = new Int32Array(old.length * 2);
    this.items = nulls(old.length * 2);
    const mask = this.hashes.length - 1;
    for (const hold of old) {
      if (hold === null) continue;
      let slot = hold.hash & mask;
      while (this.hashes[slot] !== 0) slot = (slot + 1) & mask;
      this.put(slot, hold);
    }
  }
}

/** Never 0. */
function hashOf(id: string): number {
  hashText(id);
  return mix(textHash.a) || 1;
}

/** Grown one by one: an array made large is kept as a dictionary. */
function nulls(length: number): null[] {
  const list: null[] = [];
  for (let i = 0; i < length; i++) list.push(null);
  return list;
}
