// Pure.
// `void` undoes an earlier sale, return, receipt, adjust or move of the same key, once, whole or in part, when it
// happened: its rows carry the time of what they undo, so stock before an anchor and the demand of that
// day are mended where they belong. What it undoes comes from the recent tier or from the ledger, alike.

import { hashIdentity, identityHash } from "../../shared/identity_hash.ts";
import type { Found } from "../runtime/machine.ts";
import { lookupKey } from "../runtime/machine.ts";
import { physicalFault, putPhysical, settleAnchor } from "./anchors.ts";
import { type Command, MOVE, RECEIPT, SALE, TYPES } from "./command.ts";
import { bucketNamed, moveFault, shift } from "./facts.ts";
import { DEFAULT_LINE, receive, receiveFault, refreshLate } from "./order_lines.ts";
import { APPLIED, OUT_OF_RANGE, UNKNOWN_COMMAND } from "./reasons.ts";
import { RecentId } from "./recent_id.ts";
import type { Shard } from "./shard.ts";
import type { KeyState } from "./state.ts";

/** Types that can be undone. */
const VOIDABLE = new Set(["sale", "return", "receipt", "adjust", "move"]);
const original = new RecentId();
const mark = new RecentId();

/** Name of the mark that something was undone; no client can send it, ids have no NUL. */
function markOf(id: string): string {
  return `\u0000void:${id}`;
}

/** Whether an identity may only be known to the ledger. */
export function needsLookup(s: Shard, high: number, low: number): boolean {
  return !s.recent.has(high, low) && s.filter.has(high, low);
}

export function voidCommand(s: Shard, c: Command, key: KeyState): number {
  if (!findOriginal(s, c)) return UNKNOWN_COMMAND;
  const most = Math.abs(original.qty);
  const qty = c.qty < 0 ? most : c.qty;
  if (qty > most) {
    s.detail = `qty: expected at most ${most}, as ${c.raw.of} had, found ${qty}`;
    return UNKNOWN_COMMAND;
  }
  const reason = undo(s, c, key, qty);
  if (reason === APPLIED) s.voided = markOf(c.raw.of as string);
  return reason;
}

/** Fills `original`; false when there is nothing to undo. */
function findOriginal(s: Shard, c: Command): boolean {
  const of = c.raw.of as string;
  hashIdentity(c.location, c.sku, of);
  const { high, low } = identityHash;
  if (fromMemory(s, high, low)) {
    if (!original.effect || original.reason !== APPLIED) return false;
  } else {
    if (!s.filter.has(high, low)) return false;
    const found = s.found.get(lookupKey({ sku: c.sku, location: c.location, id: of }));
    if (!fromLedger(found ?? null, s.now - s.identityMs)) return false;
  }
  return !isUndone(s, c, of);
}

/** The original as the recent tier has it. An id may have been used again after the identity days: the last use. */
function fromMemory(s: Shard, high: number, low: number): boolean {
  while (s.recent.find(high, low, original)) {
    if (original.nowMs + s.identityMs > s.now) return true;
    s.recent.forget(high, low);
  }
  return false;
}

/** Whether `original` was undone; the mark of what was undone under the same id before it means nothing. */
function isUndone(s: Shard, c: Command, of: string): boolean {
  hashIdentity(c.location, c.sku, markOf(of));
  const { high, low } = identityHash;
  while (s.recent.find(high, low, mark)) {
    const since = mark.epoch - original.epoch || mark.seq - original.seq;
    if (since >= 0) return true;
    s.recent.forget(high, low);
  }
  return false;
}

/** The same from the rows of the ledger. */
function fromLedger(found: Found, oldestMs: number): boolean {
  const rows = found?.rows.filter((row) => row.cause === "command") ?? [];
  const first = rows[0];
  if (first === undefined || found?.voided) return false;
  if (first.outcome !== "applied" || !VOIDABLE.has(first.type)) return false;
  if (first.appendedAt <= oldestMs) return false;
  const extra = first.extra === null ? {} : (JSON.parse(first.extra) as Record<string, string>);
  original.type = TYPES.indexOf(first.type as "sale");
  original.epoch = first.epoch;
  original.seq = first.seq;
  original.atMs = first.at;
  original.demand = rows.reduce((sum, row) => sum + row.demand, 0);
  original.bucket = first.type === "move" ? (extra.from as string) : (first.bucket ?? "");
  original.toBucket = first.type === "move" ? (extra.to as string) : "";
  const moved = first.deltaSellable !== 0 ? first.deltaSellable : first.deltaBucket;
  original.qty = first.type === "move" ? (first.qty as number) : moved;
  original.order = extra.order ?? null;
  original.line = extra.order === undefined ? null : (extra.line ?? DEFAULT_LINE);
  return true;
}

function undo(s: Shard, c: Command, key: KeyState, qty: number): number {
  const { type, atMs } = original;
  if (type === MOVE) return undoMove(s, c, key, qty);
  const bucket = original.bucket === "" ? null : bucketNamed(original.bucket);
  const by = original.qty < 0 ? qty : -qty;
  const fault = physicalFault(s, key, bucket, by);
  if (fault !== APPLIED) return fault;
  const { order, line } = original;
  const ordered = type === RECEIPT && order !== null && line !== null;
  if (ordered && receiveFault(key, order, line, by)) return OUT_OF_RANGE;
  putPhysical(s, bucket, by);
  if (type === SALE) s.delta.demand = -Math.min(qty, original.demand) || 0;
  if (ordered) receive(s, key, order, line, by);
  s.book(key, c, "command", atMs, null);
  if (ordered) refreshLate(s, key);
  settleAnchor(s, key, c, bucket, by, atMs);
  return APPLIED;
}

function undoMove(s: Shard, c: Command, key: KeyState, qty: number): number {
  const from = bucketNamed(original.toBucket);
  const to = bucketNamed(original.bucket);
  const fault = moveFault(s, key, from, to, qty);
  if (fault !== APPLIED) return fault;
  shift(s, c, key, from, to, qty, original.atMs);
  return APPLIED;
}
