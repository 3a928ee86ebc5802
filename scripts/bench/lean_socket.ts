// A TCP socket for the load: Node's streams allocate a buffer for each read and an object for each write, which
// costs more than the small messages in them. Here all reads of a process share one buffer and a write
// is one call of the kernel; what it does not take at once goes through the stream.

import { writeSync } from "node:fs";
import { connect, type Socket } from "node:net";

export type LeanEvents = {
  /** What was read; valid until the call returns. */
  onRead(bytes: Buffer): void;
  /** The socket failed or the other side closed it. Not called after close(). */
  onFault(error: Error): void;
};

const READ_BYTES = 65_536;
/** Reads are handed over at once, one after the other, so one is enough. */
const shared = Buffer.alloc(READ_BYTES);

export class LeanSocket {
  readonly fd: number;
  readonly #socket: Socket;
  #isOpen = true;

  /** @throws Error of Node when nobody listens there. */
  static open(url: string, events: LeanEvents): Promise<LeanSocket> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const callback = (size: number, bytes: Uint8Array): boolean => {
        if (lean.#isOpen) events.onRead((bytes as Buffer).subarray(0, size));
        return true;
      };
      const onread = { buffer: shared, callback };
      const socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
      let lean: LeanSocket;
      const fail = (error: Error) => {
        if (lean?.close() === true) events.onFault(error);
      };
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        socket.on("error", fail);
        socket.on("close", () => fail(new Error("the server closed the connection")));
        lean = new LeanSocket(socket);
        resolve(lean);
      });
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Not part of Node's documented interface; there on Linux and macOS.
    const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } };
    if (handle?.fd === undefined || handle.fd < 0) throw new Error("found a socket without an fd");
    this.fd = handle.fd;
  }

  /** Bytes handed over and not yet taken by the kernel. */
  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  /** @throws Error when it is closed: its fd may be somebody else's by now. */
  write(bytes: Buffer): void {
    if (!this.#isOpen) throw new Error("Cannot write: the connection is closed");
    let taken = 0;
    try {
      if (this.pendingBytes === 0) taken = writeSome(this.fd, bytes);
    } catch {
      // The stream finds it out as well, and tells onFault.
    }
    if (taken < bytes.length) this.#socket.write(bytes.subarray(taken));
  }

  /** Whether it was open. */
  close(): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    this.#socket.destroy();
    return wasOpen;
  }
}

/** How many of the bytes a socket takes now, perhaps none. */
export function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if ((error as { code?: string }).code === "EAGAIN") return 0;
    throw error;
  }
}
