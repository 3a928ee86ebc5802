// Follows keys in Redis until a wanted version shows, with the protocol written by hand: about every millisecond all keys
// followed are read in one write. Reading one key is a tenth of what a client library costs.
// Source: https://redis.io/docs/latest/develop/reference/protocol-spec/

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { STOCK_PREFIX } from "../../shared/registry.ts";
import { VERSION_LENGTH } from "../../shared/version.ts";
import { toToken } from "../../streams/subjects.ts";
import { clockMs } from "./metronome.ts";

const READ_PAUSE_MS = 1;
const CRLF = "\r\n";

/** A key that is read until `wanted` shows. */
export type Followed = {
  readonly read: string;
  /** What was seen before it was known which version is wanted. */
  readonly seen: { version: string; atMs: number }[];
  wanted: string | undefined;
  readonly done: (atMs: number) => void;
};

export class RegistryFollower {
  readonly #socket: Socket;
  #followed: Followed[] = [];
  /** Those whose reads are out, in the order of their answers. */
  #reading: Followed[] = [];
  #answered = 0;
  #rest = "";
  #isWaiting = false;

  static async open(url: string): Promise<RegistryFollower> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, "connect");
    return new RegistryFollower(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk.toString("latin1")));
  }

  /** Reads the key again and again; `done` gets the time at which an answer with the wanted version was here. */
  follow(sku: string, location: string, done: (atMs: number) => void): Followed {
    const [key, field] = [STOCK_PREFIX + toToken(sku), toToken(location)];
    const read = `*3\r\n$4\r\nHGET\r\n$${key.length}\r\n${key}\r\n$${field.length}\r\n${field}\r\n`;
    const followed: Followed = { read, seen: [], wanted: undefined, done };
    this.#followed.push(followed);
    this.#readSoon();
    return followed;
  }

  close(): void {
    this.#socket.destroy();
  }

  #readSoon(): void {
    if (this.#isWaiting || this.#reading.length > 0) return;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      this.#reading = this.#followed;
      this.#followed = [];
      this.#answered = 0;
      this.#socket.write(this.#reading.map(({ read }) => read).join(""), "latin1");
    }, READ_PAUSE_MS);
  }

  #onData(text: string): void {
    const atMs = clockMs();
    const data = this.#rest + text;
    let at = 0;
    for (;;) {
      const end = data.indexOf(CRLF, at);
      if (end < 0) break;
      const length = Number(data.slice(at + 1, end));
      const from = end + CRLF.length;
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
    const { seen, wanted } = followed;
    if (version !== "" && version !== seen.at(-1)?.version) seen.push({ version, atMs });
    const first = wanted === undefined ? undefined : seen.find((one) => one.version >= wanted);
    if (first === undefined) this.#followed.push(followed);
    else followed.done(first.atMs);
  }
}
