// Pure.
// The state of one shard while it folds, and the few operations every handler is made of: finding keys, booking
// a row of the ledger (the only way a quantity changes), refusing, telling. S7: a level is the sum of its rows.
//
// Handlers check first and change last: they return a reason before they book anything.

import { assert } from "../../shared/assert.ts";
import type { DecisionLine, Level } from "../../shared/decisions.ts";
import type { RowCause } from "../runtime/ledger_row.ts";
import {
  type Effect,
  emptyOutput,
  type FoundMap,
  type MachineOptions,
  type Output,
} from "../runtime/machine.ts";
import { bucketFor } from "./buckets.ts";
import type { Command } from "./command.ts";
import { DueHeap } from "./due.ts";
import { Fifo } from "./fifo.ts";
import { HoldIndex } from "./hold_index.ts";
import { IdentityFilter } from "./identity_filter.ts";
import { isPlain } from "./json_text.ts";
import { levelOf } from "./level.ts";
import { KEYS_MAX, MOVEMENTS_MAX, RECENT_IDS_MAX } from "./limits.ts";
import { Movements } from "./movements.ts";
import { RecentId } from "./recent_id.ts";
import { RecentIds } from "./recent_ids.ts";
import { rowOf } from "./row.ts";
import {
  ATTACHED,
  Delta,
  DIRTY,
  type Group,
  type Hold,
  KeyState,
  type Lost,
  type OrderLine,
  PLAIN,
  Rare,
  SkuRare,
  SkuState,
  type Transfer,
} from "./state.ts";
import { Texts } from "./texts.ts";

/** Keys in a list before a SKU gets an index of its locations. */
const LIST_MAX = 8;

/** Rows to delete from checkpoint tables, by what their key is made of. */
export type Deletes = {
  holds: Hold[];
  transfers: Transfer[];
  lines: OrderLine[];
  lost: Lost[];
};

export class Shard {
  readonly epoch: number;
  readonly shard: number;
  readonly shards: number;
  readonly identityMs: number;

  // Where the fold stands.
  seq = 0;
  now = 0;
  index = 0;
  /** Of the next row within its index; of the next effect, and of the next need or sent command, in the entry. */
  ordinal = 0;
  effects = 0;
  minted = 0;
  out: Output = NO_OUTPUT;
  found: FoundMap = NOTHING_FOUND;

  // What it remembers.
  readonly skus = new Map<string, SkuState>();
  readonly locations = new Map<string, string>();
  readonly holds = new HoldIndex();
  readonly due = new DueHeap();
  readonly movements: Movements;
  readonly recent: RecentIds;
  readonly filter = new IdentityFilter();
  readonly tombstones = new Fifo<Hold>();
  readonly lost = new Fifo<Lost>();
  /** Closed order lines and transfers, in order of closing. */
  readonly closed = new Fifo<{ item: OrderLine | Transfer; closing: number }>();
  readonly bucketNames: string[] = ["sellable"];
  readonly clockAlerts = new Map<string, number>();
  keyCount = 0;
  liveHolds = 0;
  /** Number of the next hold, of the next to finish, of the next lost record, of the next to close. */
  nextHold = 1;
  nextFinished = 1;
  nextLost = 1;
  nextClosed = 1;

  // What changed since the last checkpoint.
  dirtyKeys: KeyState[] = [];
  dirtyHolds: Hold[] = [];
  readonly dirtyTransfers = new Set<Transfer>();
  readonly dirtyLines = new Set<OrderLine>();
  readonly dirtyLost = new Set<Lost>();
  deletes: Deletes = { holds: [], transfers: [], lines: [], lost: [] };

  /** Numbers of recent identities: written in slices up to, in written filters up to; slices by first number. */
  savedTo = 0;
  filteredTo = 0;
  recentSlices: number[] = [];

  // Scratch of the command being folded.
  readonly delta = new Delta();
  /** Keys changed by it, in order of first change: the first `changedCount` of these. */
  readonly changed: KeyState[] = [];
  changedCount = 0;
  /** The key it is decided at, lines and a word for people, for its decision. */
  place: KeyState = new KeyState(new SkuState(""), "", 0);
  lines: DecisionLine[] | null = null;
  detail: string | null = null;
  /** Lines that a hold asked with a time found firm: they stay so. */
  firmLines = 0;
  /** What the recent tier will keep of it. */
  readonly record = new RecentId();
  /** Mark to remember: what a void undid. */
  voided: string | null = null;
  /** Demand a sale that settled a hold makes. */
  soldDemand = 0;
  commandRows = 0;
  /** What was read ahead; kept so that the reading is not optimised away. */
  readAheadOf = 0;
  readonly fresh: SkuState[] = [];
  /** Demand it refuses, to be booked with the refusal. */
  readonly refused: { key: KeyState; qty: number; own: number }[] = [];
  /** Lines it placed, to be told with their levels. */
  readonly placed: { hold: Hold; qty: number }[] = [];
  readonly texts = new Texts();

  constructor(options: MachineOptions) {
    this.epoch = options.epoch;
    this.shard = options.shard;
    this.shards = options.shards;
    this.identityMs = options.identityDays * 24 * 3600 * 1000;
    this.movements = new Movements(options.movementsMax ?? MOVEMENTS_MAX);
    this.recent = new RecentIds(options.recentIdsMax ?? RECENT_IDS_MAX);
  }

  /** Clears what belongs to one command. */
  begin(): void {
    this.detail = null;
    this.lines = null;
    this.voided = null;
    this.firmLines = 0;
    this.commandRows = 0;
    this.changedCount = 0;
    if (this.fresh.length > 0) this.fresh.length = 0;
    if (this.refused.length > 0) this.refused.length = 0;
    if (this.placed.length > 0) this.placed.length = 0;
  }

  /** RFC 3339 text of a time. */
  formatMs(ms: number): string {
    return this.texts.time(ms);
  }

  /** Text of the version of a key. */
  versionOf(key: KeyState): string {
    return this.texts.version(key.epoch, key.seq, key.index);
  }

  // ---------------------------------------------------------------- keys

  /** The key of a command; its SKU is found without a look-up when its name was seen before. */
  keyOf(c: Command): KeyState {
    const { name } = c;
    if (name === null) return this.key(c.sku, c.location);
    const state = name.sku?.kept === true ? name.sku : this.skus.get(c.sku);
    if (state === undefined) return this.key(c.sku, c.location);
    name.sku = state;
    return findKey(state, c.location) ?? new KeyState(state, c.location, this.now);
  }

  /** The key, or one that is not kept until something is booked on it. */
  key(sku: string, location: string): KeyState {
    const state = this.skus.get(sku) ?? this.freshSku(sku);
    return findKey(state, location) ?? new KeyState(state, location, this.now);
  }

  /** A SKU seen for the first time: the same one within a command, kept once something is booked. */
  private freshSku(sku: string): SkuState {
    let state = this.fresh.find((candidate) => candidate.sku === sku);
    if (state === undefined) {
      state = new SkuState(sku);
      this.fresh.push(state);
    }
    return state;
  }

  /** The key of the same SKU at another location, as `key` gives it. */
  sibling(key: KeyState, location: string): KeyState {
    if (key.location === location) return key;
    return findKey(key.sku, location) ?? new KeyState(key.sku, location, this.now);
  }

  /** The keys of a SKU in no order that means anything. */
  keysOf(sku: string): KeyState | null {
    return this.skus.get(sku)?.first ?? null;
  }

  attach(key: KeyState): void {
    const { sku } = key;
    key.flags |= isPlain(sku.sku) && isPlain(key.location) ? ATTACHED | PLAIN : ATTACHED;
    this.keyCount += 1;
    this.keepSku(sku);
    assert(findKey(sku, key.location) === null, `Cannot add key ${sku.sku} twice`);
    (key as { location: string }).location = this.intern(key.location);
    key.next = sku.first;
    sku.first = key;
    indexKey(sku, key);
  }

  keepSku(sku: SkuState): void {
    const known = this.skus.get(sku.sku);
    sku.kept = true;
    if (known === undefined) this.skus.set(sku.sku, sku);
    else assert(known === sku, `Cannot add SKU ${sku.sku} twice`);
  }

  /** Keeps a key though nothing is booked on it. */
  keep(key: KeyState): void {
    if ((key.flags & ATTACHED) === 0) this.touch(key);
  }

  rare(key: KeyState): Rare {
    key.rare ??= new Rare();
    return key.rare;
  }

  skuRare(sku: SkuState): SkuRare {
    sku.rare ??= new SkuRare();
    return sku.rare;
  }

  /** Whether one more key may be made. */
  isFull(key: KeyState): boolean {
    return (key.flags & ATTACHED) === 0 && this.keyCount >= KEYS_MAX;
  }

  private intern(location: string): string {
    const known = this.locations.get(location);
    if (known !== undefined) return known;
    this.locations.set(location, location);
    return location;
  }

  isKept(key: KeyState): boolean {
    return (key.flags & ATTACHED) !== 0;
  }

  level(key: KeyState): Level {
    return levelOf(key, this.versionOf(key), this.formatMs(key.updatedMs));
  }

  /** Says that the key is to be told and kept. */
  touch(key: KeyState): void {
    if ((key.flags & ATTACHED) === 0) this.attach(key);
    if ((key.flags & DIRTY) === 0) {
      key.flags |= DIRTY;
      this.dirtyKeys.push(key);
    }
    // Touched in this entry before: the shell knows of it already.
    if (key.seq !== this.seq || key.epoch !== this.epoch) this.out.touched.add(key);
    key.epoch = this.epoch;
    key.seq = this.seq;
    key.index = this.index;
    key.updatedMs = this.now;
    key.json = null;
    this.noteChanged(key);
  }

  private noteChanged(key: KeyState): void {
    for (let i = 0; i < this.changedCount; i++) if (this.changed[i] === key) return;
    this.changed[this.changedCount++] = key;
  }

  // ---------------------------------------------------------------- booking

  /**
   * Applies `this.delta` to the key and writes its row. `c` is the command for rows of cause `command`, else
   * null or the command it happened under. Resets the delta.
   */
  book(key: KeyState, c: Command | null, cause: RowCause, atMs: number, hold: string | null): void {
    const d = this.delta;
    this.touch(key);
    key.sellable += d.sellable;
    key.reserved += d.reserved;
    key.firm += d.firm;
    if (d.inBucket !== 0) this.changeBucket(key, d.bucket as string, d.inBucket);
    key.backordered += d.backordered;
    key.inTransit += d.inTransit;
    key.onOrder += d.onOrder;
    this.out.rows.push(rowOf(this, key, c, cause, atMs, hold));
    d.sellable = 0;
    d.reserved = 0;
    d.firm = 0;
    d.bucket = null;
    d.inBucket = 0;
    d.backordered = 0;
    d.inTransit = 0;
    d.onOrder = 0;
    d.demand = 0;
    d.lost = 0;
  }

  /** Writes a row of lost demand where there is no level: at no location, or at one that never had any. */
  bookNoLevel(key: KeyState, c: Command, atMs: number): void {
    this.out.rows.push(rowOf(this, key, c, "lostDemand", atMs, c.hold));
    this.delta.lost = 0;
  }

  private changeBucket(key: KeyState, name: string, by: number): void {
    bucketFor(this.rare(key), name).qty += by;
    key.unavailable += by;
  }

  /** Writes the row of a refusal; `this.delta.lost` may say what demand it lost. */
  refuse(key: KeyState, c: Command, reason: string): void {
    const row = rowOf(this, key, c, "command", c.atMs, c.hold);
    row.outcome = "rejected";
    row.reason = reason;
    this.delta.lost = 0;
    if (reason === "id_conflict") {
      // It is no decision of the identity: the row only tells of it.
      row.extra = JSON.stringify({ ...JSON.parse(row.extra ?? "{}"), id: c.id });
      row.id = null;
      row.identityHigh = null;
      row.identityLow = null;
    }
    this.out.rows.push(row);
  }

  /** Leaves in the record of the command what a void of it needs. `by` is the change of stock it made. */
  voidable(c: Command, by: number, demand: number): void {
    const { record } = this;
    record.effect = true;
    record.atMs = c.atMs;
    record.qty = by;
    record.demand = demand;
    record.bucket = c.bucket ?? "";
    record.toBucket = "";
  }

  dirtyHold(hold: Hold): void {
    if (hold.dirty) return;
    hold.dirty = true;
    this.dirtyHolds.push(hold);
  }

  /** A group is kept with each of its lines. */
  dirtyGroup(group: Group): void {
    for (const line of group.lines) this.dirtyHold(line);
  }

  /** Reads ahead what `letGo` will need. */
  readAhead(high: number): number {
    return this.filter.touchOpen(high);
  }

  /** Takes an identity the recent tier let go into the older one. */
  letGo(high: number, low: number, nowMs: number): void {
    if (nowMs + this.identityMs > this.now) this.filter.add(high, low, nowMs);
  }

  effect(effect: Effect): void {
    this.out.effects.push(effect);
  }
}

/** Everything a shell would want, thrown away. */
export const NO_OUTPUT: Output = emptyOutput();
export const NOTHING_FOUND: FoundMap = new Map();

export function findKey(sku: SkuState, location: string): KeyState | null {
  const byLocation = sku.rare?.byLocation;
  if (byLocation) return byLocation.get(location) ?? null;
  for (let key = sku.first; key !== null; key = key.next) if (key.location === location) return key;
  return null;
}

function indexKey(sku: SkuState, added: KeyState): void {
  if (sku.rare?.byLocation) {
    sku.rare.byLocation.set(added.location, added);
    return;
  }
  let count = 0;
  for (let key = sku.first; key !== null; key = key.next) count += 1;
  if (count <= LIST_MAX) return;
  sku.rare ??= new SkuRare();
  sku.rare.byLocation = new Map();
  for (let key = sku.first; key !== null; key = key.next)
    sku.rare.byLocation.set(key.location, key);
}
