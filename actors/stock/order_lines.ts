// Pure.
// Order lines and what is inbound. S15: onOrder of a key is the sum of what its open lines still owe.
//
//     expected (a receipt came first) -> placed | confirmed | delayed | shipped -> received | closed | cancelled
//
// `order` tells the whole truth about a line; a lower rev than the one known is ignored; any status may follow
// any other with a higher rev. Closed lines are remembered for 90 days.

import { inRange } from "./buckets.ts";
import type { Command } from "./command.ts";
import { CLOSED_MS, DAY_MS, ORDER_LINES_PER_KEY_MAX, STALE_MAX } from "./limits.ts";
import { quickTime } from "./quick_time.ts";
import { APPLIED, LIMIT_EXCEEDED, OUT_OF_RANGE } from "./reasons.ts";
import type { Shard } from "./shard.ts";
import {
  type KeyState,
  lineKey,
  NEVER_MS,
  OrderLine,
  Quiet,
  type Rare,
  type Transfer,
} from "./state.ts";

/** Line of a receipt that names an order only. */
export const DEFAULT_LINE = "1";
/** Statuses of a line that may still come. */
export const OPEN_STATUSES = ["placed", "confirmed", "delayed", "shipped"];
const OPEN = new Set(OPEN_STATUSES);
/** Beyond this a grace is for ever; keeps times exact. */
const GRACE_DAYS_MAX = 36_500;

/** Units an order line still owes. */
export function outstanding(line: OrderLine): number {
  return OPEN.has(line.status) ? Math.max(0, line.ordered - line.received) : 0;
}

export function inTransitOf(transfer: Transfer): number {
  return transfer.closed ? 0 : Math.max(0, transfer.shipped - transfer.arrived);
}

/** `order`: the whole truth about one line; applies whether or not the need is known. */
export function order(s: Shard, c: Command, key: KeyState): number {
  const { raw } = c;
  const name = lineKey(raw.order as string, raw.line as string);
  const known = key.rare?.lines?.get(name);
  const isOpen = OPEN.has(raw.status as string);
  const owed = isOpen ? Math.max(0, c.qty - (known?.received ?? 0)) : 0;
  const by = owed - (known === undefined ? 0 : outstanding(known));
  const ignored = known !== undefined && (raw.rev as number) < known.rev;
  if (!ignored && !inRange(key.onOrder + by)) return OUT_OF_RANGE;
  const isNew = known === undefined;
  if (isNew && (key.rare?.lines?.size ?? 0) >= ORDER_LINES_PER_KEY_MAX) return LIMIT_EXCEEDED;
  if (s.isFull(key)) return LIMIT_EXCEEDED;
  closeNeed(s, key, raw.need);
  if (ignored) {
    s.detail = `rev ${raw.rev} is lower than ${known.rev}: ignored`;
    s.book(key, c, "command", c.atMs, null);
    return APPLIED;
  }
  const line = known ?? addLine(s, key, raw.order as string, raw.line as string);
  line.need = raw.need ?? null;
  line.rev = raw.rev as number;
  line.ordered = c.qty;
  line.status = raw.status as string;
  line.etaMs = timeOf(raw.eta);
  const quietMs = timeOf(raw.quietUntil);
  line.quietMs = quietMs === null ? null : Math.min(quietMs, s.now + CLOSED_MS);
  s.dirtyLines.add(line);
  s.delta.onOrder = by;
  s.book(key, c, "command", c.atMs, null);
  setClosed(s, line, !isOpen);
  refreshQuiet(s, key);
  refreshLate(s, key);
  return APPLIED;
}

/** The first `order` naming the open need closes it; only then may a further need come. S14 */
function closeNeed(s: Shard, key: KeyState, need: string | undefined): void {
  const { rare } = key;
  if (need === undefined || rare === null || rare.need?.need !== need) return;
  rare.need = null;
  s.touch(key);
}

function timeOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : (quickTime(text) as number);
}

function addLine(s: Shard, key: KeyState, orderId: string, lineId: string): OrderLine {
  const line = new OrderLine(orderId, lineId, key);
  const rare = s.rare(key);
  rare.lines ??= new Map();
  rare.lines.set(line.id, line);
  return line;
}

/**
 * Counts `by` units as received on a line, into `s.delta`; a line not known yet is expected. Call `receivedOn`
 * once the row is booked.
 */
export function receive(
  s: Shard,
  key: KeyState,
  orderId: string,
  lineId: string,
  by: number,
): void {
  const known = key.rare?.lines?.get(lineKey(orderId, lineId));
  if (known === undefined) {
    // Too many lines: the receipt is a fact all the same, its line is not remembered.
    if ((key.rare?.lines?.size ?? 0) >= ORDER_LINES_PER_KEY_MAX || by < 0) return;
    const line = addLine(s, key, orderId, lineId);
    line.received = by;
    s.dirtyLines.add(line);
    setClosed(s, line, true);
    return;
  }
  const before = outstanding(known);
  known.received = Math.max(0, known.received + by);
  s.delta.onOrder += outstanding(known) - before;
  s.dirtyLines.add(known);
}

/** Whether what is received on a line, or owed by it, would pass the limit. */
export function receiveFault(key: KeyState, orderId: string, lineId: string, by: number): boolean {
  const known = key.rare?.lines?.get(lineKey(orderId, lineId));
  if (known === undefined) return false;
  if (!inRange(known.received + by)) return true;
  const owed = OPEN.has(known.status) ? Math.max(0, known.ordered - known.received - by) : 0;
  return !inRange(key.onOrder + owed - outstanding(known));
}

/** Remembers that a line or transfer is closed, or open again. */
export function setClosed(s: Shard, item: OrderLine | Transfer, closed: boolean): void {
  if (!closed) {
    if (item.closing !== 0) s.closed.live -= 1;
    item.closedMs = NEVER_MS;
    item.closing = 0;
    return;
  }
  if (item.closing !== 0) return;
  item.closedMs = s.now;
  item.closing = s.nextClosed++;
  s.closed.push({ item, closing: item.closing });
  s.closed.live += 1;
  if (s.closed.size > 2 * s.closed.live + STALE_MAX) s.closed.keep(isClosed);
}

/** What was opened again, or closed again since, stands there still. */
const isClosed = ({ item, closing }: { item: OrderLine | Transfer; closing: number }): boolean =>
  item.closing === closing;

/** Forgets what closed long ago. */
export function pruneClosed(s: Shard): void {
  for (let first = s.closed.peek(); first !== undefined; first = s.closed.peek()) {
    const { item, closing } = first;
    const stale = item.closing !== closing;
    if (!stale && item.closedMs + CLOSED_MS > s.now) return;
    s.closed.shift();
    if (stale) continue;
    s.closed.live -= 1;
    if (item.kind === "order") forgetLine(s, item);
    else forgetTransfer(s, item);
  }
}

function forgetLine(s: Shard, line: OrderLine): void {
  line.key.rare?.lines?.delete(line.id);
  s.due.remove(line);
  s.dirtyLines.delete(line);
  s.deletes.lines.push(line);
}

function forgetTransfer(s: Shard, transfer: Transfer): void {
  transfer.key.sku.rare?.transfers?.delete(transfer.id);
  s.due.remove(transfer);
  s.dirtyTransfers.delete(transfer);
  s.deletes.transfers.push(transfer);
}

// ---------------------------------------------------------------- late and quiet

/** Sets what of the inbound is late by now, and when the rest will be. */
export function refreshLate(s: Shard, key: KeyState): void {
  const { rare } = key;
  if (rare === null) return;
  const late = lateNow(s, rare);
  if (late === rare.late) return;
  rare.late = late;
  s.touch(key);
}

/** Units of the inbound that are late by now; puts the rest where it will be due. */
export function lateNow(s: Shard, rare: Rare): number {
  const graceDays = Math.min(rare.plan?.lateGraceDays ?? 0, GRACE_DAYS_MAX);
  let late = 0;
  if (rare.lines !== null) {
    for (const line of rare.lines.values())
      late += lateUnits(s, line, outstanding(line), graceDays);
  }
  for (const transfer of rare.inbound) {
    late += lateUnits(s, transfer, inTransitOf(transfer), graceDays);
  }
  return late;
}

function lateUnits(s: Shard, item: OrderLine | Transfer, units: number, graceDays: number): number {
  const lateMs = item.etaMs === null || units === 0 ? NEVER_MS : item.etaMs + graceDays * DAY_MS;
  const isLate = lateMs <= s.now;
  item.dueMs = lateMs;
  if (isLate || lateMs === NEVER_MS) s.due.remove(item);
  else s.due.put(item);
  return isLate ? units : 0;
}

/** Sets the quiet time of a key: the latest any of its lines asks for. */
function refreshQuiet(s: Shard, key: KeyState): void {
  const rare = s.rare(key);
  let untilMs = 0;
  for (const line of rare.lines?.values() ?? []) untilMs = Math.max(untilMs, line.quietMs ?? 0);
  if (untilMs <= s.now) {
    if (rare.quiet !== null) s.due.remove(rare.quiet);
    rare.quiet = null;
    return;
  }
  rare.quiet ??= new Quiet(key, untilMs);
  rare.quiet.dueMs = untilMs;
  s.due.put(rare.quiet);
}
