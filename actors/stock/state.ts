// Pure.
// What a shard remembers. Owns the shapes and how they hang together; changes go through book.ts and
// the handlers. The common parts are lean and every rare part is allocated when first needed, because a
// shard keeps a million keys.
//
//   Shard -> SkuState -> KeyState (one SKU at one location) -> Rare (buckets, policy, orders, need …)
//                     -> Hold (by id, then by location)     Transfer     Lost (asked in vain)

import type { PlanMode } from "../../shared/messages.ts";

/** Something that happens at a time; ordered by (dueMs, sku, location, id, kind). */
export type Due = {
  readonly kind: DueKind;
  dueMs: number;
  /** Place in the heap, -1 when not in it. */
  heapIndex: number;
  readonly id: string;
  key: KeyState;
};
export type DueKind = "hold" | "order" | "quiet" | "transfer";

/** No time at all: later than any. */
export const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** Before any time an anchor could have. */
export const NO_ANCHOR = -Number.MAX_SAFE_INTEGER;

export class SkuState {
  readonly sku: string;
  /** Keys in a list, youngest first; order means nothing. */
  first: KeyState | null = null;
  rare: SkuRare | null = null;
  /** Whether it is one of the shard's; names may still know one that was forgotten. */
  kept = false;
  constructor(sku: string) {
    this.sku = sku;
  }
}

export class SkuRare {
  keyCount = 0;
  byLocation: Map<string, KeyState> | null = null;
  transfers: Map<string, Transfer> | null = null;
  /** By shopper and day. */
  lost: Map<string, Lost> | null = null;
}

/** Flags of a key. */
export const ATTACHED = 1;
export const DIRTY = 2;
/** Has had a count or receipt: only then may it raise needs. */
export const SUPPLIED = 4;
/** Its names in quotes are their JSON. */
export const PLAIN = 8;

/** One SKU at one location. */
export class KeyState {
  readonly sku: SkuState;
  readonly location: string;
  next: KeyState | null = null;
  sellable = 0;
  reserved = 0;
  /** Part of `reserved` under firm holds. */
  firm = 0;
  unavailable = 0;
  backordered = 0;
  inTransit = 0;
  onOrder = 0;
  /** Position of the last change. */
  seq = 0;
  index = 0;
  epoch = 0;
  updatedMs: number;
  /** Number of the newest movement, 0 for none. */
  movement = 0;
  flags = 0;
  /** Its level as JSON text, between its decision and its level message: see level_text.ts. */
  json: string | null = null;
  rare: Rare | null = null;
  /** Youngest live hold; they hang together by `older` and `younger`. */
  youngest: Hold | null = null;
  constructor(sku: SkuState, location: string, nowMs: number) {
    this.sku = sku;
    this.location = location;
    this.updatedMs = nowMs;
  }
}

export class Bucket {
  readonly name: string;
  qty = 0;
  anchorMs = NO_ANCHOR;
  constructor(name: string) {
    this.name = name;
  }
}

export type Plan = {
  mode: PlanMode;
  reorderPoint: number;
  orderUpTo: number;
  safetyStock?: number | undefined;
  max?: number | undefined;
  coverDays?: number | undefined;
  lateGraceDays?: number | undefined;
  cause?: string | undefined;
};
export type ChannelRule = {
  buffer?: number | undefined;
  max?: number | undefined;
  closed?: boolean | undefined;
  priority?: number | undefined;
};

/** A need that is open: found, told, and not yet named by an order. */
export type Need = {
  need: string;
  rev: number;
  qty: number;
  cause: "reorderPoint" | "late";
  mode: PlanMode;
};

/** What only some keys have. */
export class Rare {
  /** Time of the last count of `sellable`. */
  anchorMs = NO_ANCHOR;
  /** Buckets of unavailable stock, by name in code unit order. */
  buckets: Bucket[] = [];
  plan: Plan | null = null;
  channels: Map<string, ChannelRule> | null = null;
  backorderLimit: number | null = null;
  policyVersion = 0;
  need: Need | null = null;
  quiet: Quiet | null = null;
  /** By order and line (`lineKey`). */
  lines: Map<string, OrderLine> | null = null;
  /** Open transfers whose target is this key. */
  inbound: Transfer[] = [];
  /** Part of onOrder and inTransit that is late. */
  late = 0;
  /** Holds waiting for stock, in log order. */
  waiting: Hold[] = [];
  /** Oversold units when last alerted; 0 when not oversold. */
  oversoldAlerted = 0;
}

/** The quiet time of a key: until then no need opens. */
export class Quiet implements Due {
  readonly kind = "quiet";
  dueMs: number;
  heapIndex = -1;
  readonly id = "";
  key: KeyState;
  constructor(key: KeyState, dueMs: number) {
    this.key = key;
    this.dueMs = dueMs;
  }
}

/**
 *   held -> fulfilled | released | expired      (a finished one is remembered as a tombstone)
 */
export type HoldStatus = "held" | "fulfilled" | "released" | "expired";

export class Hold implements Due {
  readonly kind = "hold";
  readonly id: string;
  key: KeyState;
  /** Order of creation in the shard; also the order in which backorders are filled. */
  number: number;
  qty = 0;
  backordered = 0;
  status: HoldStatus = "held";
  firm = false;
  /** Log time it expires at; NEVER_MS when firm. */
  dueMs: number = NEVER_MS;
  heapIndex = -1;
  channel: string | null = null;
  shopper: string | null = null;
  group: Group | null = null;
  /** Hash of its id, for the index. */
  hash = 0;
  /** The same hold id and SKU at another location. */
  sibling: Hold | null = null;
  older: Hold | null = null;
  younger: Hold | null = null;
  /** Changed since the last checkpoint. */
  dirty = false;
  /** Order in which holds finished, and when; 0 while live, -1 when forgotten. */
  finished = 0;
  finishedMs = 0;
  constructor(id: string, key: KeyState, number: number) {
    this.id = id;
    this.key = key;
    this.number = number;
  }
}

export type SealOutcome = "held" | "aborted" | "fulfilled";

/** Lines of one hold in this shard: one decision, one end. */
export class Group {
  /** Names the group in the shard. */
  number = 0;
  lines: Hold[] = [];
  /** SKU of the home shard's line when the hold spans shards. */
  home: string | null = null;
  /** What placed it: id of the command (null when it had none), and log time. */
  placedBy: string | null = null;
  placedMs = 0;
  /** At home: one line of each other shard. */
  elsewhere: { sku: string; location: string }[] = [];
  /** False while a hold over several shards waits for its seal, and the seal that came. */
  sealed = true;
  outcome: SealOutcome | null = null;
  /** What the lines become when sealed as held: null for firm. */
  ttlMs: number | null = null;
  /** At home of a hold over shards: whether lines elsewhere may wait for stock, and whether their end was sent to them. */
  backorder = false;
  over = false;
}

export class OrderLine implements Due {
  readonly kind = "order";
  readonly id: string;
  readonly order: string;
  readonly line: string;
  key: KeyState;
  need: string | null = null;
  /** -1: a receipt named it before any `order` did. */
  rev = -1;
  ordered = 0;
  received = 0;
  status = "expected";
  etaMs: number | null = null;
  quietMs: number | null = null;
  /** Log time it closed, and its place in the order of closing; NEVER_MS and 0 while open. */
  closedMs = NEVER_MS;
  closing = 0;
  /** When it becomes late. */
  dueMs = NEVER_MS;
  heapIndex = -1;
  constructor(order: string, line: string, key: KeyState) {
    this.order = order;
    this.line = line;
    this.id = lineKey(order, line);
    this.key = key;
  }
}

/** Names an order line within its key. */
export function lineKey(order: string, line: string): string {
  return `${order}\u0000${line}`;
}

export class Transfer implements Due {
  readonly kind = "transfer";
  readonly id: string;
  /** The target. */
  key: KeyState;
  source: string;
  shipped = 0;
  arrived = 0;
  closed = false;
  cancelled = false;
  /** Whether a `ship` has named the target (an arrival alone only supposes it). */
  named = false;
  /** shipped - arrived as told when it closed. */
  lost = 0;
  etaMs: number | null = null;
  closedMs = NEVER_MS;
  closing = 0;
  dueMs = NEVER_MS;
  heapIndex = -1;
  constructor(id: string, source: string, key: KeyState) {
    this.id = id;
    this.source = source;
    this.key = key;
  }
}

/** What a shopper asked for in vain of one SKU on one day. */
export class Lost {
  readonly shopper: string;
  /** Days since 1970, UTC. */
  readonly day: number;
  readonly sku: SkuState;
  /** Where it was first refused, and when. */
  readonly location: string;
  atMs = 0;
  asked = 0;
  got = 0;
  lost = 0;
  /** Order of creation in the shard, and log time. */
  number = 0;
  madeMs = 0;
  constructor(sku: SkuState, location: string, shopper: string, day: number) {
    this.sku = sku;
    this.location = location;
    this.shopper = shopper;
    this.day = day;
  }
}

/** Changes of one key in the making, booked together as one row of the ledger. */
export class Delta {
  sellable = 0;
  reserved = 0;
  firm = 0;
  bucket: string | null = null;
  inBucket = 0;
  backordered = 0;
  inTransit = 0;
  onOrder = 0;
  demand = 0;
  lost = 0;
}
