// Pure.
// Facts happened and are never refused for lack of stock (S6): sale, return, receipt, adjust, move. Only a level
// beyond 2^50 or a full shard refuses them. Each books its own row, settles with the anchor of its bucket, and
// leaves in `s.record` what a void needs.

import { SELLABLE } from "../../shared/fields.ts";
import { physicalFault, putPhysical, settleAnchor, unitsIn } from "./anchors.ts";
import { inRange } from "./buckets.ts";
import type { Command } from "./command.ts";
import { tellHold } from "./effects.ts";
import { changeWaiting, endHold, findHold, liveHold, takeHeld } from "./hold_book.ts";
import { DEFAULT_LINE, receive, receiveFault, refreshLate } from "./order_lines.ts";
import { APPLIED, OUT_OF_RANGE } from "./reasons.ts";
import type { Shard } from "./shard.ts";
import { type Hold, type KeyState, SUPPLIED } from "./state.ts";

/** `sale`: takes from sellable; with `hold` it settles that hold, at whatever location it is. */
export function sale(s: Shard, c: Command, key: KeyState): number {
  const { qty } = c;
  const fault = physicalFault(s, key, null, -qty);
  if (fault !== APPLIED) return fault;
  s.delta.sellable = -qty;
  s.delta.demand = qty;
  const hold = c.hold === null ? null : holdSold(s, key, c.hold);
  if (hold === null) {
    s.book(key, c, "command", c.atMs, c.hold);
  } else if (hold.key === key) {
    settle(s, hold, qty);
    s.book(key, c, "command", c.atMs, c.hold);
    endIfEmpty(s, hold);
  } else {
    settleElsewhere(s, c, key, hold);
  }
  settleAnchor(s, key, c, null, -qty, c.atMs);
  s.voidable(c, -qty, hold === null ? qty : s.soldDemand);
  return APPLIED;
}

/** The live, sealed hold a sale names: here first, else at whatever location. */
function holdSold(s: Shard, key: KeyState, id: string): Hold | null {
  const here = findHold(s, key.sku, key.location, id);
  const hold = here !== null && here.status === "held" ? here : liveHold(s, key.sku, id);
  return hold === null || hold.group?.sealed === false ? null : hold;
}

/** Takes what is sold off the hold: first what it holds, then what it waits for. The rest stays. */
function settle(s: Shard, hold: Hold, qty: number): void {
  const held = Math.min(qty, hold.qty);
  const waiting = Math.min(qty - held, hold.backordered);
  takeHeld(s, hold, held);
  changeWaiting(s, hold, -waiting);
  // Demand of a firm hold was counted when it became firm.
  s.soldDemand = hold.firm ? qty - held - waiting : qty;
  s.delta.demand = s.soldDemand;
}

function settleElsewhere(s: Shard, c: Command, key: KeyState, hold: Hold): void {
  const sold = s.delta.sellable;
  s.delta.sellable = 0;
  settle(s, hold, c.qty);
  const { reserved, firm, backordered } = s.delta;
  Object.assign(s.delta, { sellable: sold, reserved: 0, firm: 0, backordered: 0 });
  s.book(key, c, "command", c.atMs, c.hold);
  Object.assign(s.delta, { reserved, firm, backordered });
  s.book(hold.key, c, "holdSettled", c.atMs, c.hold);
  endIfEmpty(s, hold);
}

function endIfEmpty(s: Shard, hold: Hold): void {
  if (hold.qty > 0 || hold.backordered > 0) return;
  endHold(s, hold, "fulfilled");
  tellHold(s, hold, "fulfilled", 0);
}

/** `return`: into the bucket. */
export function goodsBack(s: Shard, c: Command, key: KeyState): number {
  return physical(s, c, key, c.qty);
}

/** `adjust`: a correction of a bucket. */
export function adjust(s: Shard, c: Command, key: KeyState): number {
  return physical(s, c, key, c.qty);
}

function physical(s: Shard, c: Command, key: KeyState, by: number): number {
  const fault = physicalFault(s, key, c.bucket, by);
  if (fault !== APPLIED) return fault;
  putPhysical(s, c.bucket, by);
  s.book(key, c, "command", c.atMs, null);
  settleAnchor(s, key, c, c.bucket, by, c.atMs);
  s.voidable(c, by, 0);
  return APPLIED;
}

/** `receipt`: into the bucket, and received on the order line it names. */
export function receipt(s: Shard, c: Command, key: KeyState): number {
  const { order } = c.raw;
  const line = c.raw.line ?? DEFAULT_LINE;
  const fault = physicalFault(s, key, c.bucket, c.qty);
  if (fault !== APPLIED) return fault;
  if (order !== undefined && receiveFault(key, order, line, c.qty)) return OUT_OF_RANGE;
  putPhysical(s, c.bucket, c.qty);
  if (order !== undefined) receive(s, key, order, line, c.qty);
  s.book(key, c, "command", c.atMs, null);
  key.flags |= SUPPLIED;
  if (order !== undefined) refreshLate(s, key);
  settleAnchor(s, key, c, c.bucket, c.qty, c.atMs);
  s.voidable(c, c.qty, 0);
  if (order !== undefined) {
    s.record.order = order;
    s.record.line = line;
  }
  return APPLIED;
}

/** `move`: between buckets; between two unavailable ones it takes two rows. */
export function move(s: Shard, c: Command, key: KeyState): number {
  const from = bucketNamed(c.raw.from as string);
  const to = bucketNamed(c.raw.to as string);
  const fault = moveFault(s, key, from, to, c.qty);
  if (fault !== APPLIED) return fault;
  shift(s, c, key, from, to, c.qty, c.atMs);
  s.voidable(c, c.qty, 0);
  s.record.bucket = from ?? SELLABLE;
  s.record.toBucket = to ?? SELLABLE;
  return APPLIED;
}

export function bucketNamed(name: string): string | null {
  return name === SELLABLE ? null : name;
}

export function moveFault(
  s: Shard,
  key: KeyState,
  from: string | null,
  to: string | null,
  qty: number,
): number {
  if (from === to) return s.isFull(key) ? physicalFault(s, key, null, 0) : APPLIED;
  const out = physicalFault(s, key, from, -qty);
  if (out !== APPLIED) return out;
  if (!inRange(unitsIn(key, to) + qty)) return OUT_OF_RANGE;
  return physicalFault(s, key, to, qty);
}

/** Books a move and settles both its sides. */
export function shift(
  s: Shard,
  c: Command,
  key: KeyState,
  from: string | null,
  to: string | null,
  qty: number,
  atMs: number,
): void {
  if (from !== to) {
    putPhysical(s, from, -qty);
    if (from !== null && to !== null) s.book(key, c, "command", atMs, null);
    putPhysical(s, to, qty);
  }
  s.book(key, c, "command", atMs, null);
  if (from === to) return;
  settleAnchor(s, key, c, from, -qty, atMs);
  settleAnchor(s, key, c, to, qty, atMs);
}
