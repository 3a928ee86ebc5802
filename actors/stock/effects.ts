// Pure.
// Effects that must not be lost. Their ids are kind, location, SKU, position and ordinal within the entry, so a
// replay makes the same ones and receivers drop repeats (M8, M9). S13

import type { AlertMessage, HoldMessage } from "../../shared/effects.ts";
import { utf8Length } from "../../shared/ids.ts";
import {
  alertSubject,
  bundleSubject,
  deadSubject,
  holdSubject,
  needSubject,
  toToken,
} from "../../streams/subjects.ts";
import type { LogEntry } from "../runtime/machine.ts";
import { shallow } from "./decode_command.ts";
import { inventoryPosition } from "./level.ts";
import { DEAD_LETTER_BYTES_MAX } from "./limits.ts";
import { shardOf } from "./names.ts";
import type { Shard } from "./shard.ts";
import type { Hold, KeyState, Need, Plan } from "./state.ts";

/** What every effect says of itself. */
function base(s: Shard, kind: string, sku: string, location: string) {
  const id = `${kind}.${toToken(location)}.${toToken(sku)}.${s.epoch}.${s.shard}.${s.seq}.${s.index}.${s.effects++}`;
  return {
    id,
    epoch: s.epoch,
    shard: s.shard,
    seq: s.seq,
    index: s.index,
    sku,
    location,
    at: s.formatMs(s.now),
  };
}

export function tellNeed(s: Shard, key: KeyState, need: Need, plan: Plan): void {
  const { sku } = key.sku;
  const message = {
    ...base(s, "need", sku, key.location),
    need: need.need,
    rev: need.rev,
    qty: need.qty,
    ...(plan.max === undefined ? {} : { max: plan.max }),
    mode: need.mode,
    cause: need.cause,
    inventoryPosition: inventoryPosition(key),
    reorderPoint: plan.reorderPoint,
    orderUpTo: plan.orderUpTo,
  };
  const subject = needSubject(key.location, sku);
  s.effect({ kind: "need", subject, message, urgent: need.rev === 1 });
}

export function tellHold(s: Shard, hold: Hold, event: HoldMessage["event"], qty: number): void {
  const { key } = hold;
  const { sku } = key.sku;
  const message = {
    ...base(s, "hold", sku, key.location),
    event,
    hold: hold.id,
    qty,
    backordered: hold.backordered,
  };
  s.effect({ kind: "hold", subject: holdSubject(key.location, sku), message, urgent: false });
}

/** Kinds of alerts: a person should know, nothing stops. */
export type AlertKind =
  | "oversold"
  | "id_conflict"
  | "wrong_shard"
  | "clock"
  | "stale_count"
  | "transfer_loss"
  | "seal_late"
  | "identity_window";

export function alert(
  s: Shard,
  place: { sku: string; location: string },
  kind: AlertKind,
  text: string,
  details: Record<string, unknown>,
): void {
  const message: AlertMessage = {
    ...base(s, `alert-${kind}`, place.sku, place.location),
    kind,
    text,
    details,
  };
  const subject = alertSubject(kind, place.location, place.sku);
  s.effect({ kind: "alert", subject, message, urgent: false });
}

/** Commands for the shard of `sku`, sent through the log by the relay. */
export function send(s: Shard, from: KeyState, sku: string, commands: { id: string }[]): void {
  const subject = bundleSubject(s.epoch, shardOf(sku, s.shards));
  const { id } = base(s, "command", sku, from.location);
  s.effect({ kind: "command", subject, message: { id, commands }, urgent: false });
}

/** Text for an alert: no control characters, for Postgres takes no NUL. */
export const printable = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** `ignoreBOM` says that a byte order mark is text like any other: without it, a redrive would find three bytes missing. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Sets something aside with its reason; the payload is cut until the whole fits. S1 */
export function setAside(
  s: Shard,
  entry: LogEntry,
  place: { sku: string; location: string },
  why: { reason: string; detail: string },
  raw: unknown,
): void {
  const payload = raw === undefined ? payloadOf(entry.payload) : rawOf(raw);
  const letter = {
    ...base(s, "dead", place.sku, place.location),
    source: "stock",
    reason: why.reason,
    detail: why.detail,
    subject: entry.subject.slice(0, 2000),
    ...payload,
  };
  let message = letter;
  while (utf8Length(JSON.stringify(message)) > DEAD_LETTER_BYTES_MAX) message = shorter(message);
  s.effect({ kind: "dead", subject: deadSubject("stock"), message, urgent: false });
}

type Payload = { payload?: string; payloadBase64?: string; payloadBytes: number };

function shorter<T extends Payload>(letter: T): T {
  if (letter.payload !== undefined) {
    return { ...letter, payload: cut(letter.payload, Math.floor(letter.payload.length / 2)) };
  }
  const text = letter.payloadBase64 ?? "";
  return { ...letter, payloadBase64: text.slice(0, Math.floor(text.length / 8) * 4) };
}

function payloadOf(bytes: Uint8Array): Payload {
  const payloadBytes = bytes.byteLength;
  const head = bytes.subarray(0, DEAD_LETTER_BYTES_MAX);
  try {
    // A cut may fall within a character: up to three bytes less make it whole again.
    const text = payloadBytes === head.byteLength ? utf8.decode(head) : decodeHead(head);
    return { payload: text, payloadBytes };
  } catch {
    return { payloadBase64: toBase64(bytes.subarray(0, 36_000)), payloadBytes };
  }
}

function decodeHead(head: Uint8Array): string {
  for (let less = 0; less < 3; less++) {
    try {
      return utf8.decode(head.subarray(0, head.byteLength - less));
    } catch {
      // One byte less, or no UTF-8 at all.
    }
  }
  return utf8.decode(head.subarray(0, head.byteLength - 3));
}

/** Deeper than any command is. */
const RAW_DEPTH = 20;

function rawOf(raw: unknown): Payload {
  const text = JSON.stringify(shallow(raw, RAW_DEPTH, Number.POSITIVE_INFINITY)) ?? "";
  const payloadBytes = utf8Length(text);
  return { payload: cut(text, DEAD_LETTER_BYTES_MAX), payloadBytes };
}

/** At most `length` code units, without half a character at the end. */
function cut(text: string, length: number): string {
  const head = text.slice(0, length);
  return head.isWellFormed() ? head : head.slice(0, -1);
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i] as number, bytes[i + 1], bytes[i + 2]];
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += DIGITS[bits >> 18];
    text += DIGITS[(bits >> 12) & 63];
    text += b === undefined ? "=" : DIGITS[(bits >> 6) & 63];
    text += c === undefined ? "=" : DIGITS[bits & 63];
  }
  return text;
}
