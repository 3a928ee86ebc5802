// Owns simulated time: a queue of events by (time, order of arrival). Nothing else moves the clock.
//
// C1. Between two events every promise that can go on has gone on (microtasks are drained), so a run is
//     a function of its seed alone.
// C2. Time never goes back here; clocks that lie are made from it (see stream.ts).

/** Far more than any run needs: something goes round in circles. */
const EVENTS_MAX = 300_000;

export type Timer = { readonly atMs: number; readonly order: number; fn: (() => void) | undefined };

export class SimClock {
  nowMs: number;
  events = 0;
  #order = 0;
  readonly #heap: Timer[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** Calls `fn` after `ms` of simulated time. */
  after(ms: number, fn: () => void): Timer {
    const timer: Timer = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, fn };
    this.#push(timer);
    return timer;
  }

  cancel(timer: Timer): void {
    timer.fn = undefined;
  }

  /** Runs events until `isDone` or until `limitMs` of simulated time went by; false at the limit. */
  async run(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.nowMs + limitMs;
    await drainMicrotasks();
    while (!isDone()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs) {
        this.nowMs = endMs;
        return isDone();
      }
      this.#pop();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      const { fn } = next;
      if (fn === undefined) continue;
      this.events += 1;
      if (this.events > EVENTS_MAX) throw new Error(`Cannot go on: ${EVENTS_MAX} events`);
      fn();
      await drainMicrotasks();
    }
    return true;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Timer;
      if (!isBefore(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Timer, heap[below] as Timer))
        below += 1;
      if (!isBefore(heap[below] as Timer, last)) break;
      heap[at] = heap[below] as Timer;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}

// Taken before anything could put a simulated one in its place.
const nextTurn = setImmediate;

/** Lets every promise go on that can: the turn of the real event loop ends after all of them. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}
