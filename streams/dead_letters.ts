// Owns the looking at, redriving and removing of what was set aside (stream DEAD). A redriven letter goes into
// the log as it came, at the place its SKU has today, and then leaves the stream; a removed one only leaves it.
//
// X1. A letter leaves only after the log has acked its payload; a crash between leaves both, and the
//     command's identity makes a second redrive harmless. A command without one gets one made from
//     the letter's (those of whole bundles have theirs: publishers mint them).
// X2. A payload that was cut to fit, or that never came from the log, is refused, not guessed.
// X3. What stands in the stream and is no letter is shown with the reason `unreadable`; it can only be removed.

import { Buffer, isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import type { JetStreamManager } from "@nats-io/jetstream";
import { nuid } from "@nats-io/transport-node";
import type { DeadLetter } from "../shared/effects.ts";
import { OnhandError } from "../shared/errors.ts";
import { API_TIMEOUT_MS, DEAD_LETTERS_LISTED_MAX } from "../shared/limits.ts";
import { type NatsConnection, natsFault } from "./connection.ts";
import { partition } from "./partition.ts";
import { bundleSubject, deadSubject, parseLogSubject, toToken } from "./subjects.ts";
import { isMissing, manager, readTopology } from "./topology.ts";

const STREAM = "DEAD";
/** The reason of what is no letter. */
export const UNREADABLE = "unreadable";
const SCAN_BLOCK = 256;
/** Status of a read that found no message at or after its sequence. */
const NOTHING_FROM_HERE = 404;

type StoredMessage = { subject: string; data: Uint8Array; time: Date };

/** A letter and its sequence in DEAD, by which it is shown and redriven. */
export type DeadEntry = { seq: number; letter: DeadLetter };

export type ListOptions = {
  /** Most letters, newest first; default 100, at most 1000. */
  limit?: number;
  /** Only older than this sequence: the last one of the page before. */
  beforeSeq?: number;
  /** Only of this source (`stock`, `ledger`, …). */
  source?: string;
};

export type Redriven = { seq: number; subject: string; stream: string; logSeq: number };

/** Letters, newest first. @throws OnhandError. */
export async function listDeadLetters(
  nc: NatsConnection,
  options: ListOptions = {},
): Promise<DeadEntry[]> {
  const limit = Math.min(options.limit ?? 100, DEAD_LETTERS_LISTED_MAX);
  const found: DeadEntry[] = [];
  try {
    const jsm = await manager(nc);
    const { state } = await jsm.streams.info(STREAM);
    let end = Math.min(options.beforeSeq ?? state.last_seq + 1, state.last_seq + 1);
    while (found.length < limit && end > state.first_seq && end > 1) {
      const start = Math.max(state.first_seq, end - SCAN_BLOCK, 1);
      const block = await readBlock(jsm, start, end, options.source);
      found.push(...block.reverse());
      end = start;
    }
  } catch (error) {
    if (isMissing(error)) return [];
    throw natsFault("list the dead letters", error);
  }
  return found.slice(0, limit);
}

/** One letter. @throws OnhandError `dead_letter_missing`. */
export async function showDeadLetter(nc: NatsConnection, seq: number): Promise<DeadEntry> {
  const found = await findDeadLetter(nc, seq);
  if (found !== undefined) return found;
  throw new OnhandError("dead_letter_missing", `Cannot find dead letter ${seq}: there is none`);
}

/** Puts a letter's payload into the log again and removes the letter. @throws OnhandError. */
export async function redriveDeadLetter(nc: NatsConnection, seq: number): Promise<Redriven> {
  const { letter } = await showDeadLetter(nc, seq);
  const payload = payloadOf(seq, letter);
  const { epoch, shards } = await readTopology(nc);
  const { subject, body } = destination(seq, letter, payload, epoch, shards);
  const action = `redrive dead letter ${seq} to ${subject}`;
  const ack = await publishAcked(nc, subject, body, action);
  await leave(nc, seq);
  return { seq, subject, stream: ack.stream, logSeq: ack.seq };
}

/** @throws OnhandError when it is not stored, or may not be. */
async function publishAcked(
  nc: NatsConnection,
  subject: string,
  body: Uint8Array | string,
  action: string,
): Promise<{ stream: string; seq: number }> {
  let ack: { stream?: string; seq?: number; error?: { description: string } };
  try {
    const reply = await nc.request(subject, body, { timeout: API_TIMEOUT_MS });
    ack = reply.json();
  } catch (error) {
    throw natsFault(action, error);
  }
  const { stream, seq, error } = ack;
  if (stream !== undefined && seq !== undefined && error === undefined) return { stream, seq };
  const why = error?.description ?? "no ack";
  throw new OnhandError("nats_refused", `Cannot ${action}: ${why}`, { retryable: true });
}

/** Removes a letter for good, and gives it as it was. @throws OnhandError `dead_letter_missing`. */
export async function removeDeadLetter(nc: NatsConnection, seq: number): Promise<DeadEntry> {
  const entry = await showDeadLetter(nc, seq);
  await leave(nc, seq);
  return entry;
}

async function leave(nc: NatsConnection, seq: number): Promise<void> {
  try {
    await (await manager(nc)).streams.deleteMessage(STREAM, seq, false);
  } catch (error) {
    // Somebody else may have redriven or removed it at the same time; the server has several answers for that.
    if ((await findDeadLetter(nc, seq)) !== undefined)
      throw natsFault(`remove dead letter ${seq}`, error);
  }
}

/** Sets something aside from outside the log (gateways); the relay does it for the actors. */
export async function writeDeadLetter(nc: NatsConnection, letter: DeadLetter): Promise<void> {
  const action = `set aside ${letter.id || nuid.next()}`;
  await publishAcked(nc, deadSubject(letter.source), JSON.stringify(letter), action);
}

async function findDeadLetter(nc: NatsConnection, seq: number): Promise<DeadEntry | undefined> {
  try {
    const message = await (await manager(nc)).streams.getMessage(STREAM, { seq });
    return message === null ? undefined : { seq, letter: letterOf(message) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw natsFault(`read dead letter ${seq}`, error);
  }
}

async function readBlock(
  jsm: JetStreamManager,
  start: number,
  end: number,
  source: string | undefined,
): Promise<DeadEntry[]> {
  const entries: DeadEntry[] = [];
  const batch = await jsm.direct.getBatch(STREAM, { seq: start, batch: end - start });
  try {
    for await (const message of batch) {
      if (message.seq >= end) continue;
      if (source !== undefined && message.subject !== deadSubject(source)) continue;
      entries.push({ seq: message.seq, letter: letterOf(message) });
    }
  } catch (error) {
    if ((error as { code?: unknown }).code !== NOTHING_FROM_HERE) throw error;
  }
  return entries;
}

function letterOf({ subject, data, time }: StoredMessage): DeadLetter {
  try {
    const letter = JSON.parse(new TextDecoder().decode(data)) as DeadLetter;
    const texts = [letter.at, letter.reason, letter.detail, letter.subject];
    if (texts.every((text) => typeof text === "string")) return letter;
  } catch {
    // told below
  }
  return {
    ...{ id: "", epoch: 0, shard: 0, seq: 0, index: 0, sku: "", location: "" },
    at: time.toISOString(),
    source: subject.slice(deadSubject("").length),
    reason: UNREADABLE,
    detail: "expected a dead letter, found something else",
    subject,
    ...(isUtf8(data)
      ? { payload: new TextDecoder("utf-8", { ignoreBOM: true }).decode(data) }
      : { payloadBase64: Buffer.from(data).toString("base64") }),
    payloadBytes: data.byteLength,
  };
}

function payloadOf(seq: number, letter: DeadLetter): Uint8Array {
  const bytes =
    letter.payloadBase64 === undefined
      ? new TextEncoder().encode(letter.payload ?? "")
      : new Uint8Array(Buffer.from(letter.payloadBase64, "base64"));
  if (bytes.byteLength === letter.payloadBytes) return bytes;
  throw notRedrivable(
    seq,
    `its payload was cut to ${bytes.byteLength} of ${letter.payloadBytes} bytes`,
  );
}

/** Where it goes today: the epoch may be another, and one command of a bundle goes alone. */
function destination(
  seq: number,
  letter: DeadLetter,
  payload: Uint8Array,
  epoch: number,
  shards: number,
): { subject: string; body: Uint8Array } {
  const from = parseLogSubject(letter.subject);
  if (from === undefined) throw notRedrivable(seq, `it did not come from the log`);
  if (from.kind === "single") {
    const shard = partition(from.skuToken, shards);
    const subject = `inv.log.${epoch}.${shard}.${from.locationToken}.${from.skuToken}`;
    return { subject, body: identified(payload, letter) };
  }
  const text = new TextDecoder().decode(identified(payload, letter));
  let command: unknown;
  try {
    command = JSON.parse(text);
  } catch {
    throw notRedrivable(seq, "it is a bundle that is no JSON");
  }
  if (Array.isArray(command)) {
    if (from.epoch !== epoch) throw notRedrivable(seq, `it is a bundle of epoch ${from.epoch}`);
    return { subject: letter.subject, body: payload };
  }
  const sku = (command as { sku?: unknown } | null)?.sku;
  if (typeof sku !== "string" || !sku.isWellFormed())
    throw notRedrivable(seq, "it is a command of a bundle without a SKU");
  const shard = partition(toToken(sku), shards);
  return { subject: bundleSubject(epoch, shard), body: new TextEncoder().encode(`[${text}]`) };
}

/** X1. The payload as it is, or, when it is a command without an id, with one put before its fields. */
function identified(payload: Uint8Array, letter: DeadLetter): Uint8Array {
  if (!isUtf8(payload)) return payload;
  const text = new TextDecoder().decode(payload);
  let command: unknown;
  try {
    command = JSON.parse(text);
  } catch {
    return payload;
  }
  if (typeof command !== "object" || command === null || Array.isArray(command)) return payload;
  if ("id" in command) return payload;
  // A letter's id names its SKU and may be longer than a command's.
  const digest = createHash("sha256").update(letter.id || JSON.stringify(letter));
  const id = `redriven-${digest.digest("base64url")}`;
  const comma = Object.keys(command).length === 0 ? "" : ",";
  return new TextEncoder().encode(text.replace("{", `{"id":"${id}"${comma}`));
}

function notRedrivable(seq: number, why: string): OnhandError {
  return new OnhandError("dead_letter_not_redrivable", `Cannot redrive dead letter ${seq}: ${why}`);
}
