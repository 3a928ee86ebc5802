// Owns the sending of log entries with our own pipelined acks: plain publishes with a numbered reply
// inbox and one subscription for all answers. (js.publish makes a request, a timer and a stack trace
// each: a third of the speed.)
//
// A1. An entry is acked once, refused once, or given up once; then its number is forgotten.
// A2. A repeat carries the same payload, so commands with ids may be repeated at any time: on a
//     timeout, on a reconnect, when a stream had no leader. The fold knows them again.
// A3. `maybeStored` becomes true as soon as an attempt ended without an answer, and stays so.
// A4. A decision that arrives before its ack counts as the ack: what is decided is stored.
// A5. After a reconnect entries that are stored but not decided are repeated too: the decision may
//     have been lost with the connection, and a repeat is answered again.
//
//     waiting -> sent -> acked (-> decided)
//                 |  `-> refused | given up
//                 `-> sent again (timeout, reconnect, no leader)

import { type Msg, nuid, type Subscription } from "@nats-io/transport-node";
import {
  ACK_TIMEOUT_MS,
  ACK_TIMEOUT_MS_MAX,
  GIVE_UP_MS,
  REFUSED_RETRY_MS,
  SWEEP_INTERVAL_MS,
} from "../shared/limits.ts";
import { type NatsConnection, onConnection } from "./connection.ts";
import { type Outlet, outletOf } from "./outlet.ts";
import { PublishError } from "./publish_error.ts";
import { REPLY_HEADER, REPLY_PREFIX } from "./subjects.ts";

/** One entry on its way, and who is to be told. The fields below the line belong to the sender. */
export type Entry = {
  readonly subject: string;
  /** Text: encoded at each sending, so that nothing but the text is kept for a repeat. */
  readonly payload: string;
  /** Ask for decisions; `onDecisions` is then called at most once, before or after the ack. */
  readonly wantsDecisions: boolean;
  /** `ack` is the server's answer, absent when a decision proved the entry stored. */
  onAcked(seq: number, ack: Uint8Array | undefined): void;
  onFailed(error: PublishError): void;
  onDecisions(decisions: unknown): void;
  // ------------------------------------------------------------
  number: number;
  state: "new" | "waiting" | "sent" | "acked" | "done";
  giveUpAtMs: number;
  /** When to look at it again: timeout of an attempt, or end of a wait. */
  dueAtMs: number;
  attempts: number;
  maybeStored: boolean;
  /** Why the last attempt was surely not stored, while it waits for the next. */
  refusal: { code: RefusalCode; why: string } | undefined;
};

type RefusalCode =
  | "publish_no_stream"
  | "publish_refused"
  | "log_full"
  | "publish_denied"
  | "publisher_closed";

/** Fields every new entry starts with. */
export const NEW_ENTRY = {
  number: 0,
  state: "new",
  giveUpAtMs: 0,
  dueAtMs: 0,
  attempts: 0,
  maybeStored: false,
  refusal: undefined,
} as const;

export type SenderOptions = {
  ackTimeoutMs?: number;
  giveUpMs?: number;
};

export type SenderStats = { sent: number; repeated: number; acked: number; failed: number };

type ApiFault = { code: number; err_code: number; description: string };
/** It was not stored, for a reason in words: nothing a repeat at once would mend. Source: JetStream error codes. */
const STORE_FAILED = 10077;
const FULL = "maximum bytes exceeded";

/** Sweeps are never nearer to each other than their interval, and on a busy machine not much nearer than this. */
const BLOCKED_MS_MIN = 5 * SWEEP_INTERVAL_MS;

const ACK = "a".charCodeAt(0);
const ZERO = "0".charCodeAt(0);
const STREAM_INITIAL = "s".charCodeAt(0); // {"stream":… is an ack, {"error":… is none
const CLOSING_BRACE = "}".charCodeAt(0);
const COLON = ":".charCodeAt(0);

export class EntrySender {
  readonly stats: SenderStats = { sent: 0, repeated: 0, acked: 0, failed: 0 };
  readonly #nc: NatsConnection;
  readonly #outlet: Outlet;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #stopListening: () => void;
  readonly #ackTimeoutMs: number;
  readonly #giveUpMs: number;
  readonly #unacked = new Map<number, Entry>();
  readonly #undecided = new Map<number, Entry>();
  #nextNumber = 1;
  #connected = true;
  #sweeper: NodeJS.Timeout | undefined;
  #sweptAtMs = 0;

  constructor(nc: NatsConnection, options: SenderOptions = {}) {
    this.#nc = nc;
    this.#outlet = outletOf(nc);
    this.#ackTimeoutMs = options.ackTimeoutMs ?? ACK_TIMEOUT_MS;
    this.#giveUpMs = options.giveUpMs ?? GIVE_UP_MS;
    this.#inbox = `${REPLY_PREFIX}${nuid.next()}.`;
    const prefixLength = this.#inbox.length;
    this.#subscription = nc.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error === null) this.#onAnswer(message, prefixLength);
      },
    });
    this.#stopListening = onConnection(nc, {
      onDisconnect: () => this.#onDisconnect(),
      onReconnect: () => this.#onReconnect(),
      onPublishDenied: (subject) => this.#onDenied(subject),
    });
  }

  /** Entries neither acked nor given up. */
  get unacked(): number {
    return this.#unacked.size;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Sends `entry` now, or as soon as there is a connection. */
  send(entry: Entry): void {
    this.#startSweeping();
    entry.number = this.#nextNumber++;
    entry.giveUpAtMs = this.#sweptAtMs + this.#giveUpMs;
    entry.state = "waiting";
    this.#unacked.set(entry.number, entry);
    if (entry.wantsDecisions) this.#undecided.set(entry.number, entry);
    if (this.#connected) this.#publish(entry);
  }

  /** Nobody waits for the decisions of this entry any more. */
  forgetDecisions(entry: Entry): void {
    this.#undecided.delete(entry.number);
  }

  /** Stops at once; what is not acked fails. */
  close(): void {
    this.#stopListening();
    this.#subscription.unsubscribe();
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    for (const entry of [...this.#unacked.values()])
      this.#fail(entry, "publisher_closed", "closed");
    this.#undecided.clear();
  }

  #publish(entry: Entry): void {
    entry.attempts++;
    if (entry.attempts === 1) this.stats.sent++;
    else this.stats.repeated++;
    const timeoutMs = Math.min(this.#ackTimeoutMs * 2 ** (entry.attempts - 1), ACK_TIMEOUT_MS_MAX);
    entry.dueAtMs = this.#sweptAtMs + timeoutMs;
    const reply = `${this.#inbox}a${entry.number}`;
    try {
      if (entry.wantsDecisions) {
        const header = { name: REPLY_HEADER, value: `${this.#inbox}d${entry.number}` };
        this.#outlet.publish(entry.subject, entry.payload, reply, header);
      } else this.#outlet.publish(entry.subject, entry.payload, reply);
      if (entry.state === "waiting") entry.state = "sent";
    } catch (error) {
      // A5: it is stored, and was told so; whoever waits for its decision has a deadline.
      if (entry.state === "acked") return;
      const closed = this.#nc.isClosed() || this.#nc.isDraining();
      const why = error instanceof Error ? error.message : String(error);
      this.#fail(entry, closed ? "publisher_closed" : "publish_refused", why);
    }
  }

  #onAnswer(message: Msg, prefixLength: number): void {
    const subject = message.subject;
    let number = 0;
    for (let i = prefixLength + 1; i < subject.length; i++)
      number = number * 10 + (subject.charCodeAt(i) - ZERO);
    if (subject.charCodeAt(prefixLength) === ACK) {
      const entry = this.#unacked.get(number);
      if (entry !== undefined) this.#onAck(entry, message);
    } else {
      const entry = this.#undecided.get(number);
      if (entry !== undefined) this.#onDecisions(entry, message);
    }
  }

  #onAck(entry: Entry, message: Msg): void {
    const ack = message.data;
    if (ack.length > 2 && ack[2] === STREAM_INITIAL) {
      this.#acked(entry, ackSequence(ack), ack);
      return;
    }
    if (ack.length === 0) {
      if (message.headers?.code === 503) this.#onNotNow(entry, "publish_no_stream", "no stream");
      return;
    }
    const { error } = message.json<{ error?: ApiFault }>();
    const why = error?.description ?? message.string();
    if (error?.err_code === STORE_FAILED && why === FULL) {
      this.#fail(entry, "log_full", `the log of its shard is full (${why})`);
      return;
    }
    const passes = error?.code === 503 && error.err_code !== STORE_FAILED;
    if (passes) this.#onNotNow(entry, "publish_refused", why);
    else this.#fail(entry, "publish_refused", why);
  }

  #onDecisions(entry: Entry, message: Msg): void {
    let decisions: unknown;
    try {
      decisions = JSON.parse(message.string());
    } catch {
      return; // not from an actor of ours; the deadline tells the caller
    }
    this.#undecided.delete(entry.number);
    if (entry.state === "sent") this.#acked(entry, sequenceOf(decisions), undefined);
    if (entry.state === "acked") entry.state = "done";
    entry.onDecisions(decisions);
  }

  #acked(entry: Entry, seq: number, ack: Uint8Array | undefined): void {
    this.#unacked.delete(entry.number);
    entry.state = "acked";
    this.stats.acked++;
    entry.onAcked(seq, ack);
  }

  /** Surely not stored by this attempt, and it may be later: wait a little and send again. */
  #onNotNow(entry: Entry, code: "publish_no_stream" | "publish_refused", why: string): void {
    entry.refusal = { code, why };
    entry.state = "waiting";
    entry.dueAtMs = performance.now() + REFUSED_RETRY_MS * Math.min(entry.attempts, 10);
  }

  #onDenied(mapped: string): void {
    for (const entry of [...this.#unacked.values()]) {
      // The server names the mapped subject; a command's keeps its last two tokens.
      const isIt =
        entry.subject === mapped ||
        (entry.subject.startsWith("inv.cmd.") && mapped.endsWith(entry.subject.slice(7)));
      if (isIt) this.#fail(entry, "publish_denied", `no permission for ${mapped}`);
    }
  }

  #fail(entry: Entry, code: RefusalCode, why: string): void {
    const sent = entry.maybeStored || (entry.state === "sent" && code === "publisher_closed");
    const error = new PublishError(
      sent ? "publish_unknown" : code,
      `Cannot publish to ${entry.subject}: ${why}${sent ? "; it may be stored" : ""}`,
      { sent, retryable: code !== "publish_denied", fields: { subject: entry.subject } },
    );
    this.#giveUp(entry, error);
  }

  #giveUp(entry: Entry, error: PublishError): void {
    this.#unacked.delete(entry.number);
    this.#undecided.delete(entry.number);
    entry.state = "done";
    this.stats.failed++;
    entry.onFailed(error);
  }

  #onDisconnect(): void {
    this.#connected = false;
    for (const entry of this.#unacked.values()) {
      if (entry.state !== "sent") continue;
      entry.maybeStored = true;
      entry.state = "waiting";
    }
  }

  #onReconnect(): void {
    this.#connected = true;
    this.#sweptAtMs = performance.now();
    // In the order they were first sent, so entries of one SKU keep theirs.
    for (const entry of [...this.#unacked.values()]) {
      if (entry.state === "sent") entry.maybeStored = true;
      entry.state = "waiting";
      this.#publish(entry);
    }
    for (const entry of this.#undecided.values()) if (entry.state === "acked") this.#publish(entry);
  }

  #startSweeping(): void {
    if (this.#sweeper !== undefined) return;
    this.#sweptAtMs = performance.now();
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
  }

  #sweep(): void {
    const nowMs = performance.now();
    const wasBlocked = nowMs - this.#sweptAtMs > Math.max(this.#ackTimeoutMs / 2, BLOCKED_MS_MIN);
    this.#sweptAtMs = nowMs;
    if (this.#unacked.size === 0 && this.#undecided.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      return;
    }
    // A blocked event loop is no lost ack: the answers are still to be read.
    if (wasBlocked) return;
    for (const entry of [...this.#unacked.values()]) {
      if (nowMs >= entry.giveUpAtMs) this.#onGiveUp(entry);
      else if (this.#connected && nowMs >= entry.dueAtMs && entry.state !== "done") {
        if (entry.state === "sent") entry.maybeStored = true;
        entry.state = "waiting";
        this.#publish(entry);
      }
    }
  }

  #onGiveUp(entry: Entry): void {
    if (entry.state === "waiting" && entry.refusal !== undefined) {
      this.#fail(entry, entry.refusal.code, entry.refusal.why);
      return;
    }
    const sent = entry.maybeStored || entry.state === "sent";
    const why = this.#connected ? "no answer in time" : "no connection to NATS";
    this.#giveUp(
      entry,
      new PublishError(
        sent ? "publish_unknown" : "publish_not_sent",
        `Cannot publish to ${entry.subject}: ${why}${sent ? "; it may be stored" : ""}`,
        { sent, fields: { subject: entry.subject } },
      ),
    );
  }
}

/** `seq` of `{"stream":"S","seq":12}`; the parser is for the rare answers with more in them. */
function ackSequence(ack: Uint8Array): number {
  let end = ack.length - 1;
  if (ack[end] === CLOSING_BRACE) {
    let seq = 0;
    let unit = 1;
    for (end--; end > 0; end--) {
      const digit = (ack[end] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      seq += digit * unit;
      unit *= 10;
    }
    if (unit > 1 && ack[end] === COLON) return seq;
  }
  return (JSON.parse(new TextDecoder().decode(ack)) as { seq: number }).seq;
}

/** Where the decisions say they stand. */
function sequenceOf(decisions: unknown): number {
  const first: unknown = Array.isArray(decisions) ? decisions[0] : decisions;
  const seq = (first as { seq?: unknown } | null | undefined)?.seq;
  return typeof seq === "number" ? seq : 0;
}
