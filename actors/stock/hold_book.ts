// Pure.
// How holds are kept: by SKU and id, and per key from the youngest to the oldest. S8: `reserved` of a key is the
// sum of its live holds. S9: a hold ends exactly once, here, in `endHold`.

import { assert, broken } from "../../shared/assert.ts";
import { HOLD_LINE_GRACE_MS, HOLD_UNSEALED_MS } from "../../shared/limits.ts";
import { STALE_MAX, TOMBSTONE_MS, TOMBSTONES_MAX } from "./limits.ts";
import { ownText } from "./name_cache.ts";
import { shardOf } from "./names.ts";
import type { Shard } from "./shard.ts";
import {
  type Group,
  Hold,
  type HoldStatus,
  type KeyState,
  NEVER_MS,
  type SkuState,
} from "./state.ts";

/** The hold of that id at a location, live or finished. */
export function findHold(s: Shard, sku: SkuState, location: string, id: string): Hold | null {
  let hold = s.holds.get(sku, id);
  while (hold !== null && hold.key.location !== location) hold = hold.sibling;
  return hold;
}

/**
 * The live hold of that id at whatever location; the first by location when there are several.
 * @param taken keys that do not count
 */
export function liveHold(
  s: Shard,
  sku: SkuState,
  id: string,
  taken: ReadonlySet<KeyState> | null = null,
): Hold | null {
  let first: Hold | null = null;
  for (let hold = s.holds.get(sku, id); hold !== null; hold = hold.sibling) {
    if (hold.status !== "held" || taken?.has(hold.key)) continue;
    if (first === null || hold.key.location < first.key.location) first = hold;
  }
  return first;
}

/** The last hold of that id to finish, at whatever location. */
export function finishedHold(s: Shard, sku: SkuState, id: string): Hold | null {
  let last: Hold | null = null;
  for (let hold = s.holds.get(sku, id); hold !== null; hold = hold.sibling) {
    if (hold.status === "held") continue;
    if (last === null || hold.finished > last.finished) last = hold;
  }
  return last;
}

/** Makes a hold of no units; `before`, a finished one of the same id and key, gives way. */
export function addHold(s: Shard, key: KeyState, id: string, before: Hold | null): Hold {
  if (before !== null) {
    assert(before.status !== "held", `Cannot add hold ${id}: it is live`);
    s.holds.remove(before);
    leaveGroup(before);
    before.finished = -1;
    s.tombstones.live -= 1;
  }
  const hold = new Hold(ownText(id), key, s.nextHold++);
  s.holds.add(hold);
  linkYoungest(hold);
  s.liveHolds += 1;
  s.dirtyHold(hold);
  return hold;
}

export function linkYoungest(hold: Hold): void {
  const { key } = hold;
  hold.older = key.youngest;
  if (key.youngest !== null) key.youngest.younger = hold;
  key.youngest = hold;
}

/** Takes a hold out of the lines of its group. */
export function leaveGroup(hold: Hold): void {
  const { group } = hold;
  if (group !== null) group.lines = group.lines.filter((line) => line !== hold);
}

/** When the hold expires; NEVER_MS for never. */
export function setDue(s: Shard, hold: Hold, dueMs: number): void {
  hold.dueMs = dueMs;
  s.dirtyHold(hold);
  if (dueMs === NEVER_MS) s.due.remove(hold);
  else s.due.put(hold);
}

/** Takes units off a hold into `s.delta`: first those held, then those waiting. */
export function takeHeld(s: Shard, hold: Hold, units: number): void {
  hold.qty -= units;
  s.delta.reserved -= units;
  if (hold.firm) s.delta.firm -= units;
  s.dirtyHold(hold);
}

export function giveHeld(s: Shard, hold: Hold, units: number): void {
  takeHeld(s, hold, -units);
}

/** Changes what a hold waits for, into `s.delta`, and keeps its place in the queue. */
export function changeWaiting(s: Shard, hold: Hold, by: number): void {
  if (by === 0) return;
  const { waiting } = s.rare(hold.key);
  const waited = hold.backordered > 0;
  hold.backordered += by;
  s.delta.backordered += by;
  s.dirtyHold(hold);
  if (!waited) {
    // Log order, which is the order of their numbers.
    let at = waiting.length;
    while (at > 0 && (waiting[at - 1] as Hold).number > hold.number) at -= 1;
    waiting.splice(at, 0, hold);
  } else if (hold.backordered === 0) {
    waiting.splice(waiting.indexOf(hold), 1);
  }
}

/**
 * Ends a live hold; what it still holds goes into `s.delta`, to be booked by the caller. Returns the units freed
 * (held and waiting).
 */
export function endHold(s: Shard, hold: Hold, status: Exclude<HoldStatus, "held">): number {
  if (hold.status !== "held") broken(`Cannot end hold ${hold.id}: it is ${hold.status}`);
  const freed = hold.qty + hold.backordered;
  takeHeld(s, hold, hold.qty);
  changeWaiting(s, hold, -hold.backordered);
  s.due.remove(hold);
  const { key, older, younger } = hold;
  if (older !== null) older.younger = younger;
  if (younger !== null) younger.older = older;
  if (key.youngest === hold) key.youngest = older;
  hold.older = null;
  hold.younger = null;
  hold.status = status;
  hold.finished = s.nextFinished++;
  hold.finishedMs = s.now;
  s.liveHolds -= 1;
  s.tombstones.live += 1;
  s.tombstones.push(hold);
  // One that gave way to a new hold of its id stands there still: not more of them than of the others.
  if (s.tombstones.size > 2 * s.tombstones.live + STALE_MAX) s.tombstones.keep(isRemembered);
  return freed;
}

const isRemembered = (hold: Hold): boolean => hold.finished !== -1;

/** Forgets finished holds that are too old or too many, oldest first. */
export function pruneTombstones(s: Shard): void {
  for (let hold = s.tombstones.peek(); hold !== undefined; hold = s.tombstones.peek()) {
    const stale = hold.finished === -1;
    if (!stale && hold.finishedMs + TOMBSTONE_MS > s.now && s.tombstones.live <= TOMBSTONES_MAX) {
      return;
    }
    s.tombstones.shift();
    if (stale) continue;
    s.holds.remove(hold);
    leaveGroup(hold);
    s.tombstones.live -= 1;
    hold.finished = -1;
    s.deletes.holds.push(hold);
  }
}

/** Whether this shard seals the group. */
export function isHome(s: Shard, group: Group): boolean {
  return group.home !== null && shardOf(group.home, s.shards) === s.shard;
}

/** How long lines live from now: unsealed ones briefly, those away from home a grace more. */
export function lifeMs(s: Shard, group: Group): number {
  const asked = group.ttlMs ?? Number.MAX_SAFE_INTEGER;
  const own = group.sealed ? asked : Math.min(asked, HOLD_UNSEALED_MS);
  return group.home === null || isHome(s, group) ? own : own + HOLD_LINE_GRACE_MS;
}
