// Owns the simulated log of one shard, as JetStream keeps it.
//
// L1. An entry gets the next sequence when it arrives; an ack may be lost or late, the entry stands.
// L2. The append time is the server's wall clock: it may jump back and forth (`skewMs`).
// L3. A reader asked to start beyond the last entry starts there once the log has grown past it; below
//     the first entry it jumps to the first, silently. Source: measured on nats-server 2.15.
// L4. With the fault `power` the acknowledged tail may go, and the stream may be cut or made anew.
import type { LogEntry } from "../../actors/runtime/machine.ts";
import type { SimClock } from "./clock.ts";

/** An entry with the ns of its append time beyond the ms: no two entries ever have the same time. */
export type StoredEntry = LogEntry & { readonly nanos: number };

export type StreamFacts = { createdAtMs: number; firstSeq: number; lastSeq: number };

export class SimStream {
  readonly clock: SimClock;
  /** Identity of the stream: when it was made, ms. */
  createdAtMs: number;
  /** How far the server's wall clock is off, ms. */
  skewMs = 0;
  firstSeq = 1;
  readonly #listeners = new Set<() => void>();
  /** Everything ever appended, for the checkers: trimming does not forget here. */
  #history: StoredEntry[] = [];
  #appends = 0;
  /** Whether entries that stood here are gone or others (fault `power`). */
  isTampered = false;

  constructor(clock: SimClock) {
    this.clock = clock;
    this.createdAtMs = clock.nowMs;
  }

  get lastSeq(): number {
    return this.#history.length;
  }

  /** The whole log from sequence 1, trimmed or not. */
  get history(): readonly StoredEntry[] {
    return this.#history;
  }

  facts(): StreamFacts {
    return { createdAtMs: this.createdAtMs, firstSeq: this.firstSeq, lastSeq: this.lastSeq };
  }

  append(subject: string, payload: Uint8Array, replyTo?: string): number {
    const seq = this.lastSeq + 1;
    const appendedAtMs = Math.floor(this.clock.nowMs + this.skewMs);
    const nanos = this.#appends++ % 1_000_000;
    const entry: StoredEntry = { seq, appendedAtMs, subject, payload, nanos };
    if (replyTo !== undefined) entry.replyTo = replyTo;
    this.#history.push(entry);
    for (const listener of [...this.#listeners]) listener();
    return seq;
  }

  /** The entry at `seq`, unless it was trimmed or is not there yet. */
  entry(seq: number): StoredEntry | undefined {
    return seq < this.firstSeq ? undefined : this.#history[seq - 1];
  }

  /** Calls `fn` on every append; returns the way to stop it. */
  onAppend(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** Removes entries up to and including `seq`, as the runner's trimming does. */
  trim(seq: number): void {
    this.firstSeq = Math.max(this.firstSeq, Math.min(seq, this.lastSeq) + 1);
  }

  /** Power loss: the last `count` entries were never on the disk. */
  loseTail(count: number): void {
    this.isTampered = true;
    this.#history.length = Math.max(0, this.lastSeq - count);
    this.firstSeq = Math.min(this.firstSeq, this.lastSeq + 1);
  }

  /** The stream was deleted and made again, empty. */
  replace(): void {
    this.isTampered = true;
    this.#history = [];
    this.firstSeq = 1;
    this.createdAtMs = Math.max(this.clock.nowMs, this.createdAtMs + 1);
  }

  /** Somebody purged all but the last `count` entries, whoever still needed them. */
  cut(count: number): void {
    this.isTampered = true;
    this.trim(this.lastSeq - count);
  }
}
