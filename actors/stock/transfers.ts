// Pure.
// Goods between two locations: one record per transfer and SKU. S10: shipped = arrived + in transit + told lost.
//
//     open -> closed (final, or back at its source)      An arrival may be logged before its ship.
//
// What is in transit stands at the target: max(0, shipped - arrived) while open, 0 when closed. Closing tells
// the loss, shipped - arrived (negative: more arrived than was shipped); what comes later corrects it.

import { physicalFault, putPhysical, settleAnchor } from "./anchors.ts";
import { inRange } from "./buckets.ts";
import type { Command } from "./command.ts";
import { alert } from "./effects.ts";
import { TRANSFERS_PER_SKU_MAX } from "./limits.ts";
import { inTransitOf, refreshLate, setClosed } from "./order_lines.ts";
import { quickTime } from "./quick_time.ts";
import { APPLIED, LIMIT_EXCEEDED, OUT_OF_RANGE } from "./reasons.ts";
import type { Shard } from "./shard.ts";
import { type KeyState, type SkuState, SUPPLIED, Transfer } from "./state.ts";

/** `ship`: leaves here, is in transit to the target. */
export function ship(s: Shard, c: Command, key: KeyState): number {
  const known = findTransfer(key.sku, c.raw.transfer as string);
  const to = s.sibling(key, c.raw.to as string);
  const target = known?.named === true ? known.key : to;
  const fault = transferFault(s, key, target, known, -c.qty, c.qty, 0);
  if (fault !== APPLIED) return fault;
  if (s.isFull(to)) return LIMIT_EXCEEDED;
  putPhysical(s, null, -c.qty);
  s.book(key, c, "command", c.atMs, null);
  const transfer = known ?? addTransfer(s, c, key.location, target);
  const before = leaveTarget(transfer);
  s.keep(to);
  if (!transfer.named) {
    transfer.key = to;
    transfer.source = key.location;
    transfer.named = true;
  }
  transfer.shipped += c.qty;
  if (c.raw.eta !== undefined) transfer.etaMs = quickTime(c.raw.eta as string) as number;
  settleTransfer(s, c, transfer, before);
  settleAnchor(s, key, c, null, -c.qty, c.atMs);
  return APPLIED;
}

/** `arrive`: comes in here; back at its source it cancels the transfer. */
export function arrive(s: Shard, c: Command, key: KeyState): number {
  const known = findTransfer(key.sku, c.raw.transfer as string);
  const target = known?.key ?? key;
  const fault = transferFault(s, key, target, known, c.qty, 0, c.qty);
  if (fault !== APPLIED) return fault;
  putPhysical(s, null, c.qty);
  s.book(key, c, "command", c.atMs, null);
  key.flags |= SUPPLIED;
  const transfer = known ?? addTransfer(s, c, c.raw.from as string, key);
  const before = leaveTarget(transfer);
  transfer.arrived += c.qty;
  if (transfer.named && key.location === transfer.source) transfer.cancelled = true;
  settleTransfer(s, c, transfer, before);
  settleAnchor(s, key, c, null, c.qty, c.atMs);
  return APPLIED;
}

function findTransfer(sku: SkuState, id: string): Transfer | undefined {
  return sku.rare?.transfers?.get(id);
}

function addTransfer(s: Shard, c: Command, source: string, target: KeyState): Transfer {
  const rare = s.skuRare(target.sku);
  rare.transfers ??= new Map();
  const transfer = new Transfer(c.raw.transfer as string, source, target);
  rare.transfers.set(transfer.id, transfer);
  return transfer;
}

/** @param target where its units in transit stand afterwards */
function transferFault(
  s: Shard,
  key: KeyState,
  target: KeyState,
  known: Transfer | undefined,
  by: number,
  shipped: number,
  arrived: number,
): number {
  const fault = physicalFault(s, key, null, by);
  if (fault === OUT_OF_RANGE) return fault;
  const shippedNow = (known?.shipped ?? 0) + shipped;
  const arrivedNow = (known?.arrived ?? 0) + arrived;
  if (!inRange(shippedNow) || !inRange(arrivedNow)) return OUT_OF_RANGE;
  const open = known?.closed === true ? 0 : Math.max(0, shippedNow - arrivedNow);
  const before = known?.key === target ? inTransitOf(known) : 0;
  if (!inRange(target.inTransit - before + open)) return OUT_OF_RANGE;
  if (known === undefined && (key.sku.rare?.transfers?.size ?? 0) >= TRANSFERS_PER_SKU_MAX) {
    return LIMIT_EXCEEDED;
  }
  return fault;
}

/** What stood in transit, and where, before the record changes. */
function leaveTarget(transfer: Transfer): { key: KeyState; units: number } {
  return { key: transfer.key, units: inTransitOf(transfer) };
}

/** Books what the change of the record means for its target, and tells a loss. */
function settleTransfer(
  s: Shard,
  c: Command,
  transfer: Transfer,
  before: { key: KeyState; units: number },
): void {
  const wasClosed = transfer.closed;
  const open = Math.max(0, transfer.shipped - transfer.arrived);
  moveInTransit(s, c, transfer, before, wasClosed ? 0 : open);
  const back = transfer.cancelled && open === 0;
  if (wasClosed || c.raw.final === true || back) close(s, c, transfer, wasClosed ? 0 : open);
  s.dirtyTransfers.add(transfer);
  setClosed(s, transfer, inTransitOf(transfer) === 0);
  if (before.key !== transfer.key) dropInbound(s, before.key, transfer);
  keepInbound(s, transfer);
  refreshLate(s, transfer.key);
}

function moveInTransit(
  s: Shard,
  c: Command,
  transfer: Transfer,
  before: { key: KeyState; units: number },
  units: number,
): void {
  if (before.key !== transfer.key && before.units !== 0) {
    s.delta.inTransit = -before.units;
    s.book(before.key, c, "transfer", c.atMs, null);
  }
  const by = units - (before.key === transfer.key ? before.units : 0);
  if (by === 0) return;
  s.delta.inTransit = by;
  s.book(transfer.key, c, "transfer", c.atMs, null);
}

/** Closes, or corrects what was told when it closed. `open` units are still in transit. */
function close(s: Shard, c: Command, transfer: Transfer, open: number): void {
  if (open !== 0) {
    s.delta.inTransit = -open;
    s.book(transfer.key, c, "transferLoss", c.atMs, null);
  }
  transfer.closed = true;
  // Until the ship is logged nothing can be said of a loss.
  const lost = transfer.shipped === 0 ? 0 : transfer.shipped - transfer.arrived;
  if (lost === transfer.lost) return;
  transfer.lost = lost;
  if (c.backfill) return;
  const { key } = transfer;
  const place = { sku: key.sku.sku, location: key.location };
  alert(s, place, "transfer_loss", lossText(transfer), {
    transfer: transfer.id,
    source: transfer.source,
    shipped: transfer.shipped,
    arrived: transfer.arrived,
    lost,
  });
}

function lossText({ id, source, lost }: Transfer): string {
  if (lost < 0) return `Transfer ${id} from ${source}: ${-lost} more arrived than were shipped`;
  return `Transfer ${id} from ${source}: ${lost} did not arrive`;
}

/** Keeps the list of the transfers that are in transit to their target. */
function keepInbound(s: Shard, transfer: Transfer): void {
  if (inTransitOf(transfer) === 0) {
    dropInbound(s, transfer.key, transfer);
    s.due.remove(transfer);
    return;
  }
  const { inbound } = s.rare(transfer.key);
  if (!inbound.includes(transfer)) inbound.push(transfer);
}

function dropInbound(s: Shard, key: KeyState, transfer: Transfer): void {
  const inbound = key.rare?.inbound ?? [];
  const at = inbound.indexOf(transfer);
  if (at < 0) return;
  inbound.splice(at, 1);
  if (key !== transfer.key) refreshLate(s, key);
}
