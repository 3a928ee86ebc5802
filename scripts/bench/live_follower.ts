// A reader of the live feed, of all levels: one socket, server-sent events found in the bytes as they come. What it
// keeps are numbers and texts of its own: a text cut out of what was read would keep all of that alive, and one
// collection of such garbage stopped the bench, which was then told as the system's, for 70 ms.

import { VERSION_LENGTH } from "../../shared/version.ts";
import { LeanSocket } from "./lean_socket.ts";
import { clockMs } from "./planned_sends.ts";

type Waiting = { version: string; seen: (atMs: number) => void };

/** Events of a SKU that are remembered for decisions which come after them. */
const SEEN_MAX = 64;
const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from("\r\n\r\n");
/** Events are whole in what the server writes, so no chunk of HTTP's begins inside of one. */
const EVENT = Buffer.from('data: {"');
const LF = 0x0a;
const QUOTE = 0x22;
const SKU_FIELD = Buffer.from('"sku":"');
const VERSION_FIELD = Buffer.from('"version":"');

export class LiveFollower {
  #socket: LeanSocket | undefined;
  readonly #waiting = new Map<string, Waiting[]>();
  /** Of the last line, what came of it. */
  #rest = EMPTY;
  #isOpen = false;
  #opened: { resolve: () => void; reject: (error: Error) => void } | undefined;
  /** What was seen lately of each SKU, the newest last. */
  readonly #seen = new Map<string, { version: string; atMs: number }[]>();

  /** @throws Error when the edge does not answer 200. */
  static async open(http: string): Promise<LiveFollower> {
    const follower = new LiveFollower();
    const socket = await LeanSocket.open(http, {
      onRead: (bytes) => follower.#read(bytes),
      onFault: (error) => follower.#opened?.reject(error),
    });
    follower.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      follower.#opened = { resolve, reject };
      socket.write(Buffer.from("GET /v1/live HTTP/1.1\r\nhost: bench\r\n\r\n", "latin1"));
    });
    return follower;
  }

  /** Calls `seen` with the time when an event showed a version of the SKU not smaller than `version`. */
  onSeen(sku: string, version: string, seen: (atMs: number) => void): void {
    const first = this.#seen.get(sku)?.find((one) => one.version >= version);
    if (first !== undefined) {
      seen(first.atMs);
      return;
    }
    const list = this.#waiting.get(sku);
    if (list === undefined) this.#waiting.set(sku, [{ version, seen }]);
    else list.push({ version, seen });
  }

  close(): void {
    this.#socket?.close();
  }

  #read(bytes: Buffer): void {
    const atMs = clockMs();
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = this.#isOpen ? 0 : this.#greet(data);
    for (;;) {
      const from = data.indexOf(EVENT, at);
      if (from < 0) break;
      const end = data.indexOf(LF, from);
      if (end < 0) {
        at = from;
        break;
      }
      this.#event(data, from, end, atMs);
      at = end + 1;
    }
    // What may be the beginning of an event; the buffer read into is filled again.
    const keepFrom = Math.max(at, data.lastIndexOf(LF) + 1);
    this.#rest = keepFrom === data.length ? EMPTY : Buffer.from(data.subarray(keepFrom));
  }

  /** Where the events begin; the end of the data while the head is not all there. */
  #greet(data: Buffer): number {
    const end = data.indexOf(HEAD_END);
    if (end < 0) return data.length;
    const status = data.toString("latin1", 0, data.indexOf(LF)).trim();
    this.#isOpen = true;
    if (status.split(" ")[1] === "200") this.#opened?.resolve();
    else this.#opened?.reject(new Error(`/v1/live answered ${status}`));
    return end + HEAD_END.length;
  }

  #event(data: Buffer, from: number, end: number, atMs: number): void {
    const skuAt = data.indexOf(SKU_FIELD, from);
    const versionAt = data.indexOf(VERSION_FIELD, from);
    if (skuAt < 0 || skuAt > end || versionAt < 0 || versionAt > end) return;
    const skuFrom = skuAt + SKU_FIELD.length;
    const versionFrom = versionAt + VERSION_FIELD.length;
    const sku = data.toString("latin1", skuFrom, data.indexOf(QUOTE, skuFrom));
    this.#level(sku, data.toString("latin1", versionFrom, versionFrom + VERSION_LENGTH), atMs);
  }

  #level(sku: string, version: string, atMs: number): void {
    const seen = this.#seen.get(sku);
    if (seen === undefined) this.#seen.set(sku, [{ version, atMs }]);
    else {
      seen.push({ version, atMs });
      if (seen.length > SEEN_MAX) seen.shift();
    }
    const waiting = this.#waiting.get(sku);
    if (waiting === undefined) return;
    const still = waiting.filter((one) => one.version > version);
    for (const one of waiting) if (one.version <= version) one.seen(atMs);
    if (still.length === 0) this.#waiting.delete(sku);
    else this.#waiting.set(sku, still);
  }
}
