// Owns one reader of the live feed: its filter, its stream, and what waits for it when it is slow.
// A slow reader costs bounded memory: the newest level of each key waits, past the limit one `reset`
// instead, and the newest id. Nothing of that is queued before there is room. States:
//
//     paused --start()--> flowing <--> coalescing (slow, or asked for ?everyMs) --close()--> closed

import { LIVE_BUFFER_BYTES_MAX, LIVE_PENDING_KEYS_MAX } from "../shared/limits.ts";
import { joined, ownPlace } from "./live_bytes.ts";
import type { LiveLevel } from "./live_ring.ts";

const encoder = new TextEncoder();

/** Tokens of SKUs and locations a reader wants; an empty set means all. */
export type LiveFilter = { skuTokens: ReadonlySet<string>; locationTokens: ReadonlySet<string> };

/** Why levels may be missing, as `event: reset` tells it. */
export type ResetReason = "unknown_id" | "too_old" | "interrupted" | "slow_reader" | "registry";

export class LiveReader {
  readonly filter: LiveFilter;
  readonly stream: ReadableStream<Uint8Array>;
  /** Least time between two flushes, ms; 0 = at once. */
  readonly everyMs: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #pending = new Map<string, LiveLevel>();
  #paused = true;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** A reset to tell before what waits. */
  #reset: ResetReason | undefined;
  /** An id to send once nothing waits any more. */
  #id: string | undefined;
  #sentId: string | undefined;

  constructor(filter: LiveFilter, everyMs: number, onClose: (reader: LiveReader) => void) {
    this.filter = filter;
    this.everyMs = everyMs;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        // Who asked for levels now and then gets them by the timer alone: any byte sent, as a sign of life, asks for more.
        pull: () => {
          if (this.everyMs === 0) this.#flush();
        },
        cancel: () => {
          this.#end();
          onClose(this);
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: LIVE_BUFFER_BYTES_MAX }),
    );
  }

  get closed(): boolean {
    return this.#controller === undefined;
  }

  matches(level: LiveLevel): boolean {
    const { skuTokens, locationTokens } = this.filter;
    return (
      (skuTokens.size === 0 || skuTokens.has(level.skuToken)) &&
      (locationTokens.size === 0 || locationTokens.has(level.locationToken))
    );
  }

  /** Ends the pause in which the beginning (hello, snapshot, what was missed) is sent. */
  start(): void {
    if (this.closed) return;
    this.#paused = false;
    if (this.everyMs > 0) {
      this.#timer = setInterval(() => this.#flush(), this.everyMs);
      this.#timer.unref();
    }
    this.#flush();
  }

  /** Whether levels can go out as they are: then `chunk` of them all may be shared between readers. */
  get flowing(): boolean {
    const room = this.#controller?.desiredSize ?? 0;
    const waits = this.#pending.size > 0 || this.#reset !== undefined;
    return !this.#paused && this.everyMs === 0 && !waits && room > 0;
  }

  /** Sends bytes at once; for a flowing reader, or for the beginning. */
  send(chunk: Uint8Array): void {
    this.#controller?.enqueue(chunk);
  }

  /** A sign of life, unless bytes are waiting anyway. */
  beat(chunk: Uint8Array): void {
    if (!this.#paused && (this.#controller?.desiredSize ?? 0) > 0) this.send(chunk);
  }

  /** Keeps levels until there is room. */
  hold(levels: readonly LiveLevel[]): void {
    if (this.closed) return;
    for (const level of levels) {
      const waiting = this.#pending.get(level.key);
      if (waiting === undefined || level.version > waiting.version) {
        this.#pending.set(level.key, { ...level, ...ownPlace(level) });
      }
    }
    if (this.#pending.size > LIVE_PENDING_KEYS_MAX) {
      this.#pending.clear();
      this.reset("slow_reader");
    }
  }

  /** Tells that levels may be missing; once, however often it is said before there is room. */
  reset(reason: ResetReason): void {
    this.#reset = reason;
    if (this.#pending.size === 0) this.#flush();
  }

  /** Everything up to `id` was handed over: the reader may resume from it. */
  passed(id: string): void {
    this.#id = id;
    if (this.#pending.size === 0) this.#flush();
  }

  close(): void {
    const controller = this.#controller;
    this.#end();
    try {
      controller?.close();
    } catch {
      // The connection broke at the same moment: it is closed already.
    }
  }

  #flush(): void {
    const room = this.#controller?.desiredSize ?? 0;
    if (this.#paused || room <= 0) return;
    if (this.#reset !== undefined) {
      const data = JSON.stringify({ reason: this.#reset });
      this.#reset = undefined;
      this.send(encoder.encode(`event: reset\ndata: ${data}\n\n`));
    }
    if (this.#pending.size > 0) {
      const events = [...this.#pending.values()];
      // Before it is sent: a reader that waits for bytes calls for more at once, from within.
      this.#pending.clear();
      this.send(joined(events));
    }
    this.#sendId();
  }

  #sendId(): void {
    if (this.#id === undefined || this.#id === this.#sentId) return;
    this.#sentId = this.#id;
    this.send(encoder.encode(`id: ${this.#id}\n\n`));
  }

  #end(): void {
    this.#controller = undefined;
    this.#pending.clear();
    clearInterval(this.#timer);
  }
}
