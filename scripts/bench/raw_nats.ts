// A till at full speed: the NATS protocol written by hand onto one socket, so that the generator takes
// as little as possible of the two cores it shares with what is measured. A till publishes with a reply
// subject, counts the server's acks and looks at each for an error; nothing else (raw_callers.ts waits for decisions).
// Source: https://docs.nats.io/reference/reference-protocols/nats-protocol

import { OnhandError } from "../../shared/errors.ts";
import { REPLY_HEADER } from "../../streams/subjects.ts";
import { LeanSocket } from "./lean_socket.ts";

export type RawTill = {
  /** Entries acked so far. */
  readonly acked: number;
  /** Acks that told an error, and the first of them. */
  readonly refused: number;
  readonly firstRefusal: string | undefined;
  /** Bytes ready to be sent: `publishFrame`s, as many as wanted. */
  write(frames: Buffer): void;
  /** The frame of one entry, to be sent by the caller; `done` is called at its own ack, `ok` false when it was refused. */
  acking(subject: string, payload: string, done: (ok: boolean) => void): string;
  /** The frame of one entry, to be sent by the caller; `done` gets its decision, as text. No ack is asked for. */
  asking(subject: string, payload: string, done: (decision: string) => void): string;
  /** Of the socket, for who writes frames from another thread. */
  readonly fd: number;
  /** Bytes handed over and not yet taken by the kernel. */
  readonly pendingBytes: number;
  onAck(listener: () => void): void;
  /** Why nothing can be sent or heard any more. */
  readonly broken: Error | undefined;
  onBroken(listener: (error: Error) => void): void;
  close(): void;
};

/** Answers to whoever listens here come to the subjects below it. */
export const INBOX = "_INBOX.onhandbench";

/** The bytes of one publish that wants an ack, which is only counted. */
export function publishFrame(subject: string, payload: string): string {
  return frameFor(subject, `${INBOX}.a`, payload);
}

function frameFor(subject: string, reply: string, payload: string): string {
  return `PUB ${subject} ${reply} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`;
}

/**
 * The text of an entry with characters of one byte, which wants its decisions at `d` with its number in the inbox.
 * @param ack whether it wants an ack too, at `a` with its number: what is decided is stored
 */
export function askingFrame(
  subject: string,
  number: number,
  payload: string,
  ack: boolean,
): string {
  const header = `${HEADER}${INBOX}.d${number}\r\n\r\n`;
  const sizes = `${header.length} ${header.length + payload.length}`;
  const reply = ack ? `${INBOX}.a${number} ` : "";
  return `HPUB ${subject} ${reply}${sizes}\r\n${header}${payload}\r\n`;
}

/** @throws OnhandError `nats_unreachable`. */
export async function openRawTill(url: string): Promise<RawTill> {
  const till = new Till();
  await till.open(url);
  return till;
}

const MSG = Buffer.from("MSG ");
const HMSG = Buffer.from("HMSG ");
const PING = Buffer.from("PING");
const PONG = Buffer.from("PONG");
const ERR = Buffer.from("-ERR");
const ERROR_KEY = Buffer.from('"error"');
const LF = 0x0a;
const DECISION = "d".charCodeAt(0);
const HEADER = `NATS/1.0\r\n${REPLY_HEADER}: `;
const EMPTY = Buffer.alloc(0);

/** Of all tills: a late answer to one is never taken for another's. */
let nextNumber = 1;

class Till implements RawTill {
  acked = 0;
  refused = 0;
  firstRefusal: string | undefined;
  broken: Error | undefined;
  #socket: RawSocket | undefined;
  readonly #waiting = new Map<number, (ok: boolean) => void>();
  readonly #undecided = new Map<number, (decision: string) => void>();
  #listener: () => void = () => {};
  #onBroken: (error: Error) => void = () => {};

  async open(url: string): Promise<void> {
    this.#socket = await RawSocket.open(url, {
      onMessage: (message) => this.#onMessage(message),
      onRead: () => this.#listener(),
      onFault: (why) => this.#break(why),
    });
  }

  get pendingBytes(): number {
    return this.#socket?.pendingBytes ?? 0;
  }

  write(frames: Buffer): void {
    this.#socket?.write(frames);
  }

  acking(subject: string, payload: string, done: (ok: boolean) => void): string {
    const number = nextNumber++;
    this.#waiting.set(number, done);
    return frameFor(subject, `${INBOX}.${number}`, payload);
  }

  asking(subject: string, payload: string, done: (decision: string) => void): string {
    const number = nextNumber++;
    this.#undecided.set(number, done);
    return askingFrame(subject, number, payload, false);
  }

  get fd(): number {
    return this.#socket?.fd ?? -1;
  }

  onAck(listener: () => void): void {
    this.#listener = listener;
  }

  onBroken(listener: (error: Error) => void): void {
    this.#onBroken = listener;
    if (this.broken !== undefined) listener(this.broken);
  }

  close(): void {
    this.#socket?.close();
  }

  #onMessage({ data, subjectAt, from, to, hasHeaders }: RawMessage): void {
    const kindAt = subjectAt + INBOX.length + 1;
    if (data[kindAt] === DECISION) {
      const number = numberAt(data, kindAt + 1);
      const done = this.#undecided.get(number);
      this.#undecided.delete(number);
      done?.(data.toString("latin1", from, to));
      return;
    }
    // No responders (a header) or an error in the ack: the entry is not in the log.
    const payload = data.subarray(from, to);
    const ok = !hasHeaders && !payload.includes(ERROR_KEY);
    if (ok) this.acked++;
    else this.#refuse(payload.toString("latin1"));
    if (this.#waiting.size === 0) return;
    const number = numberAt(data, kindAt);
    const done = this.#waiting.get(number);
    this.#waiting.delete(number);
    done?.(ok);
  }

  #break(why: string): void {
    this.broken = new Error(`The connection to NATS broke: ${why}`);
    this.#onBroken(this.broken);
  }

  #refuse(why: string): void {
    this.refused++;
    this.firstRefusal ??= why;
  }
}

/** A message as it stands in what was read; valid until the call returns. */
export type RawMessage = {
  data: Buffer;
  subjectAt: number;
  /** Its payload, headers before it included. */
  from: number;
  to: number;
  hasHeaders: boolean;
};

export type RawEvents = {
  onMessage(message: RawMessage): void;
  /** All that was read at once was told. */
  onRead(): void;
  onFault(why: string): void;
};

/** Owns the reading of the protocol off one socket. */
export class RawSocket {
  #socket: LeanSocket | undefined;
  readonly #events: RawEvents;
  readonly #message: RawMessage = { data: EMPTY, subjectAt: 0, from: 0, to: 0, hasHeaders: false };
  #rest: Buffer = EMPTY;
  #pong: () => void = () => {};
  #broken: (error: Error) => void = () => {};

  /** Connected, and listening at the inbox. @throws OnhandError `nats_unreachable`. */
  static async open(url: string, events: RawEvents): Promise<RawSocket> {
    const raw = new RawSocket(events);
    try {
      raw.#socket = await LeanSocket.open(url, {
        onRead(bytes) {
          raw.#read(bytes);
          events.onRead();
        },
        onFault: (error) => raw.#fault(error.message),
      });
    } catch (cause) {
      throw new OnhandError("nats_unreachable", `Cannot connect to NATS at ${url}`, { cause });
    }
    await raw.#greet();
    return raw;
  }

  private constructor(events: RawEvents) {
    this.#events = events;
  }

  #greet(): Promise<void> {
    const options = { verbose: false, pedantic: false, lang: "bench", version: "1", protocol: 1 };
    const connect = JSON.stringify({ ...options, headers: true, no_responders: true });
    this.write(`CONNECT ${connect}\r\nSUB ${INBOX}.* 1\r\nPING\r\n`);
    return new Promise((resolve, reject) => {
      this.#pong = resolve;
      this.#broken = reject;
    });
  }

  #fault(why: string): void {
    this.#broken(new OnhandError("nats_unreachable", `Cannot speak to NATS: ${why}`));
    this.#events.onFault(why);
  }

  get pendingBytes(): number {
    return this.#socket?.pendingBytes ?? 0;
  }

  get fd(): number {
    return this.#socket?.fd ?? -1;
  }

  /** Bytes, or text of one byte a character. */
  write(frames: Buffer | string): void {
    this.#socket?.write(typeof frames === "string" ? Buffer.from(frames, "latin1") : frames);
  }

  close(): void {
    this.#socket?.close();
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
    this.#rest = at === data.length ? EMPTY : Buffer.from(data.subarray(at));
  }

  /** Takes one protocol line and its payload; the offset after it, or -1 when it is not all there. */
  #line(data: Buffer, at: number, end: number): number {
    const hasHeaders = starts(data, at, HMSG);
    if (hasHeaders || starts(data, at, MSG)) {
      let digit = end - 1;
      if (data[digit] === 0x0d) digit--;
      let size = 0;
      for (let scale = 1; (data[digit] as number) >= 0x30; digit--, scale *= 10)
        size += ((data[digit] as number) - 0x30) * scale;
      const after = end + 1 + size + 2;
      if (after > data.length) return -1;
      const message = this.#message;
      message.data = data;
      message.subjectAt = at + (hasHeaders ? HMSG.length : MSG.length);
      message.from = end + 1;
      message.to = end + 1 + size;
      message.hasHeaders = hasHeaders;
      this.#events.onMessage(message);
      return after;
    }
    if (starts(data, at, PING)) this.write("PONG\r\n");
    else if (starts(data, at, PONG)) this.#pong();
    else if (starts(data, at, ERR)) this.#fault(data.toString("latin1", at, end));
    return end + 1;
  }
}

/** The decimal number that stands at an offset. */
export function numberAt(data: Buffer, at: number): number {
  let number = 0;
  for (let i = at; (data[i] as number) >= 0x30 && (data[i] as number) <= 0x39; i++)
    number = number * 10 + ((data[i] as number) - 0x30);
  return number;
}

function starts(data: Buffer, at: number, word: Buffer): boolean {
  for (let i = 0; i < word.length; i++) if (data[at + i] !== word[i]) return false;
  return true;
}
