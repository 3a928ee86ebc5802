// Wakes the load generator at planned times, to about a tenth of a millisecond: timers of Node are
// whole milliseconds, and spinning would take a core from what is measured. A worker thread sleeps
// in the kernel (Atomics.wait takes fractions) and sends a message when something is due.

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

export type Metronome = {
  /** Resolves when the last arrival was handed to `onDue`. */
  done: Promise<void>;
  stop(): void;
};

type Plan = { arrivals: Float64Array; startMs: number };

/**
 * Calls `onDue(i)` for each planned arrival, in order, at or just after its time.
 * @param arrivals ms from `startMs`, upwards
 * @param startMs on the clock of performance.timeOrigin + performance.now()
 */
export function startMetronome(
  arrivals: Float64Array,
  startMs: number,
  onDue: (index: number) => void,
): Metronome {
  const shared = new Float64Array(new SharedArrayBuffer(arrivals.byteLength));
  shared.set(arrivals);
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { arrivals: shared, startMs } satisfies Plan,
  });
  let next = 0;
  let finish: () => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    finish = resolve;
    worker.once("error", reject);
  });
  worker.on("message", () => {
    const nowMs = clockMs() - startMs;
    while (next < arrivals.length && (arrivals[next] as number) <= nowMs) onDue(next++);
    if (next === arrivals.length) finish();
  });
  return { done, stop: () => void worker.terminate() };
}

/** Milliseconds with fractions on a clock that threads share. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

function tick({ arrivals, startMs }: Plan): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < arrivals.length; ) {
    const waitMs = startMs + (arrivals[i] as number) - clockMs();
    if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs);
    const nowMs = clockMs() - startMs;
    const before = i;
    while (i < arrivals.length && (arrivals[i] as number) <= nowMs) i++;
    if (i > before) parentPort?.postMessage(0);
  }
}

if (!isMainThread && (workerData as Plan | null)?.arrivals !== undefined) tick(workerData as Plan);
