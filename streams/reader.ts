// Owns the reading of one shard's log, in order, from a sequence: a pull consumer of our own over
// plain publishes. (The library's ordered consumer takes 5 to 45 s to recover from a restarted
// server, and cannot be paused.)
//
//     const reader = openReader(nc, { stream, fromSeq, onEntry, onHalt });
//     reader.pause(); reader.resume(); await reader.stop();
//
// R1. Entries come one by one in order, each sequence exactly the last + 1. A lower one is ignored; a
//     higher one reopens the reader once, and if it is still higher the reader halts: `log_gap`.
// R2. Before each opening the stream is looked at: a first sequence beyond ours (`log_cut`), a last
//     one before ours (`log_shorter`), another creation time (`log_replaced`) or another entry where
//     our last one stood (`log_changed`) halt the reader. The server would be silent about each.
// R3. A lost connection, consumer or heartbeat reopens the reader from the last seen + 1.
// R4. Between pause() and resume() no entry is handed over; what arrives meanwhile is kept, at most
//     what was asked for ahead (4096 entries, 8 MiB).
// R5. After a halt or stop() nothing is handed over any more. A throw of `onEntry` halts.

import { describeError, OnhandError } from "../shared/errors.ts";
import { REOPEN_WAIT_MS, REOPEN_WAIT_MS_MAX, STREAM_MISSING_HALT_MS } from "../shared/limits.ts";
import { type NatsConnection, onConnection } from "./connection.ts";
import { nanosecondsText } from "./delivery.ts";
import { openPull, type Pull, type Pulled, type PullListener } from "./pull.ts";
import { type ReadEntry, readEntry, type StreamIdentity, streamIdentity } from "./stream_state.ts";

export type { ReadEntry, StreamIdentity } from "./stream_state.ts";

export type HaltReason =
  | "log_cut" // trimmed behind where we must go on
  | "log_shorter" // ends before what we have seen
  | "log_replaced" // the stream was made anew
  | "log_changed" // another entry stands where our last one stood
  | "log_gap" // a sequence is missing
  | "log_missing" // there is no such stream
  | "entry_failed"; // onEntry threw

export type ReaderOptions = {
  stream: string;
  /** Sequence of the first entry wanted, at least 1: the checkpoint's + 1. */
  fromSeq: number;
  onEntry(entry: ReadEntry): void;
  /** Called once, at the end. `reason` is a HaltReason, or what `verify` said. */
  onHalt(reason: HaltReason | (string & {}), message: string): void;
  /**
   * Looks at the stream before each opening, ours once passed: compare it with the checkpoint here.
   * What it returns halts the reader; when it throws, the opening is tried again.
   */
  verify?(identity: StreamIdentity): Promise<{ reason: string; message: string } | undefined>;
  /** It cannot be opened now and is tried again; told once until it is open. `error` says why. */
  onWait?(error: unknown): void;
  /** Called each time entries may flow (again). */
  onOpen?(identity: StreamIdentity): void;
};

export type Reader = {
  /** Last sequence handed to `onEntry`; `fromSeq` - 1 before the first. */
  readonly lastSeq: number;
  /** Entries that stood after the last handed over when it was delivered; 0 = caught up. */
  readonly lag: number;
  readonly paused: boolean;
  /** How often it was opened so far. */
  readonly opens: number;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
};

/** What a reader needs of the world: a server and time, or a simulation of both. */
export type ReaderSource = {
  /** @throws OnhandError `stream_missing` or `nats_unavailable`. */
  identity(): Promise<StreamIdentity>;
  /** Append time, in ns as text, of the entry at `seq`; undefined when it is not there. @throws OnhandError. */
  timeOf(seq: number): Promise<string | undefined>;
  /** Entries from `fromSeq` on; nothing flows before resume(). @throws OnhandError. */
  open(fromSeq: number, listener: PullListener): Promise<Pull>;
  onConnection(listener: { onDisconnect(): void; onReconnect(): void }): () => void;
  isClosed(): boolean;
  /** Calls `run` in `ms`; returns the way to call it off. */
  after(ms: number, run: () => void): () => void;
  /** Never goes back. */
  monotonicMs(): number;
};

/** Starts reading at once, in the background; troubles with the server are tried again for ever. */
export function openReader(nc: NatsConnection, options: ReaderOptions): Reader {
  const { stream } = options;
  return readFrom(
    {
      identity: () => streamIdentity(nc, stream),
      timeOf: async (seq) => (await readEntry(nc, stream, seq))?.time,
      open: (fromSeq, listener) => openPull(nc, stream, fromSeq, listener),
      onConnection: (listener) => onConnection(nc, listener),
      isClosed: () => nc.isClosed(),
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      monotonicMs: () => performance.now(),
    },
    options,
  );
}

/** The same from any source. */
export function readFrom(source: ReaderSource, options: ReaderOptions): Reader {
  return new LogReader(source, options);
}

class LogReader implements Reader {
  readonly #source: ReaderSource;
  readonly #options: ReaderOptions;
  readonly #stopListening: () => void;
  /** Each opening has a number; what belongs to an older one is out of date. */
  #generation = 0;
  #pull: Pull | undefined;
  #callOff: () => void = () => {};
  #failures = 0;
  #isWaiting = false;
  #missingSinceMs: number | undefined;
  #ended = false;
  #created: string | undefined;
  #seenSeq: number;
  /** Append time of the last entry seen, and the nanoseconds beyond it. */
  #seenMs: number | undefined;
  #seenNanos = 0;
  #handedSeq: number;
  /** The sequence that was skipped when we reopened for a gap. */
  #gapAt: number | undefined;
  #kept: Pulled[] = [];
  #paused = false;
  #lag = 0;
  #opens = 0;

  constructor(source: ReaderSource, options: ReaderOptions) {
    if (!Number.isSafeInteger(options.fromSeq) || options.fromSeq < 1)
      throw new RangeError(
        `Cannot read ${options.stream}: fromSeq is ${options.fromSeq}, expected 1 or more`,
      );
    this.#source = source;
    this.#options = options;
    this.#seenSeq = options.fromSeq - 1;
    this.#handedSeq = this.#seenSeq;
    this.#stopListening = source.onConnection({
      onDisconnect: () => this.#close(),
      onReconnect: () => {
        this.#failures = 0;
        this.#reopen();
      },
    });
    this.#reopen();
  }

  get lastSeq(): number {
    return this.#handedSeq;
  }
  get lag(): number {
    return this.#lag;
  }
  get paused(): boolean {
    return this.#paused;
  }
  get opens(): number {
    return this.#opens;
  }

  pause(): void {
    this.#paused = true;
    this.#pull?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const kept = this.#kept;
    this.#kept = [];
    for (let i = 0; i < kept.length; i++) {
      if (this.#ended) return;
      // onEntry may pause again: what is left is kept, before anything newer.
      if (this.#paused) {
        this.#kept = [...kept.slice(i), ...this.#kept];
        return;
      }
      this.#hand(kept[i] as Pulled);
    }
    if (!this.#paused) this.#pull?.resume();
  }

  async stop(): Promise<void> {
    this.#end();
  }

  // ---------------------------------------------------------------- opening

  #close(): void {
    this.#generation++;
    this.#callOff();
    this.#pull?.close();
    this.#pull = undefined;
  }

  #reopen(): void {
    this.#close();
    if (!this.#ended) void this.#open(this.#generation);
  }

  async #open(generation: number): Promise<void> {
    const isCurrent = () => generation === this.#generation && !this.#ended;
    try {
      const identity = await this.#source.identity();
      this.#missingSinceMs = undefined;
      const fault = isCurrent() ? await this.#faultOf(identity) : undefined;
      if (!isCurrent()) return;
      if (fault !== undefined) return this.#halt(fault.reason, fault.message);
      this.#created = identity.created;
      const pull = await this.#source.open(this.#seenSeq + 1, {
        onEntry: (pulled) => {
          if (isCurrent()) this.#onEntry(pulled);
        },
        onLost: () => {
          if (isCurrent()) this.#reopenLater();
        },
      });
      if (!isCurrent()) return pull.close();
      this.#pull = pull;
      this.#opens++;
      this.#isWaiting = false;
      this.#options.onOpen?.(identity);
      if (this.#paused) pull.pause();
      else pull.resume();
    } catch (error) {
      if (isCurrent()) this.#onOpenFailed(error);
    }
  }

  async #faultOf(
    identity: StreamIdentity,
  ): Promise<{ reason: string; message: string } | undefined> {
    const { stream } = this.#options;
    const wanted = this.#seenSeq + 1;
    const { created, firstSeq, lastSeq } = identity;
    if (this.#created !== undefined && this.#created !== created)
      return {
        reason: "log_replaced",
        message: `${stream} was created at ${created}, the one read so far at ${this.#created}`,
      };
    if (wanted > lastSeq + 1)
      return {
        reason: "log_shorter",
        message: `${stream} ends at ${lastSeq}, but entry ${wanted - 1} was folded already`,
      };
    if (firstSeq > wanted)
      return {
        reason: "log_cut",
        message: `${stream} begins at ${firstSeq}, but entry ${wanted} is needed next`,
      };
    if (this.#seenMs !== undefined && this.#seenSeq >= firstSeq) {
      const seen = nanosecondsText(this.#seenMs, this.#seenNanos);
      const time = await this.#source.timeOf(this.#seenSeq);
      if (time !== undefined && time !== seen)
        return {
          reason: "log_changed",
          message: `entry ${this.#seenSeq} of ${stream} was appended at ${time} ns, the one read at ${seen} ns`,
        };
    }
    return this.#options.verify?.(identity);
  }

  #onOpenFailed(error: unknown): void {
    if (this.#source.isClosed()) {
      this.#end();
      return;
    }
    if (error instanceof OnhandError && error.code === "stream_missing") {
      this.#missingSinceMs ??= this.#source.monotonicMs();
      if (this.#source.monotonicMs() - this.#missingSinceMs >= STREAM_MISSING_HALT_MS) {
        this.#halt("log_missing", `there is no stream ${this.#options.stream}`);
        return;
      }
    }
    if (!this.#isWaiting) this.#options.onWait?.(error);
    this.#isWaiting = true;
    this.#reopenLater();
  }

  #reopenLater(): void {
    this.#close();
    const waitMs = Math.min(REOPEN_WAIT_MS * 2 ** this.#failures++, REOPEN_WAIT_MS_MAX);
    this.#callOff = this.#source.after(waitMs, () => this.#reopen());
  }

  // ---------------------------------------------------------------- entries

  #onEntry(pulled: Pulled): void {
    const { seq } = pulled.entry;
    if (seq <= this.#seenSeq) return;
    if (seq > this.#seenSeq + 1) {
      this.#onGap(seq);
      return;
    }
    this.#seenSeq = seq;
    this.#seenMs = pulled.entry.appendedAtMs;
    this.#seenNanos = pulled.nanos;
    this.#failures = 0;
    this.#gapAt = undefined;
    if (this.#paused || this.#kept.length > 0) this.#kept.push(pulled);
    else this.#hand(pulled);
  }

  #onGap(seq: number): void {
    const wanted = this.#seenSeq + 1;
    if (this.#gapAt === wanted) {
      const { stream } = this.#options;
      this.#halt("log_gap", `${stream} went from ${wanted - 1} to ${seq}, also after reopening`);
      return;
    }
    this.#gapAt = wanted;
    this.#reopen();
  }

  #hand(pulled: Pulled): void {
    this.#handedSeq = pulled.entry.seq;
    this.#lag = pulled.pending;
    try {
      this.#options.onEntry(pulled.entry);
    } catch (error) {
      this.#halt(
        "entry_failed",
        `entry ${pulled.entry.seq} of ${this.#options.stream}: ${describeError(error)}`,
      );
    }
  }

  #halt(reason: string, message: string): void {
    if (this.#ended) return;
    this.#end();
    this.#options.onHalt(reason, `Cannot go on reading: ${message}`);
  }

  #end(): void {
    this.#ended = true;
    this.#stopListening();
    this.#close();
    this.#kept = [];
  }
}
