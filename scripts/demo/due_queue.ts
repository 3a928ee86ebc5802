// Pure.
// Things to happen later, taken in the order of their time; equal times in the order they were added.

type Item<T> = { ms: number; number: number; value: T };

/** A binary heap. */
export class DueQueue<T> {
  readonly #heap: Item<T>[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Time of the next, or undefined when empty. */
  nextMs(): number | undefined {
    return this.#heap[0]?.ms;
  }

  add(ms: number, value: T): void {
    const heap = this.#heap;
    const item = { ms, number: this.#added++, value };
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = item;
  }

  /** The next; @throws RangeError when empty. */
  take(): T {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new RangeError("The queue is empty");
    if (heap.length > 0) this.#sink(last);
    return first.value;
  }

  #sink(item: Item<T>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, item)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = item;
  }
}

function before<T>(a: Item<T>, b: Item<T>): boolean {
  return a.ms < b.ms || (a.ms === b.ms && a.number < b.number);
}
