// Sends the load at planned times, to about a tenth of a millisecond: timers of Node are whole milliseconds, and
// spinning would take a core from what is measured. A worker thread sleeps in the kernel (Atomics.wait takes
// fractions) and writes what is due into the socket itself; the thread that reads the answers is not woken for it.

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { writeSome } from "./lean_socket.ts";

export type PlannedSends = {
  /** Resolves when the last message was written; rejects when it was stopped before. */
  done: Promise<void>;
  /** Call it before the socket is closed: its fd is somebody else's soon. */
  stop(): void;
};

export type Plan = {
  /** A connected socket on which nobody else writes more than a line now and then. */
  fd: number;
  /** What to send, text of one byte a character; as many as `arrivals`. */
  frames: readonly string[];
  /** When, ms from `startMs`, upwards. */
  arrivals: Float64Array;
  /** On the clock of clockMs(). */
  startMs: number;
};

type Job = { fd: number; bytes: Uint8Array; ends: Float64Array } & Pick<
  Plan,
  "arrivals" | "startMs"
>;

/** How long a full socket is waited for before it is tried again, ms. */
const FULL_WAIT_MS = 0.2;

/** Writes each frame at, or just after, its planned time, in order. */
export function sendPlanned({ fd, frames, arrivals, startMs }: Plan): PlannedSends {
  const job: Job = {
    fd,
    bytes: new Uint8Array(Buffer.from(frames.join(""), "latin1")),
    ends: new Float64Array(frames.length),
    arrivals,
    startMs,
  };
  let end = 0;
  for (const [i, frame] of frames.entries()) {
    end += frame.length;
    job.ends[i] = end;
  }
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  const done = new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", () => resolve());
    worker.once("exit", () => reject(new Error("Stopped before all was sent")));
  });
  done.catch(() => {});
  return { done, stop: () => void worker.terminate() };
}

/** Milliseconds with fractions on a clock that threads share. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now();
}

const never = new Int32Array(new SharedArrayBuffer(4));
const sleepMs = (ms: number) => void Atomics.wait(never, 0, 0, ms);

function send({ fd, bytes, ends, arrivals, startMs }: Job): void {
  let from = 0;
  for (let i = 0; i < arrivals.length; ) {
    const waitMs = startMs + (arrivals[i] as number) - clockMs();
    if (waitMs > 0) sleepMs(waitMs);
    const nowMs = clockMs() - startMs;
    while (i < arrivals.length && (arrivals[i] as number) <= nowMs) i++;
    if (i === 0) continue;
    const to = ends[i - 1] as number;
    while (from < to) {
      const taken = writeSome(fd, bytes.subarray(from, to));
      if (taken === 0) sleepMs(FULL_WAIT_MS);
      from += taken;
    }
  }
  parentPort?.postMessage(0);
}

if (!isMainThread && (workerData as Job | null)?.ends !== undefined) send(workerData as Job);
