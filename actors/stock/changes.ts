// Pure.
// What changed since the last checkpoint, as rows, and the little of the shard that is no table. A hot key costs
// one upsert; logs (recent identities, movements) cost what was added. S12

import { formatVersion } from "../../shared/version.ts";
import type { TableChange, TableRow } from "../runtime/machine.ts";
import { findHold } from "./hold_book.ts";
import type { Generation } from "./identity_filter.ts";
import { inventoryPosition } from "./level.ts";
import { lostKey } from "./lost.ts";
import type { MovementsSnapshot } from "./movements.ts";
import type { Shard } from "./shard.ts";
import {
  DIRTY,
  type Group,
  type Hold,
  type KeyState,
  type Lost,
  NEVER_MS,
  NO_ANCHOR,
  type OrderLine,
  type Rare,
  SUPPLIED,
  type Transfer,
} from "./state.ts";

/** What the shard's row keeps. */
export type Snapshot = {
  nextHold: number;
  nextFinished: number;
  nextLost: number;
  nextClosed: number;
  bucketNames: string[];
  clockAlerts: [string, number][];
  movements: MovementsSnapshot;
  /** Numbers of recent identities: oldest in memory, next, and up to which older ones are in filter rows. */
  recent: { first: number; next: number; filtered: number };
  nextGeneration: number;
};

export function takeSnapshot(s: Shard): Snapshot {
  return {
    nextHold: s.nextHold,
    nextFinished: s.nextFinished,
    nextLost: s.nextLost,
    nextClosed: s.nextClosed,
    bucketNames: [...s.bucketNames],
    clockAlerts: [...s.clockAlerts],
    movements: s.movements.snapshot(),
    recent: { ...s.recent.numbers, filtered: s.filteredTo },
    nextGeneration: s.filter.nextNumber,
  };
}

export function takeChanges(s: Shard): TableChange[] {
  const changes: TableChange[] = [];
  const add = (table: string, upserts: TableRow[], deletes: TableRow[]) => {
    if (upserts.length > 0 || deletes.length > 0) changes.push({ table, upserts, deletes });
  };
  add("stock_level", takeLevels(s), []);
  const { deletes } = s;
  s.deletes = { holds: [], transfers: [], lines: [], lost: [] };
  add("hold", takeHolds(s), deletes.holds.filter((hold) => !isKeptHold(s, hold)).map(holdKey));
  add(
    "transfer",
    take(s.dirtyTransfers, (transfer) => transferRow(s, transfer)),
    deletes.transfers.filter((t) => !t.key.sku.rare?.transfers?.has(t.id)).map(transferKey),
  );
  add(
    "order_line",
    take(s.dirtyLines, (line) => lineRow(s, line)),
    deletes.lines.filter((line) => !line.key.rare?.lines?.has(line.id)).map(orderKey),
  );
  add(
    "lost_demand",
    take(s.dirtyLost, (lost) => lostRow(s, lost)),
    deletes.lost
      .filter((lost) => !lost.sku.rare?.lost?.has(lostKey(lost.shopper, lost.day)))
      .map(lostRowKey),
  );
  takeMovements(s, add);
  takeIdentities(s, add);
  return changes;
}

type Add = (table: string, upserts: TableRow[], deletes: TableRow[]) => void;

function take<T>(dirty: Set<T>, toRow: (item: T) => TableRow): TableRow[] {
  const rows: TableRow[] = [];
  for (const item of dirty) rows.push(toRow(item));
  dirty.clear();
  return rows;
}

// ---------------------------------------------------------------- levels

function takeLevels(s: Shard): TableRow[] {
  const keys = s.dirtyKeys;
  s.dirtyKeys = [];
  return keys.map((key) => {
    key.flags &= ~DIRTY;
    return levelRow(s, key);
  });
}

function levelRow(s: Shard, key: KeyState): TableRow {
  const { rare } = key;
  return {
    sku: key.sku.sku,
    location: key.location,
    epoch: key.epoch,
    shard: s.shard,
    on_hand: key.sellable + key.unavailable,
    sellable: key.sellable,
    unavailable: key.unavailable,
    unavailable_by_bucket: rare === null || rare.buckets.length === 0 ? null : bucketsOf(rare),
    reserved: key.reserved,
    firm: key.firm,
    available: key.sellable - key.reserved,
    backordered: key.backordered,
    in_transit: key.inTransit,
    on_order: key.onOrder,
    inventory_position: inventoryPosition(key),
    supplied: (key.flags & SUPPLIED) !== 0,
    movement: key.movement,
    version: formatVersion(key.epoch, key.seq, key.index),
    updated_at: key.updatedMs,
    state: rare === null ? null : JSON.stringify(rareState(rare)),
  };
}

function bucketsOf(rare: Rare): string {
  const buckets = rare.buckets.map(({ name, qty }) => [name, qty] as const);
  return JSON.stringify(Object.fromEntries(buckets));
}

/** What is kept of the rare part; what follows from other rows is not. */
export function rareState(rare: Rare): Record<string, unknown> {
  return {
    ...(rare.anchorMs === NO_ANCHOR ? {} : { anchorMs: rare.anchorMs }),
    ...(rare.buckets.length === 0
      ? {}
      : {
          buckets: rare.buckets.map(({ name, qty, anchorMs }) =>
            anchorMs === NO_ANCHOR ? [name, qty] : [name, qty, anchorMs],
          ),
        }),
    ...(rare.plan === null ? {} : { plan: rare.plan }),
    ...(rare.channels === null ? {} : { channels: Object.fromEntries(rare.channels) }),
    ...(rare.backorderLimit === null ? {} : { backorderLimit: rare.backorderLimit }),
    ...(rare.policyVersion === 0 ? {} : { policyVersion: rare.policyVersion }),
    ...(rare.need === null ? {} : { need: rare.need }),
    ...(rare.quiet === null ? {} : { quietMs: rare.quiet.dueMs }),
    ...(rare.oversoldAlerted === 0 ? {} : { oversoldAlerted: rare.oversoldAlerted }),
  };
}

// ---------------------------------------------------------------- holds, transfers, order lines, lost demand

function takeHolds(s: Shard): TableRow[] {
  const holds = s.dirtyHolds;
  s.dirtyHolds = [];
  const rows: TableRow[] = [];
  for (const hold of holds) {
    hold.dirty = false;
    if (hold.finished !== -1) rows.push(holdRow(s, hold));
  }
  return rows;
}

function isKeptHold(s: Shard, hold: Hold): boolean {
  return findHold(s, hold.key.sku, hold.key.location, hold.id) !== null;
}

function holdKey({ id, key }: Hold): TableRow {
  return { sku: key.sku.sku, location: key.location, hold: id };
}

function holdRow(s: Shard, hold: Hold): TableRow {
  const { key } = hold;
  return {
    sku: key.sku.sku,
    location: key.location,
    hold: hold.id,
    shard: s.shard,
    number: hold.number,
    qty: hold.qty,
    backordered: hold.backordered,
    status: hold.status,
    firm: hold.firm,
    expires_at: hold.dueMs === NEVER_MS ? null : hold.dueMs,
    channel: hold.channel,
    shopper: hold.shopper,
    finished: hold.finished,
    finished_at: hold.finished === 0 ? null : hold.finishedMs,
    hold_group: hold.group?.number ?? null,
    state: hold.group === null ? null : JSON.stringify(groupState(hold.group)),
  };
}

export function groupState(group: Group): Record<string, unknown> {
  const { home, placedBy, placedMs, elsewhere, sealed, outcome, ttlMs, backorder, over } = group;
  return {
    ...{ home, placedBy, placedMs, elsewhere, sealed, outcome, ttlMs },
    ...(backorder ? { backorder } : {}),
    ...(over ? { over } : {}),
  };
}

function transferKey({ id, key }: Transfer): TableRow {
  return { sku: key.sku.sku, transfer: id };
}

function transferRow(s: Shard, transfer: Transfer): TableRow {
  return {
    ...transferKey(transfer),
    source: transfer.source,
    target: transfer.key.location,
    shard: s.shard,
    shipped: transfer.shipped,
    arrived: transfer.arrived,
    lost: transfer.lost,
    named: transfer.named,
    cancelled: transfer.cancelled,
    closed: transfer.closed,
    eta: transfer.etaMs,
    closing: transfer.closing,
    closed_at: transfer.closing === 0 ? null : transfer.closedMs,
  };
}

function orderKey({ order, line, key }: OrderLine): TableRow {
  return { sku: key.sku.sku, location: key.location, order_id: order, line };
}

function lineRow(s: Shard, line: OrderLine): TableRow {
  return {
    ...orderKey(line),
    shard: s.shard,
    need: line.need,
    rev: line.rev,
    ordered: line.ordered,
    received: line.received,
    status: line.status,
    eta: line.etaMs,
    quiet_until: line.quietMs,
    closing: line.closing,
    closed_at: line.closing === 0 ? null : line.closedMs,
  };
}

function lostRowKey({ sku, day, shopper }: Lost): TableRow {
  return { sku: sku.sku, day, shopper };
}

function lostRow(s: Shard, lost: Lost): TableRow {
  return {
    ...lostRowKey(lost),
    location: lost.location,
    shard: s.shard,
    number: lost.number,
    at: lost.atMs,
    made_at: lost.madeMs,
    asked: lost.asked,
    got: lost.got,
    lost: lost.lost,
  };
}

// ---------------------------------------------------------------- logs

function sliceKey(s: Shard, first: number): TableRow {
  return { epoch: s.epoch, shard: s.shard, first };
}

function takeMovements(s: Shard, add: Add): void {
  const { slice, dropped } = s.movements.takeChanges();
  const rows =
    slice === null ? [] : [{ ...sliceKey(s, slice.first), count: slice.count, slice: slice.bytes }];
  add(
    "movement",
    rows,
    dropped.map((first) => sliceKey(s, first)),
  );
}

/** Part of a generation that must be new before it is written again. */
const REWRITE_PART = 8;

/**
 * New recent identities go out as a slice. Those that memory let go stay in their slices until the filter that
 * took them is written, which is seldom, because it is written whole.
 */
function takeIdentities(s: Shard, add: Add): void {
  const slice = s.recent.takeSlice();
  const { first: evictedTo } = s.recent.numbers;
  const open = s.filter.generations.at(-1);
  const isDue = open !== undefined && open.changed * REWRITE_PART >= open.slots.length;
  const unsaved = evictedTo > s.savedTo;
  const written = isDue || unsaved ? s.filter.generations.filter((g) => g.changed > 0) : [];
  add(
    "identity_filter",
    written.map((generation) => generationRow(s, generation)),
    s.filter.takeDropped().map((generation) => ({ epoch: s.epoch, shard: s.shard, generation })),
  );
  if (isDue || unsaved) s.filteredTo = evictedTo;
  const rows: TableRow[] = [];
  if (slice !== null) {
    rows.push({ ...sliceKey(s, slice.first), count: slice.count, slice: slice.bytes });
    s.recentSlices.push(slice.first);
  }
  s.savedTo = s.recent.numbers.next;
  const gone: TableRow[] = [];
  while (s.recentSlices.length > 1 && (s.recentSlices[1] as number) <= s.filteredTo) {
    gone.push(sliceKey(s, s.recentSlices.shift() as number));
  }
  add("recent_identity", rows, gone);
}

function generationRow(s: Shard, generation: Generation): TableRow {
  generation.changed = 0;
  const { buffer } = generation.slots.slice();
  return {
    epoch: s.epoch,
    shard: s.shard,
    generation: generation.number,
    bits: generation.bits,
    count: generation.count,
    newest_at: generation.newestMs,
    left_print: generation.leftPrint,
    left_bucket: generation.leftBucket,
    filter: new Uint8Array(buffer),
  };
}
