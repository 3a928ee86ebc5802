// Pure.
// One command from identity to decision. S2: an identity changes stock at most once. S4: a repeat gets the first
// decision. Refusals come first: a refused command changes nothing but what it is remembered by.

import type { Decision } from "../../shared/decisions.ts";
import { hashIdentity, identityHash } from "../../shared/identity_hash.ts";
import { formatVersion } from "../../shared/version.ts";
import type { LedgerRow } from "../runtime/ledger_row.ts";
import { type Found, lookupKey } from "../runtime/machine.ts";
import { count } from "./anchors.ts";
import { type Command, NO_TIME, TICK, VOID } from "./command.ts";
import { decisionText, tickText } from "./decision_text.ts";
import { type Decoded, rawAt } from "./decode.ts";
import { alert, setAside } from "./effects.ts";
import { adjust, goodsBack, move, receipt, sale } from "./facts.ts";
import { extend, fulfill, release } from "./hold_ends.ts";
import { holdLines } from "./hold_lines.ts";
import { hold } from "./holds.ts";
import { ledgerLevel } from "./level.ts";
import { AT_AHEAD_MS_MAX, AT_BACK_MS_MAX, CLOCK_ALERT_MS, CLOCK_ALERTS_MAX } from "./limits.ts";
import { askedInVain, bookLost, type LostChange } from "./lost.ts";
import { order } from "./order_lines.ts";
import { policy } from "./policies.ts";
import {
  APPLIED,
  BACKORDER_LIMIT,
  ID_CONFLICT,
  INSUFFICIENT,
  reasonName,
  reasonNumber,
} from "./reasons.ts";
import { RecentId } from "./recent_id.ts";
import { review } from "./review.ts";
import { seal } from "./seal.ts";
import type { Shard } from "./shard.ts";
import type { KeyState } from "./state.ts";
import { arrive, ship } from "./transfers.ts";
import { voidCommand } from "./voids.ts";

type Handler = (s: Shard, c: Command, key: KeyState) => number;

/** Handlers by number of type, as in TYPES. A tick has none: it only lets time pass. */
const HANDLERS: readonly Handler[] = [
  sale,
  goodsBack,
  receipt,
  adjust,
  move,
  count,
  ship,
  arrive,
  voidCommand,
  hold,
  holdLines,
  extend,
  fulfill,
  release,
  policy,
  order,
  seal,
];

const first = new RecentId();

/** Decides one command at `s.index`, and tells the decision when somebody asked. */
export function decide(s: Shard, c: Command, decoded: Decoded): void {
  s.out.decided += 1;
  if (c.id === null) mint(s, c);
  c.atMs = c.givenAtMs;
  if (c.givenAtMs === NO_TIME) c.atMs = s.now;
  if (c.type === TICK) {
    if (s.out.isAsked) s.out.decisions.push(tickText(s, c));
    return;
  }
  if (knownBefore(s, c)) {
    repeat(s, c, decoded);
    return;
  }
  boundAt(s, c);
  const key = s.keyOf(c);
  s.place = key;
  if (c.holdHash !== 0) s.holds.expect(c.hold as string, c.holdHash);
  const handler = HANDLERS[c.type] as Handler;
  const reason = handler(s, c, key);
  if (reason !== APPLIED) refuse(s, c, reason);
  review(s, c.backfill);
  remember(s, c, reason);
  if (s.out.isAsked) s.out.decisions.push(decisionText(s, c, reason));
}

function mint(s: Shard, c: Command): void {
  const id = mintedId(s);
  c.id = id;
  hashIdentity(c.location, c.sku, id);
  c.high = identityHash.high;
  c.low = identityHash.low;
}

/** The identity of a command that has none. */
export function mintedId(s: Shard): string {
  return `@${s.epoch}.${s.shard}.${s.seq}.${s.index}`;
}

// ---------------------------------------------------------------- time

/** No clock out there may freeze or drain a shop: what cannot be becomes log time, and is told. */
function boundAt(s: Shard, c: Command): void {
  if (c.givenAtMs === NO_TIME) return;
  const ahead = c.givenAtMs > s.now + AT_AHEAD_MS_MAX;
  const back = c.givenAtMs < (c.backfill ? 0 : s.now - AT_BACK_MS_MAX);
  if (!ahead && !back) return;
  c.atMs = s.now;
  if (c.backfill) return;
  const last = s.clockAlerts.get(c.location);
  if (last !== undefined && s.now < last + CLOCK_ALERT_MS) return;
  keepClockAlert(s, c.location);
  const text = `A clock is wrong at ${c.location}: it wrote ${s.formatMs(c.givenAtMs)} at ${s.formatMs(s.now)}`;
  alert(s, c, "clock", text, { given: s.formatMs(c.givenAtMs), now: s.formatMs(s.now) });
}

/** Oldest first, as they were put in: a restore keeps that order. */
function keepClockAlert(s: Shard, location: string): void {
  s.clockAlerts.delete(location);
  s.clockAlerts.set(location, s.now);
  if (s.clockAlerts.size <= CLOCK_ALERTS_MAX) return;
  const oldest = s.clockAlerts.keys().next().value;
  if (oldest !== undefined) s.clockAlerts.delete(oldest);
}

// ---------------------------------------------------------------- repeats

/** Whether the identity of `c` was decided before; `first` is then what is known of it. */
function knownBefore(s: Shard, c: Command): boolean {
  const { high, low } = c;
  while (s.recent.find(high, low, first)) {
    if (first.nowMs + s.identityMs > s.now) return true;
    s.recent.forget(high, low);
  }
  if (c.fresh || !s.filter.has(high, low)) return false;
  const found = s.found.get(lookupKey({ sku: c.sku, location: c.location, id: c.id as string }));
  return firstFromLedger(found ?? null, c, s.now - s.identityMs);
}

/** Fills `first` from the rows of the ledger, as the recent tier would have it. */
function firstFromLedger(found: Found, c: Command, oldestMs: number): boolean {
  const row = found?.rows.find((candidate) => candidate.cause === "command");
  if (found === null || row === undefined || row.appendedAt <= oldestMs) return false;
  const last = lastRowOf(found.rows, row);
  first.digest = row.digest | 0;
  first.reason = reasonNumber(row.reason);
  first.epoch = row.epoch;
  first.shard = row.shard;
  first.seq = row.seq;
  first.index = row.index;
  first.nowMs = row.appendedAt;
  first.location = row.location === c.location ? null : row.location;
  first.sku = row.sku === c.sku ? null : row.sku;
  first.sellable = last.sellable;
  first.reserved = last.reserved;
  first.unavailable = last.unavailable;
  first.backordered = last.backordered;
  first.inTransit = last.inTransit;
  first.onOrder = last.onOrder;
  return true;
}

/** The last row of the place where a command was decided: the level its decision told. */
export function lastRowOf(rows: readonly LedgerRow[], at: LedgerRow): LedgerRow {
  let last = at;
  for (const row of rows) {
    const isThere = row.epoch === at.epoch && row.seq === at.seq && row.index === at.index;
    if (isThere && row.sku === at.sku && row.location === at.location) last = row;
  }
  return last;
}

function repeat(s: Shard, c: Command, decoded: Decoded): void {
  const key = { sku: first.sku ?? c.sku, location: first.location ?? c.location };
  if (first.digest !== c.digest) {
    conflict(s, c, decoded);
    return;
  }
  if (!s.out.isAsked) return;
  const at = s.formatMs(first.nowMs);
  const version = formatVersion(first.epoch, first.seq, first.index);
  const decision: Decision = {
    id: c.id as string,
    outcome: "duplicate",
    first: first.reason === APPLIED ? "applied" : "rejected",
    epoch: first.epoch,
    shard: first.shard,
    seq: first.seq,
    index: first.index,
    at,
    level: ledgerLevel(key, first, version, at),
  };
  if (first.reason !== APPLIED) decision.reason = reasonName(first.reason);
  s.out.decisions.push(JSON.stringify(decision));
}

/** The same identity with another content: refused, set aside, told; the identity stays with the first. */
function conflict(s: Shard, c: Command, decoded: Decoded): void {
  const key = s.key(c.sku, c.location);
  s.place = key;
  s.refuse(key, c, reasonName(ID_CONFLICT));
  const where = `${first.epoch}.${first.shard}.${first.seq}.${first.index}`;
  s.detail = `id: ${c.id} was used with another content at ${where}`;
  const why = { reason: "id_conflict", detail: s.detail };
  setAside(s, decoded.entry, c, why, rawAt(decoded, s.index));
  if (!c.backfill)
    alert(s, c, "id_conflict", `Two commands have the same identity: ${s.detail}`, {
      id: c.id,
      first: where,
    });
  if (s.out.isAsked) s.out.decisions.push(decisionText(s, c, ID_CONFLICT));
}

// ---------------------------------------------------------------- refusals and records

function refuse(s: Shard, c: Command, reason: number): void {
  const changes: LostChange[] = [];
  // Of lines that were short nothing is lost when it is something else they were refused for.
  const isShort = reason === INSUFFICIENT || reason === BACKORDER_LIMIT;
  for (const { key, qty, own } of isShort ? s.refused : []) {
    const change = askedInVain(s, c, key, qty, own);
    if (change !== null) changes.push(change);
  }
  // What is lost here and now goes with the refusal's own row, anything else on rows of its own.
  const here = changes.findIndex((change) => isHere(s, c, change));
  if (here >= 0) s.delta.lost = (changes[here] as LostChange).lost;
  s.refuse(s.place, c, reasonName(reason));
  changes.forEach((change, i) => {
    if (i !== here) bookLost(s, c, change);
  });
}

function isHere(s: Shard, c: Command, change: LostChange): boolean {
  const { place } = s;
  return change.sku === place.sku && change.location === place.location && change.atMs === c.atMs;
}

function remember(s: Shard, c: Command, reason: number): void {
  const { record: r, place } = s;
  r.high = c.high;
  r.low = c.low;
  r.digest = c.digest;
  r.reason = reason;
  r.type = c.type;
  r.epoch = s.epoch;
  r.shard = s.shard;
  r.seq = s.seq;
  r.index = s.index;
  r.nowMs = s.now;
  r.sellable = place.sellable;
  r.reserved = place.reserved;
  r.unavailable = place.unavailable;
  r.backordered = place.backordered;
  r.inTransit = place.inTransit;
  r.onOrder = place.onOrder;
  r.location = place.location === c.location ? null : place.location;
  r.sku = place.sku.sku === c.sku ? null : place.sku.sku;
  if (reason !== APPLIED) r.effect = false;
  s.recent.add(r);
  if (s.voided !== null) markVoided(s, c, s.voided);
  r.effect = false;
  r.order = null;
}

function markVoided(s: Shard, c: Command, mark: string): void {
  const { record: r } = s;
  hashIdentity(c.location, c.sku, mark);
  r.high = identityHash.high;
  r.low = identityHash.low;
  r.type = VOID;
  s.recent.add(r);
}
