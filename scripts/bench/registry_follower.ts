// Follows keys in Redis until a wanted version shows, with the protocol written by hand: about every millisecond all keys
// followed are read in one write. Reading one key is a tenth of what a client library costs.
// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/

import { STOCK_PREFIX } from "../../shared/registry.ts";
import { VERSION_LENGTH } from "../../shared/version.ts";
import { toToken } from "../../streams/subjects.ts";
import { LeanSocket } from "./lean_socket.ts";
import { clockMs } from "./planned_sends.ts";

const READ_PAUSE_MS = 1;
const CRLF = "\r\n";

/** A key that is read until `wanted` shows. */
type Followed = { read: string; wanted: string; done: (atMs: number) => void };

export class RegistryFollower {
  #socket: LeanSocket | undefined;
  #followed: Followed[] = [];
  /** Those whose reads are out, in the order of their answers. */
  #reading: Followed[] = [];
  #answered = 0;
  #rest = "";
  #isWaiting = false;
  #isClosed = false;
  #fault: Error | undefined;
  #onFault: (error: Error) => void = () => {};
  /** Takes answers that are no value. */
  #onLine: (line: string) => void = () => {};

  static async open(url: string): Promise<RegistryFollower> {
    const follower = new RegistryFollower();
    follower.#socket = await LeanSocket.open(url, {
      onRead: (bytes) => follower.#onData(bytes.toString("latin1")),
      onFault: (error) => {
        follower.#fault = error;
        follower.#onFault(error);
      },
    });
    await follower.#signIn(new URL(url).password);
    return follower;
  }

  /** @throws Error when Redis refuses the password. */
  async #signIn(password: string): Promise<void> {
    if (password === "") return;
    const answered = new Promise<string>((resolve, reject) => {
      this.#onLine = resolve;
      this.#onFault = reject;
    });
    this.#socket?.write(Buffer.from(`AUTH ${password}\r\n`, "latin1"));
    const answer = await answered;
    if (answer !== "+OK") throw new Error(`Cannot read Redis: ${answer}`);
  }

  /** Reads the key until a version not smaller than `wanted` shows; `done` gets the time when that answer was here. */
  follow(sku: string, location: string, wanted: string, done: (atMs: number) => void): void {
    const [key, field] = [STOCK_PREFIX + toToken(sku), toToken(location)];
    const read = `*3\r\n$4\r\nHGET\r\n$${key.length}\r\n${key}\r\n$${field.length}\r\n${field}\r\n`;
    this.#followed.push({ read, wanted, done });
    this.#readSoon();
  }

  /** @throws what ended the connection before. */
  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
    if (this.#fault !== undefined) throw this.#fault;
  }

  #readSoon(): void {
    if (this.#isWaiting || this.#reading.length > 0) return;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      this.#reading = this.#followed;
      this.#followed = [];
      this.#answered = 0;
      if (!this.#isClosed && this.#fault === undefined)
        this.#socket?.write(Buffer.from(this.#reading.map(({ read }) => read).join(""), "latin1"));
    }, READ_PAUSE_MS);
  }

  #onData(text: string): void {
    const atMs = clockMs();
    const data = this.#rest + text;
    let at = 0;
    for (;;) {
      const end = data.indexOf(CRLF, at);
      if (end < 0) break;
      const from = end + CRLF.length;
      if (data[at] !== "$") {
        this.#onLine(data.slice(at, end));
        at = from;
        continue;
      }
      const length = Number(data.slice(at + 1, end));
      const next = length < 0 ? from : from + length + CRLF.length;
      if (next > data.length) break;
      const version = length < 0 ? "" : data.slice(from, from + VERSION_LENGTH);
      this.#onAnswer(this.#reading[this.#answered++] as Followed, version, atMs);
      at = next;
    }
    this.#rest = data.slice(at);
    if (this.#answered < this.#reading.length) return;
    this.#reading = [];
    if (this.#followed.length > 0) this.#readSoon();
  }

  #onAnswer(followed: Followed, version: string, atMs: number): void {
    if (version >= followed.wanted) followed.done(atMs);
    else this.#followed.push(followed);
  }
}
