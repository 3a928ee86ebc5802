// Owns worker threads that run shards, and the few messages between them and the supervisor's thread. A shard
// stays in one thread while it runs; a thread that dies is started again and its shards are told as failed.

import { Worker } from "node:worker_threads";
import { OnhandError } from "../../shared/errors.ts";
import { emptyStatus, type ShardEnd, type ShardHost, type ShardStatus } from "./shard_host.ts";

/** Supervisor to thread. */
export type ThreadRequest =
  | { number: number; call: "open" | "drain" | "abandon"; shard: number }
  | { number: number; call: "close" };

/** Thread to supervisor. */
export type ThreadReply =
  | { kind: "ready" }
  | { kind: "done"; number: number; error?: { code: string; message: string } }
  | { kind: "ended"; end: ShardEnd }
  | { kind: "status"; shards: ShardStatus[] };

/** Time a thread may take to start and to end, in ms. */
const THREAD_START_MS = 30_000;
const THREAD_CLOSE_MS = 10_000;

/**
 * Twice V8's default: what a command makes dies young, and the more room it has the less of it is copied
 * (5 to 8 % of a command's time, measured).
 */
const YOUNG_GENERATION_MB = 96;

/** Threads that load their programs, and wait for what they are to work with. */
const warm = new Map<string, Worker[]>();

/** Begins to start threads of an entry that a host will want soon: they load while there is nothing to open yet. */
export function warmThreads(entry: URL, threads: number): void {
  const workers = Array.from({ length: threads }, () => newWorker(entry));
  warm.set(entry.href, workers);
  for (const worker of workers) {
    // None of them keeps the process alive; who takes one that has ended is told so.
    worker.unref();
    worker.on("error", () => {});
  }
}

function takeWarm(entry: URL): Worker | undefined {
  const worker = warm.get(entry.href)?.pop();
  worker?.ref();
  return worker?.threadId === -1 ? undefined : worker;
}

function newWorker(entry: URL): Worker {
  return new Worker(entry, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB } });
}

type Waiting = { resolve: () => void; reject: (error: Error) => void };

/** One thread and what it was asked. */
class ShardThread {
  readonly shards = new Set<number>();
  status: ShardStatus[] = [];
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready: Promise<void>;
  #next = 1;
  #isReady = false;
  #gone = false;

  constructor(
    { entry, data, startMs = THREAD_START_MS }: ThreadHostOptions,
    onEnd: (end: ShardEnd) => void,
    onGone: (detail: string) => void,
  ) {
    this.#worker = takeWarm(entry) ?? newWorker(entry);
    this.#worker.postMessage(data);
    this.#ready = new Promise<void>((resolve, reject) => {
      this.#waiting.set(0, { resolve, reject });
    });
    this.#ready.catch(() => {});
    let fault = "";
    const late = setTimeout(() => {
      fault = `no sign of life in ${startMs} ms`;
      void this.#worker.terminate();
    }, startMs);
    late.unref();
    this.#worker.on("message", (reply: ThreadReply) => {
      if (reply.kind === "ready") {
        clearTimeout(late);
        this.#isReady = true;
        this.#settle(0, undefined);
      } else if (reply.kind === "done") this.#settle(reply.number, reply.error);
      else if (reply.kind === "status") this.status = reply.shards;
      else onEnd(reply.end);
    });
    this.#worker.on("error", (error) => {
      fault ||= error instanceof Error ? error.message : String(error);
    });
    this.#worker.on("exit", (code) => {
      clearTimeout(late);
      this.#fail(fault || `thread ended with code ${code}`);
      onGone(fault || `thread ended with code ${code}`);
    });
  }

  async call(call: "open" | "drain" | "abandon", shard: number): Promise<void> {
    await this.#ready;
    await this.#send((number) => ({ number, call, shard }));
  }

  async close(): Promise<void> {
    if (this.#gone) return;
    if (!this.#isReady) {
      // It runs no shard yet, and may wait long for what it connects to.
      await this.#worker.terminate();
      return;
    }
    const late = setTimeout(() => void this.#worker.terminate(), THREAD_CLOSE_MS);
    await this.#send((number) => ({ number, call: "close" })).catch(() => {});
    clearTimeout(late);
    await this.#worker.terminate();
  }

  #send(request: (number: number) => ThreadRequest): Promise<void> {
    if (this.#gone) return Promise.reject(threadGone("thread has ended"));
    return new Promise((resolve, reject) => {
      const number = this.#next++;
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage(request(number));
    });
  }

  #settle(number: number, error: { code: string; message: string } | undefined): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new OnhandError(error.code, error.message, { retryable: true }));
  }

  #fail(detail: string): void {
    this.#gone = true;
    for (const waiting of this.#waiting.values()) waiting.reject(threadGone(detail));
    this.#waiting.clear();
  }
}

function threadGone(detail: string): OnhandError {
  return new OnhandError("thread_gone", `Cannot reach a stock thread: ${detail}`, {
    retryable: true,
  });
}

export type ThreadHostOptions = {
  /** The worker's entry file; it waits for threadData() and calls serveThread(). */
  entry: URL;
  /** The first message to the worker. */
  data: unknown;
  threads: number;
  /** Time a thread may take to start, in ms. */
  startMs?: number;
};

/** A host that spreads its shards over worker threads, each to the one with the fewest. */
export function threadHost(options: ThreadHostOptions): ShardHost {
  const { threads } = options;
  const pool: (ShardThread | undefined)[] = [];
  let closed = false;
  const start = (slot: number): ShardThread => {
    const thread = new ShardThread(
      options,
      (end) => {
        if (end.reason !== "halted") thread.shards.delete(end.shard);
        host.onEnd(end);
      },
      (detail) => {
        if (pool[slot] === thread) pool[slot] = undefined;
        if (closed) return;
        for (const shard of thread.shards) host.onEnd({ shard, reason: "failed", detail });
      },
    );
    pool[slot] = thread;
    return thread;
  };
  const threadOf = (shard: number): ShardThread | undefined =>
    pool.find((thread) => thread?.shards.has(shard));
  const leastLoaded = (): ShardThread => {
    let best: ShardThread | undefined;
    for (let slot = 0; slot < threads; slot++) {
      const thread = pool[slot] ?? start(slot);
      if (best === undefined || thread.shards.size < best.shards.size) best = thread;
    }
    return best as ShardThread;
  };
  const stop = async (call: "drain" | "abandon", shard: number): Promise<void> => {
    const thread = threadOf(shard);
    try {
      await thread?.call(call, shard);
    } finally {
      thread?.shards.delete(shard);
    }
  };
  const host: ShardHost = {
    async open(shard) {
      const thread = threadOf(shard) ?? leastLoaded();
      thread.shards.add(shard);
      try {
        await thread.call("open", shard);
      } catch (error) {
        thread.shards.delete(shard);
        throw error;
      }
    },
    drain: (shard) => stop("drain", shard),
    abandon: (shard) => stop("abandon", shard),
    status() {
      const told = pool.flatMap((thread) => thread?.status ?? []);
      const known = new Set(told.map((status) => status.shard));
      const silent = pool.flatMap((thread) => [...(thread?.shards ?? [])]);
      return [...told, ...silent.filter((shard) => !known.has(shard)).map(emptyStatus)];
    },
    onEnd: () => {},
    async close() {
      closed = true;
      await Promise.all(pool.map((thread) => thread?.close()));
    },
  };
  return host;
}
