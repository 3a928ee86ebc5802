// A lean HTTP/1.1 caller over one keep-alive socket, so that a bench measures the server and not its
// client: requests are bytes made by the caller, answers are a status and the text of a body. It
// understands Content-Length only, and says so when an answer has none.

import { LeanSocket } from "./lean_socket.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const EMPTY = Buffer.alloc(0);

export type RawAnswer = { status: number; body: string };

export class RawHttpCaller {
  #socket: LeanSocket | undefined;
  #rest: Buffer = EMPTY;
  #waiting: { resolve(answer: RawAnswer): void; reject(error: Error): void } | undefined;

  static async open(url: string): Promise<RawHttpCaller> {
    const caller = new RawHttpCaller();
    caller.#socket = await LeanSocket.open(url, {
      onRead: (bytes) => caller.#take(bytes),
      onFault: (error) => caller.#fail(error),
    });
    return caller;
  }

  /** Sends a whole request and waits for its answer. One at a time. */
  call(request: Buffer): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      this.#socket?.write(request);
      this.#waiting = { resolve, reject };
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket?.close();
  }

  #take(chunk: Buffer): void {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = this.#answer(data);
    this.#rest = end === data.length ? EMPTY : Buffer.from(data.subarray(end));
  }

  /** Takes an answer; the offset after it, or 0 when it is not all there. */
  #answer(data: Buffer): number {
    const headEnd = data.indexOf(HEAD_END);
    if (headEnd < 0) return 0;
    const head = data.toString("latin1", 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#fail(new Error(`no Content-Length: ${head}`));
      return data.length;
    }
    const bodyAt = headEnd + HEAD_END.length;
    const end = bodyAt + Number(length);
    if (data.length < end) return 0;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({
      status: Number(head.slice(9, 12)),
      body: data.toString("utf8", bodyAt, end),
    });
    return end;
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }
}

/** The bytes of a POST of JSON. */
export function postBytes(path: string, json: string): string {
  return (
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`
  );
}
