// Pure.
// What is due when: a binary heap by (dueMs, sku, location, id, kind). The order is total, so it does
// not depend on the order of insertion, which a restore would lose (M12). S9 S16

import type { Due } from "./state.ts";

const TIMES_MIN = 64;

export class DueHeap {
  private readonly items: Due[] = [];
  /** Times of `items`, side by side. */
  private times = new Float64Array(TIMES_MIN);

  get size(): number {
    return this.items.length;
  }

  first(): Due | undefined {
    return this.items[0];
  }

  /** Puts `item` in, or moves it after its `dueMs` changed. */
  put(item: Due): void {
    const { items } = this;
    if (item.heapIndex < 0) {
      item.heapIndex = items.length;
      items.push(item);
      if (items.length > this.times.length) this.grow();
    }
    this.times[item.heapIndex] = item.dueMs;
    this.up(item.heapIndex);
    this.down(item.heapIndex);
  }

  remove(item: Due): void {
    const at = item.heapIndex;
    if (at < 0) return;
    item.heapIndex = -1;
    const last = this.items.pop() as Due;
    if (last === item) return;
    this.set(at, last, this.times[this.items.length] as number);
    this.up(at);
    this.down(last.heapIndex);
  }

  private up(start: number): void {
    const { items, times } = this;
    const item = items[start] as Due;
    const time = times[start] as number;
    let at = start;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.isBefore(time, item, above)) break;
      this.set(at, items[above] as Due, times[above] as number);
      at = above;
    }
    this.set(at, item, time);
  }

  private down(start: number): void {
    const { items, times } = this;
    const item = items[start] as Due;
    const time = times[start] as number;
    const size = items.length;
    let at = start;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= size) break;
      const next = below + 1;
      if (next < size && this.isBefore(times[next] as number, items[next] as Due, below)) {
        below = next;
      }
      if (this.isBefore(time, item, below)) break;
      this.set(at, items[below] as Due, times[below] as number);
      at = below;
    }
    this.set(at, item, time);
  }

  /** Whether `item` happens before the one at `at`; `before`, mostly by the times alone. */
  private isBefore(time: number, item: Due, at: number): boolean {
    const other = this.times[at] as number;
    return time === other ? before(item, this.items[at] as Due) : time < other;
  }

  private set(at: number, item: Due, time: number): void {
    this.items[at] = item;
    this.times[at] = time;
    item.heapIndex = at;
  }

  private grow(): void {
    const { times } = this;
    this.times = new Float64Array(times.length * 2);
    this.times.set(times);
  }
}

/** Whether `a` happens before `b`. Texts compare by code units, never by locale. */
export function before(a: Due, b: Due): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  const skuA = a.key.sku.sku;
  const skuB = b.key.sku.sku;
  if (skuA !== skuB) return skuA < skuB;
  if (a.key.location !== b.key.location) return a.key.location < b.key.location;
  if (a.id !== b.id) return a.id < b.id;
  return a.kind < b.kind;
}
