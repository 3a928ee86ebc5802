// A till at full speed: the NATS protocol written by hand onto one socket, so that the generator takes
// as little as possible of the two cores it shares with what is measured. It publishes with a reply
// subject, counts the server's acks and looks at each for an error; nothing else.
// Source: https://docs.nats.io/reference/reference-protocols/nats-protocol

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { OnhandError } from "../../shared/errors.ts";

export type RawTill = {
  /** Entries acked so far. */
  readonly acked: number;
  /** Acks that told an error, and the first of them. */
  readonly refused: number;
  readonly firstRefusal: string | undefined;
  /** Bytes ready to be sent: `publishFrame`s, as many as wanted. */
  write(frames: Buffer): void;
  /** Publishes one entry and calls `done` at its own ack; `ok` false when it was refused. */
  publish(subject: string, payload: string, done: (ok: boolean) => void): void;
  /** Bytes handed over and not yet taken by the kernel. */
  readonly pendingBytes: number;
  onAck(listener: () => void): void;
  close(): void;
};

const INBOX = "_INBOX.onhandbench";

/** The bytes of one publish that wants an ack, which is only counted. */
export function publishFrame(subject: string, payload: string): string {
  return frameFor(subject, `${INBOX}.a`, payload);
}

function frameFor(subject: string, reply: string, payload: string): string {
  return `PUB ${subject} ${reply} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`;
}

/** @throws OnhandError `nats_unreachable`. */
export async function openRawTill(url: string): Promise<RawTill> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  try {
    await once(socket, "connect");
  } catch (cause) {
    throw new OnhandError("nats_unreachable", `Cannot connect to NATS at ${url}`, { cause });
  }
  const till = new Till(socket);
  socket.write(
    `CONNECT ${JSON.stringify({ verbose: false, pedantic: false, lang: "bench", version: "1", protocol: 1, headers: true, no_responders: true })}\r\n` +
      `SUB ${INBOX}.* 1\r\nPING\r\n`,
  );
  await till.ready;
  return till;
}

const MSG = Buffer.from("MSG ");
const HMSG = Buffer.from("HMSG ");
const PING = Buffer.from("PING");
const PONG = Buffer.from("PONG");
const ERR = Buffer.from("-ERR");
const ERROR_KEY = Buffer.from('"error"');
const LF = 0x0a;

class Till implements RawTill {
  acked = 0;
  refused = 0;
  firstRefusal: string | undefined;
  readonly ready: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (ok: boolean) => void>();
  #next = 1;
  #rest: Buffer = Buffer.alloc(0);
  #listener: () => void = () => {};
  #pong: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.ready = new Promise((resolve) => {
      this.#pong = resolve;
    });
    socket.on("data", (chunk) => {
      this.#read(chunk);
      this.#listener();
    });
    socket.on("error", (error) => this.#refuse(error.message));
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  write(frames: Buffer): void {
    this.#socket.write(frames);
  }

  publish(subject: string, payload: string, done: (ok: boolean) => void): void {
    const number = this.#next++;
    this.#waiting.set(number, done);
    this.#socket.write(frameFor(subject, `${INBOX}.${number}`, payload), "latin1");
  }

  onAck(listener: () => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const end = data.indexOf(LF, at);
      if (end < 0) break;
      const next = this.#line(data, at, end);
      if (next < 0) break;
      at = next;
    }
    this.#rest = at === data.length ? EMPTY : data.subarray(at);
  }

  /** Takes one protocol line and its payload; the offset after it, or -1 when it is not all there. */
  #line(data: Buffer, at: number, end: number): number {
    const headers = starts(data, at, HMSG);
    if (headers || starts(data, at, MSG)) {
      let digit = end - 1;
      if (data[digit] === 0x0d) digit--;
      let size = 0;
      for (let scale = 1; (data[digit] as number) >= 0x30; digit--, scale *= 10)
        size += ((data[digit] as number) - 0x30) * scale;
      const after = end + 1 + size + 2;
      if (after > data.length) return -1;
      const payload = data.subarray(end + 1, end + 1 + size);
      // No responders (a header) or an error in the ack: the entry is not in the log.
      const bad = headers || payload.includes(ERROR_KEY);
      if (bad) this.#refuse(payload.toString("latin1"));
      else this.acked++;
      if (this.#waiting.size > 0) this.#tell(data, at + (headers ? 5 : 4) + INBOX.length + 1, !bad);
      return after;
    }
    if (starts(data, at, PING)) this.#socket.write("PONG\r\n");
    else if (starts(data, at, PONG)) this.#pong();
    else if (starts(data, at, ERR)) this.#refuse(data.toString("latin1", at, end));
    return end + 1;
  }

  /** Whose ack it is stands in the subject, from `at` on. */
  #tell(data: Buffer, at: number, ok: boolean): void {
    let number = 0;
    for (let i = at; (data[i] as number) >= 0x30 && (data[i] as number) <= 0x39; i++)
      number = number * 10 + ((data[i] as number) - 0x30);
    const done = this.#waiting.get(number);
    this.#waiting.delete(number);
    done?.(ok);
  }

  #refuse(why: string): void {
    this.refused++;
    this.firstRefusal ??= why;
  }
}

const EMPTY = Buffer.alloc(0);

function starts(data: Buffer, at: number, word: Buffer): boolean {
  for (let i = 0; i < word.length; i++) if (data[at + i] !== word[i]) return false;
  return true;
}
