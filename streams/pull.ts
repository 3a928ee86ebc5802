// Owns one pull consumer on the server and the requests that keep it flowing. It knows nothing of
// order or of going on after a loss: the reader closes it and opens another.
//
// U1. Two requests stand open, each for half of what may be under way, so the server always has one
//     to serve while the next is on its way.
// U2. A request is done when its number of entries came or the server said so (expired, byte limit).
//     Each request has its own reply subject, so the server's word names it.
//     The largest message there may be fits into one: what does not, the server never gives.
// U3. With a request open the server is heard at least every half second. Silence, a deleted
//     consumer, a change of leader: `onLost`, once.

import { randomBytes } from "node:crypto";
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import { type Msg, nanos, nuid } from "@nats-io/transport-node";
import {
  CONSUMER_INACTIVE_MS,
  PULL_EXPIRES_MS,
  PULL_HEARTBEAT_MS,
  READ_AHEAD_BYTES,
  READ_AHEAD_ENTRIES,
} from "../shared/limits.ts";
import type { NatsConnection } from "./connection.ts";
import { natsFault } from "./connection.ts";
import { parseDelivery } from "./delivery.ts";
import { headerOf, replyBytes, subjectOf } from "./message_text.ts";
import type { ReadEntry } from "./stream_state.ts";
import { REPLY_HEADER, replySubject } from "./subjects.ts";
import { manager } from "./topology.ts";

/** An entry, the nanoseconds of its append time beyond the ms, and how many stood behind it when it was delivered. */
export type Pulled = { entry: ReadEntry; nanos: number; pending: number };

export type PullListener = { onEntry(pulled: Pulled): void; onLost(): void };

export type Pull = {
  /** Asks for nothing more; what was asked for still comes. */
  pause(): void;
  /** Starts, or goes on asking. */
  resume(): void;
  close(): void;
};

const REQUESTS_OPEN = 2;
const WATCH_INTERVAL_MS = 250;
const SILENCE_MS_MAX = 2 * PULL_HEARTBEAT_MS + WATCH_INTERVAL_MS;
/** What the server counts of a message beside its payload and headers: its subjects, which fill a line at most. */
const SUBJECTS_BYTES_MAX = 8_192;

/** Makes the consumer; nothing flows before resume(). @throws OnhandError. */
export async function openPull(
  nc: NatsConnection,
  stream: string,
  fromSeq: number,
  listener: PullListener,
): Promise<Pull> {
  // Short: it is part of what the server writes before each entry, and who reads it reads it byte by byte.
  const name = randomBytes(5).toString("hex");
  try {
    const jsm = await manager(nc);
    await jsm.consumers.add(stream, {
      name,
      description: "reads the log for Onhand",
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: fromSeq,
      ack_policy: AckPolicy.None,
      max_deliver: 1,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(CONSUMER_INACTIVE_MS),
    });
    return new ServerPull(nc, stream, name, listener, () => {
      jsm.consumers.delete(stream, name).catch(() => {}); // else the server forgets it by itself
    });
  } catch (error) {
    throw natsFault(`open a consumer of ${stream}`, error);
  }
}

class ServerPull implements Pull {
  readonly #nc: NatsConnection;
  readonly #listener: PullListener;
  readonly #deleteConsumer: () => void;
  readonly #nextSubject: string;
  readonly #inbox = `_INBOX.${nuid.next()}.`;
  readonly #subscription: { unsubscribe(): void };
  readonly #watch: NodeJS.Timeout;
  /** Open requests, oldest first, and the entries still due for each. */
  readonly #open: { request: number; due: number }[] = [];
  #nextRequest = 1;
  #flowing = false;
  #closed = false;
  #heardAtMs = performance.now();
  #watchedAtMs = performance.now();

  constructor(
    nc: NatsConnection,
    stream: string,
    name: string,
    listener: PullListener,
    deleteConsumer: () => void,
  ) {
    this.#nc = nc;
    this.#listener = listener;
    this.#deleteConsumer = deleteConsumer;
    this.#nextSubject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`;
    this.#subscription = nc.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (this.#closed) return;
        if (error !== null) this.#lost();
        else this.#onMessage(message);
      },
    });
    this.#watch = setInterval(() => this.#lookForSilence(), WATCH_INTERVAL_MS);
  }

  pause(): void {
    this.#flowing = false;
  }

  resume(): void {
    this.#flowing = true;
    this.#ask();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watch);
    this.#subscription.unsubscribe();
    if (!this.#nc.isClosed()) this.#deleteConsumer();
  }

  #ask(): void {
    while (this.#flowing && !this.#closed && this.#open.length < REQUESTS_OPEN) {
      // Silence counts from the first request on.
      if (this.#open.length === 0) this.#heardAtMs = performance.now();
      const request = this.#nextRequest++;
      this.#open.push({ request, due: READ_AHEAD_ENTRIES / REQUESTS_OPEN });
      const reply = `${this.#inbox}${request}`;
      this.#nc.publish(this.#nextSubject, requestText(this.#nc.info?.max_payload ?? 0), { reply });
    }
  }

  #onMessage(message: Msg): void {
    const delivery = parseDelivery(replyBytes(message));
    if (delivery === undefined) {
      this.#onStatus(message);
      return;
    }
    this.#heardAtMs = this.#watchedAtMs;
    const [oldest] = this.#open;
    if (oldest !== undefined && --oldest.due === 0) {
      this.#open.shift();
      this.#ask();
    }
    const entry: ReadEntry = {
      seq: delivery.seq,
      appendedAtMs: delivery.appendedAtMs,
      subject: subjectOf(message),
      payload: message.data,
    };
    const replyTo = replySubject(headerOf(message, REPLY_HEADER));
    if (replyTo !== undefined) entry.replyTo = replyTo;
    this.#listener.onEntry({ entry, nanos: delivery.nanos, pending: delivery.pending });
  }

  /** Source: NATS ADR-13 and ADR-37; codes 100, 404, 408, 409, 503 with a description. */
  #onStatus(message: Msg): void {
    this.#heardAtMs = performance.now();
    const code = message.headers?.code ?? 0;
    if (code === 100) return;
    const description = message.headers?.description.toLowerCase() ?? "";
    const isRequestDone =
      code === 404 ||
      code === 408 ||
      (code === 409 && /maxbytes|batch completed/.test(description));
    if (!isRequestDone) {
      this.#lost();
      return;
    }
    const request = Number(message.subject.slice(this.#inbox.length));
    const index = this.#open.findIndex((one) => one.request === request);
    if (index >= 0) this.#open.splice(index, 1);
    this.#ask();
  }

  #lookForSilence(): void {
    const nowMs = performance.now();
    // A blocked event loop is no silence: what came meanwhile is still to be read.
    const wasBlocked = nowMs - this.#watchedAtMs > SILENCE_MS_MAX / 2;
    this.#watchedAtMs = nowMs;
    if (wasBlocked || this.#open.length === 0) this.#heardAtMs = nowMs;
    else if (nowMs - this.#heardAtMs > SILENCE_MS_MAX) this.#lost();
  }

  #lost(): void {
    if (this.#closed) return;
    this.close();
    this.#listener.onLost();
  }
}

function requestText(payloadBytesMax: number): string {
  return JSON.stringify({
    batch: READ_AHEAD_ENTRIES / REQUESTS_OPEN,
    max_bytes: Math.max(READ_AHEAD_BYTES / REQUESTS_OPEN, payloadBytesMax + SUBJECTS_BYTES_MAX),
    expires: nanos(PULL_EXPIRES_MS),
    idle_heartbeat: nanos(PULL_HEARTBEAT_MS),
  });
}
