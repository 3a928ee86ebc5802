// Pure.
// What becomes of holds: extended, fulfilled, released, expired. A group goes as one, but for a `fulfill` with a
// quantity, which is of one line: what such a one ends is no end of the others, wherever they are. S9: each hold ends
// once. S20: what is decided at home is sent to its lines elsewhere, with ids made from the position.

import { ANY_LOCATION } from "../../shared/ids.ts";
import { formatTime } from "../../shared/time.ts";
import { physicalFault, settleAnchor } from "./anchors.ts";
import { type Command, FIRM } from "./command.ts";
import { send, tellHold } from "./effects.ts";
import {
  endHold,
  findHold,
  finishedHold,
  lifeMs,
  liveHold,
  setDue,
  takeHeld,
} from "./hold_book.ts";
import { makeFirm } from "./holds.ts";
import { PLACING_MS } from "./limits.ts";
import { quickTime } from "./quick_time.ts";
import { APPLIED, HOLD_EXPIRED, HOLD_FINISHED, HOLD_UNSEALED, UNKNOWN_HOLD } from "./reasons.ts";
import type { Shard } from "./shard.ts";
import { type Group, type Hold, type KeyState, NEVER_MS } from "./state.ts";

/** The hold a command names: at its location, or with `-` wherever it is. Live ones first. */
export function namedHold(s: Shard, c: Command, key: KeyState): Hold | null {
  const id = c.hold as string;
  const hold =
    c.location === ANY_LOCATION
      ? (liveHold(s, key.sku, id) ?? finishedHold(s, key.sku, id))
      : findHold(s, key.sku, key.location, id);
  return isOtherPlacing(c, hold?.group ?? null) ? null : hold;
}

/**
 * Whether a command of home is about an earlier hold of that id, forgotten here since: it was placed by another
 * command, or by the same one months ago. Parts of one hold are placed within minutes of each other.
 */
function isOtherPlacing(c: Command, group: Group | null): boolean {
  const { placing } = c.raw;
  if (placing === undefined || group === null || group.home === null) return false;
  const { by, at } = placing;
  if (by !== undefined && group.placedBy !== null && by !== group.placedBy) return true;
  return at !== undefined && Math.abs((quickTime(at) as number) - group.placedMs) > PLACING_MS;
}

/** Why a hold cannot be extended, fulfilled or released, or APPLIED. */
export function liveFault(hold: Hold | null): number {
  if (hold === null) return UNKNOWN_HOLD;
  if (hold.status === "expired") return HOLD_EXPIRED;
  if (hold.status !== "held") return HOLD_FINISHED;
  return hold.group?.sealed === false ? HOLD_UNSEALED : APPLIED;
}

/** The lines that go with a hold: its group's live ones, its own first. */
export function linesOf(hold: Hold): Hold[] {
  const own = hold.status === "held" ? [hold] : [];
  if (hold.group === null) return own;
  const others = hold.group.lines.filter((line) => line !== hold && line.status === "held");
  return own.concat(others);
}

/**
 * Why a hold cannot be extended, fulfilled or released as a whole, or APPLIED: a line that was fulfilled by itself
 * names the others, which live on.
 */
function wholeFault(s: Shard, hold: Hold | null): number {
  const fault = liveFault(hold);
  if (hold?.status !== "fulfilled") return fault;
  return linesOf(hold).length > 0 || mayLiveElsewhere(s, hold) ? APPLIED : fault;
}

/** Whether, as far as home knows, lines elsewhere live on, though none does here. */
function mayLiveElsewhere(s: Shard, { group, dueMs }: Hold): boolean {
  if (group === null || group.elsewhere.length === 0) return false;
  return group.outcome === "held" && !group.over && dueMs > s.now;
}

/** Where a command of a whole hold is decided: at the line it names, unless only others of it live on. */
function placeOf(hold: Hold): KeyState {
  return hold.status === "fulfilled" ? (linesOf(hold)[0] ?? hold).key : hold.key;
}

/** The end of all its lines elsewhere is sent: there is nothing more to say of it. */
function tellOver(s: Shard, group: Group | null): void {
  if (group === null || group.elsewhere.length === 0) return;
  group.over = true;
  s.dirtyGroup(group);
}

/** `extend`: until then; null is paid, and firm from now on. */
export function extend(s: Shard, c: Command, key: KeyState): number {
  const named = namedHold(s, c, key);
  if (named !== null) s.place = placeOf(named);
  const fault = wholeFault(s, named);
  if (fault !== APPLIED || named === null) return fault;
  const { group } = named;
  if (group !== null) s.dirtyGroup(group);
  if (group !== null) group.ttlMs = c.ttlMs === FIRM ? null : c.ttlMs;
  const lines = linesOf(named);
  for (const line of lines) {
    if (!line.firm && c.ttlMs === FIRM) makeFirm(s, line);
    s.book(line.key, c, "command", c.atMs, c.hold);
    if (!line.firm) setDue(s, line, s.now + (group === null ? c.ttlMs : lifeMs(s, group)));
  }
  if (lines.length === 0) s.book(named.key, c, "command", c.atMs, c.hold);
  if (group !== null && group.elsewhere.length > 0) prolongFulfilled(s, group);
  sendElsewhere(s, named, group, { type: "extend", ttlMs: c.ttlMs === FIRM ? null : c.ttlMs });
  return APPLIED;
}

/** Until when lines elsewhere live stands at those that were fulfilled here, too. */
function prolongFulfilled(s: Shard, group: Group): void {
  for (const line of group.lines) {
    if (line.status !== "fulfilled" || line.firm) continue;
    line.firm = group.ttlMs === null;
    line.dueMs = line.firm ? NEVER_MS : s.now + lifeMs(s, group);
  }
}

/** `fulfill`: goods leave. Never refused for a live hold; more than it holds is not taken (S5). */
export function fulfill(s: Shard, c: Command, key: KeyState): number {
  const named = namedHold(s, c, key);
  const isWhole = c.qty < 0;
  if (named !== null) s.place = isWhole ? placeOf(named) : named.key;
  const fault = isWhole ? wholeFault(s, named) : liveFault(named);
  if (fault !== APPLIED || named === null) return fault;
  const lines = isWhole ? linesOf(named) : [named];
  for (const line of lines) {
    const range = physicalFault(s, line.key, null, -unitsLeaving(line, c.qty));
    if (range !== APPLIED) return range;
  }
  const { group } = named;
  for (const line of lines) goodsLeave(s, c, line, c.qty, c.raw.final === true);
  if (!isWhole) return APPLIED;
  if (lines.length === 0) s.book(named.key, c, "command", c.atMs, c.hold);
  sendElsewhere(s, named, group, { type: "fulfill", ...finalOf(c) });
  // What waits for stock elsewhere lives on.
  if (c.raw.final === true || group?.backorder === false) tellOver(s, group);
  return APPLIED;
}

function finalOf(c: Command): { final?: true } {
  return c.raw.final === true ? { final: true } : {};
}

/** Of `qty` units (-1: all), those the line holds. */
function unitsLeaving(line: Hold, qty: number): number {
  return qty < 0 ? line.qty : Math.min(qty, line.qty);
}

/** Takes `qty` units (-1: all it holds) out of the house; with `final` the rest is free again. */
export function goodsLeave(s: Shard, c: Command, line: Hold, qty: number, final: boolean): void {
  const { key, firm } = line;
  const units = unitsLeaving(line, qty);
  if (qty > units) s.detail = `qty: ${qty} asked, ${units} held: ${units} fulfilled`;
  takeHeld(s, line, units);
  s.delta.sellable -= units;
  if (!firm) s.delta.demand += units;
  if (final || (line.qty === 0 && line.backordered === 0)) {
    const freed = endHold(s, line, "fulfilled");
    if (firm) s.delta.demand -= freed;
  }
  s.book(key, c, "command", c.atMs, c.hold);
  settleAnchor(s, key, c, null, -units, c.atMs);
}

/** `release`: free again. */
export function release(s: Shard, c: Command, key: KeyState): number {
  const named = namedHold(s, c, key);
  if (named !== null) s.place = placeOf(named);
  const fault = wholeFault(s, named);
  if (fault !== APPLIED || named === null) return fault;
  const { group } = named;
  const lines = linesOf(named);
  for (const line of lines) letGo(s, c, line);
  if (lines.length === 0) s.book(named.key, c, "command", c.atMs, c.hold);
  sendElsewhere(s, named, group, { type: "release" });
  tellOver(s, group);
  return APPLIED;
}

/** Ends a line as released; demand of a firm one is taken back for what was left of it (M21). */
export function letGo(s: Shard, c: Command, line: Hold): void {
  const { key, firm } = line;
  const freed = endHold(s, line, "released");
  if (firm) s.delta.demand -= freed;
  s.book(key, c, "command", c.atMs, c.hold);
}

/** A hold's time has come. Expired is at or after its due time (M14). */
export function expire(s: Shard, hold: Hold): void {
  const { key, group, dueMs } = hold;
  const unsealed = group?.sealed === false;
  const freed = endHold(s, hold, "expired");
  s.book(key, null, "expiry", dueMs, hold.id);
  tellHold(s, hold, "expired", freed);
  // The first line of the group to go tells the others.
  const isFirst = group?.lines.every((line) => line === hold || line.status !== "expired");
  if (!isFirst) return;
  if (unsealed) sendElsewhere(s, hold, group, { type: "seal", outcome: "aborted" });
  else sendElsewhere(s, hold, group, { type: "release", reason: "expired" });
  tellOver(s, group);
}

/** Sends what home decided to one line in each other shard. */
export function sendElsewhere(
  s: Shard,
  hold: Hold,
  group: Group | null,
  what: Record<string, unknown>,
): void {
  if (group === null || group.elsewhere.length === 0) return;
  const placing = {
    ...(group.placedBy === null ? {} : { by: group.placedBy }),
    at: formatTime(group.placedMs),
  };
  for (const { sku, location } of group.elsewhere) {
    const id = `@${s.epoch}.${s.shard}.${s.seq}.${s.index}.${s.minted++}`;
    const command = { id, ...what, sku, location, hold: hold.id, placing };
    send(s, hold.key, sku, [command as { id: string }]);
  }
}
