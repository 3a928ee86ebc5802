// Pure.
// A shard from the rows of a checkpoint, in any order: what order means anything comes from numbers in the rows
// (M12). Whatever follows from other rows is made again.

import { assert, broken } from "../../shared/assert.ts";
import { parseVersion } from "../../shared/version.ts";
import type { CheckpointHead, MachineOptions, TableRow } from "../runtime/machine.ts";
import { bucketFor } from "./buckets.ts";
import type { Snapshot } from "./changes.ts";
import { linkYoungest } from "./hold_book.ts";
import { Generation } from "./identity_filter.ts";
import { lostKey } from "./lost.ts";
import { inTransitOf, lateNow } from "./order_lines.ts";
import { rulesOf } from "./policies.ts";
import { Shard } from "./shard.ts";
import {
  type ChannelRule,
  DIRTY,
  Group,
  Hold,
  type HoldStatus,
  type KeyState,
  Lost,
  NEVER_MS,
  type Need,
  NO_ANCHOR,
  OrderLine,
  type Plan,
  Quiet,
  type Rare,
  SUPPLIED,
  Transfer,
} from "./state.ts";
import {
  FILTER_TABLE,
  HOLD_TABLE,
  LOST_TABLE,
  MOVEMENT_TABLE,
  ORDER_LINE_TABLE,
  RECENT_TABLE,
  STOCK_LEVEL,
  TRANSFER_TABLE,
} from "./tables.ts";

/** A shard in the making: rows of the tables in the order of TABLES, those of each table in any order. */
export class ShardRestore {
  private readonly s: Shard;
  private readonly head: CheckpointHead;
  private readonly groups = new Map<number, Group>();
  // What has an order is kept until all of it is there.
  private readonly holds: Hold[] = [];
  private readonly lost: Lost[] = [];
  private readonly closed: (OrderLine | Transfer)[] = [];
  private readonly generations: Generation[] = [];
  /** Of keys that something is or was on its way to: how much of it is late follows from all of it. */
  private readonly inbound = new Set<Rare>();
  private readonly recent: Slice[] = [];
  private readonly movements: Slice[] = [];

  constructor(options: MachineOptions, head: CheckpointHead) {
    this.s = new Shard(options);
    this.head = head;
    this.s.seq = head.position.seq;
    this.s.now = head.position.nowMs;
  }

  add(table: string, row: Readonly<TableRow>): void {
    const { s } = this;
    if (table === STOCK_LEVEL.name) restoreKey(s, row);
    else if (table === HOLD_TABLE.name) this.holds.push(restoreHold(s, row, this.groups));
    else if (table === TRANSFER_TABLE.name) this.addInbound(restoreTransfer(s, row));
    else if (table === ORDER_LINE_TABLE.name) this.addInbound(restoreLine(s, row));
    else if (table === LOST_TABLE.name) this.lost.push(restoreLost(s, row));
    else if (table === FILTER_TABLE.name) this.generations.push(restoreGeneration(row));
    else if (table === RECENT_TABLE.name) this.recent.push(sliceOf(row));
    else if (table === MOVEMENT_TABLE.name) this.movements.push(sliceOf(row));
    else broken(`Cannot restore: unknown table ${table}`);
  }

  private addInbound(item: OrderLine | Transfer): void {
    if (item.key.rare !== null) this.inbound.add(item.key.rare);
    if (item.closing !== 0) this.closed.push(item);
  }

  /** When all rows were added; once. */
  shard(): Shard {
    const { s } = this;
    const snapshot = this.head.snapshot as Snapshot;
    linkHolds(s, this.holds);
    linkLost(s, this.lost);
    this.closed.sort((a, b) => a.closing - b.closing);
    for (const item of this.closed) s.closed.push({ item, closing: item.closing });
    s.closed.live = this.closed.length;
    for (const rare of this.inbound) rare.late = lateNow(s, rare);
    restoreCounters(s, snapshot);
    restoreFilter(s, this.generations, snapshot);
    restoreRecent(s, this.recent, snapshot);
    s.movements.restore(this.movements, snapshot.movements);
    return s;
  }
}

type Slice = { first: number; bytes: Uint8Array };

function sliceOf(row: TableRow): Slice {
  return { first: int(row, "first"), bytes: row.slice as Uint8Array };
}

function int(row: TableRow, column: string): number {
  return row[column] as number;
}

function text(row: TableRow, column: string): string {
  return row[column] as string;
}

function json<T>(row: TableRow, column: string): T | null {
  const value = row[column];
  return value === null || value === undefined ? null : (JSON.parse(value as string) as T);
}

// ---------------------------------------------------------------- keys

type RareState = {
  anchorMs?: number;
  buckets?: [string, number, number?][];
  plan?: Plan;
  channels?: Record<string, ChannelRule>;
  backorderLimit?: number;
  policyVersion?: number;
  need?: Need;
  quietMs?: number;
  oversoldAlerted?: number;
};

/** Of the columns restored, for rows by the million: each read by its own name, not by a function that takes any. */
type LevelRow = {
  sku: string;
  location: string;
  sellable: number;
  unavailable: number;
  reserved: number;
  firm: number;
  backordered: number;
  in_transit: number;
  on_order: number;
  movement: number;
  updated_at: number;
  version: string;
  supplied: boolean;
};

function restoreKey(s: Shard, row: TableRow): void {
  const level = row as LevelRow;
  const key = s.key(level.sku, level.location);
  s.attach(key);
  s.begin();
  key.sellable = level.sellable;
  key.unavailable = level.unavailable;
  key.reserved = level.reserved;
  key.firm = level.firm;
  key.backordered = level.backordered;
  key.inTransit = level.in_transit;
  key.onOrder = level.on_order;
  key.movement = level.movement;
  key.updatedMs = level.updated_at;
  const version = parseVersion(level.version);
  assert(version !== undefined, "Cannot restore key: its version is none");
  key.epoch = version.epoch;
  key.seq = version.seq;
  key.index = version.index;
  if (level.supplied) key.flags |= SUPPLIED;
  key.flags &= ~DIRTY;
  const state = json<RareState>(row, "state");
  if (state !== null) restoreRare(s, key, state);
}

function restoreRare(s: Shard, key: KeyState, state: RareState): void {
  const rare = s.rare(key);
  rare.anchorMs = state.anchorMs ?? NO_ANCHOR;
  for (const [name, qty, anchorMs] of state.buckets ?? []) {
    const bucket = bucketFor(rare, name);
    bucket.qty = qty;
    bucket.anchorMs = anchorMs ?? NO_ANCHOR;
  }
  rare.plan = state.plan ?? null;
  rare.channels = state.channels === undefined ? null : rulesOf(state.channels);
  rare.backorderLimit = state.backorderLimit ?? null;
  rare.policyVersion = state.policyVersion ?? 0;
  rare.need = state.need ?? null;
  rare.oversoldAlerted = state.oversoldAlerted ?? 0;
  if (state.quietMs !== undefined) {
    rare.quiet = new Quiet(key, state.quietMs);
    s.due.put(rare.quiet);
  }
}

function keyOf(s: Shard, row: TableRow, column = "location"): KeyState {
  const key = s.key(text(row, "sku"), text(row, column));
  assert(s.isKept(key), `Cannot restore: no level of ${text(row, "sku")} at ${text(row, column)}`);
  return key;
}

// ---------------------------------------------------------------- holds

function linkHolds(s: Shard, holds: Hold[]): void {
  holds.sort((a, b) => a.number - b.number);
  for (const hold of holds) {
    s.holds.add(hold);
    hold.group?.lines.push(hold);
    if (hold.status !== "held") continue;
    linkYoungest(hold);
    s.liveHolds += 1;
    if (hold.dueMs !== NEVER_MS) s.due.put(hold);
    if (hold.backordered > 0) s.rare(hold.key).waiting.push(hold);
  }
  const finished = holds.filter((hold) => hold.status !== "held");
  finished.sort((a, b) => a.finished - b.finished);
  for (const hold of finished) s.tombstones.push(hold);
  s.tombstones.live = finished.length;
}

function restoreHold(s: Shard, row: TableRow, groups: Map<number, Group>): Hold {
  const hold = new Hold(text(row, "hold"), keyOf(s, row), int(row, "number"));
  hold.qty = int(row, "qty");
  hold.backordered = int(row, "backordered");
  hold.status = text(row, "status") as HoldStatus;
  hold.firm = row.firm === true;
  hold.dueMs = (row.expires_at as number | null) ?? NEVER_MS;
  hold.channel = row.channel as string | null;
  hold.shopper = row.shopper as string | null;
  hold.finished = int(row, "finished");
  hold.finishedMs = (row.finished_at as number | null) ?? 0;
  if (row.hold_group !== null) hold.group = groupOf(groups, row);
  return hold;
}

function groupOf(groups: Map<number, Group>, row: TableRow): Group {
  const number = int(row, "hold_group");
  let group = groups.get(number);
  if (group === undefined) {
    group = new Group();
    group.number = number;
    Object.assign(group, json<Partial<Group>>(row, "state"));
    groups.set(number, group);
  }
  return group;
}

// ---------------------------------------------------------------- inbound

function restoreTransfer(s: Shard, row: TableRow): Transfer {
  const transfer = new Transfer(
    text(row, "transfer"),
    text(row, "source"),
    keyOf(s, row, "target"),
  );
  transfer.shipped = int(row, "shipped");
  transfer.arrived = int(row, "arrived");
  transfer.lost = int(row, "lost");
  transfer.named = row.named === true;
  transfer.cancelled = row.cancelled === true;
  transfer.closed = row.closed === true;
  transfer.etaMs = row.eta as number | null;
  transfer.closing = int(row, "closing");
  transfer.closedMs = (row.closed_at as number | null) ?? NEVER_MS;
  const rare = s.skuRare(transfer.key.sku);
  rare.transfers ??= new Map();
  rare.transfers.set(transfer.id, transfer);
  if (inTransitOf(transfer) > 0) s.rare(transfer.key).inbound.push(transfer);
  return transfer;
}

function restoreLine(s: Shard, row: TableRow): OrderLine {
  const key = keyOf(s, row);
  const line = new OrderLine(text(row, "order_id"), text(row, "line"), key);
  line.need = row.need as string | null;
  line.rev = int(row, "rev");
  line.ordered = int(row, "ordered");
  line.received = int(row, "received");
  line.status = text(row, "status");
  line.etaMs = row.eta as number | null;
  line.quietMs = row.quiet_until as number | null;
  line.closing = int(row, "closing");
  line.closedMs = (row.closed_at as number | null) ?? NEVER_MS;
  const rare = s.rare(key);
  rare.lines ??= new Map();
  rare.lines.set(line.id, line);
  return line;
}

function restoreLost(s: Shard, row: TableRow): Lost {
  const { sku } = s.key(text(row, "sku"), text(row, "location"));
  s.keepSku(sku);
  s.begin();
  const lost = new Lost(sku, text(row, "location"), text(row, "shopper"), int(row, "day"));
  lost.number = int(row, "number");
  lost.atMs = int(row, "at");
  lost.madeMs = int(row, "made_at");
  lost.asked = int(row, "asked");
  lost.got = int(row, "got");
  lost.lost = int(row, "lost");
  return lost;
}

function linkLost(s: Shard, all: Lost[]): void {
  all.sort((a, b) => a.number - b.number);
  for (const lost of all) {
    const rare = s.skuRare(lost.sku);
    rare.lost ??= new Map();
    rare.lost.set(lostKey(lost.shopper, lost.day), lost);
    s.lost.push(lost);
  }
}

// ---------------------------------------------------------------- counters and identities

function restoreCounters(s: Shard, snapshot: Snapshot): void {
  s.nextHold = snapshot.nextHold;
  s.nextFinished = snapshot.nextFinished;
  s.nextLost = snapshot.nextLost;
  s.nextClosed = snapshot.nextClosed;
  s.bucketNames.splice(0, s.bucketNames.length, ...snapshot.bucketNames);
  for (const [location, ms] of snapshot.clockAlerts) s.clockAlerts.set(location, ms);
}

function restoreGeneration(row: TableRow): Generation {
  const generation = new Generation(int(row, "generation"), int(row, "bits"));
  const bytes = row.filter as Uint8Array;
  generation.slots = new Int32Array(bytes.slice().buffer);
  assert(generation.slots.length === 2 ** generation.bits, "Cannot restore filter: wrong size");
  generation.count = int(row, "count");
  generation.newestMs = int(row, "newest_at");
  generation.leftPrint = int(row, "left_print");
  generation.leftBucket = int(row, "left_bucket");
  return generation;
}

function restoreFilter(s: Shard, generations: Generation[], snapshot: Snapshot): void {
  generations.sort((a, b) => a.number - b.number);
  s.filter.generations.push(...generations);
  const newest = generations.at(-1)?.number ?? 0;
  s.filter.nextNumber = Math.max(snapshot.nextGeneration, newest + 1);
}

/** Slices hold the identities in memory and those the written filters do not have yet. */
function restoreRecent(s: Shard, slices: Slice[], snapshot: Snapshot): void {
  const { first, next, filtered } = snapshot.recent;
  slices.sort((a, b) => a.first - b.first);
  s.recent.startAt(first, next - first);
  for (const slice of slices) {
    s.recentSlices.push(slice.first);
    s.recent.restore(slice, filtered, s);
  }
  assert(
    s.recent.numbers.next === next,
    `Cannot restore identities: ends at ${s.recent.numbers.next}, expected ${next}`,
  );
  // Told when it happened.
  s.filter.forgotten = null;
  s.recent.markSaved();
  s.savedTo = next;
  s.filteredTo = filtered;
}
