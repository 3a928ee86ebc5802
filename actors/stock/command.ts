// Pure.
// A command as the fold takes it: decoded, checked, with its content digest. The common fields stand in one
// flat shape so that the hot path stays fast; rare ones are read from `raw`, which has been checked too.

import type { Name } from "./name_cache.ts";
import type { ChannelRule, Plan } from "./state.ts";

/** Types of commands in the order of their numbers. `lines` is a hold with several lines. */
export const TYPES = [
  "sale",
  "return",
  "receipt",
  "adjust",
  "move",
  "count",
  "ship",
  "arrive",
  "void",
  "hold",
  "lines",
  "extend",
  "fulfill",
  "release",
  "policy",
  "order",
  "seal",
  "tick",
] as const;
export type TypeName = (typeof TYPES)[number];

export const SALE = 0;
export const RETURN = 1;
export const RECEIPT = 2;
export const ADJUST = 3;
export const MOVE = 4;
export const COUNT = 5;
export const SHIP = 6;
export const ARRIVE = 7;
export const VOID = 8;
export const HOLD = 9;
export const LINES = 10;
export const EXTEND = 11;
export const FULFILL = 12;
export const RELEASE = 13;
export const POLICY = 14;
export const ORDER = 15;
export const SEAL = 16;
export const TICK = 17;

/** No time given. */
export const NO_TIME = Number.NEGATIVE_INFINITY;
/** `ttlMs: null`, a firm hold. */
export const FIRM = -1;

/** A line of a hold; location `-` lets the actor choose. */
export type Line = { sku: string; location: string; qty: number };

/** Fields only some types have, as they were written. */
export type RawFields = {
  lot?: string;
  serials?: string[];
  expires?: string;
  order?: string;
  line?: string;
  from?: string;
  to?: string;
  transfer?: string;
  eta?: string | null;
  of?: string;
  locations?: string[];
  lines?: { sku: string; location?: string; qty: number }[];
  home?: string;
  elsewhere?: { sku: string; location?: string }[];
  placing?: { by?: string; at?: string };
  plan?: Plan;
  channels?: Record<string, ChannelRule>;
  backorderLimit?: number;
  ifVersion?: number;
  need?: string;
  rev?: number;
  status?: string;
  quietUntil?: string | null;
  outcome?: string;
  backorder?: boolean;
  final?: boolean;
};

export class Command {
  type = 0;
  sku = "";
  location = "";
  /** Null: to be minted from the position. */
  id: string | null = null;
  /** As given, in ms; NO_TIME when not given. */
  givenAtMs = NO_TIME;
  /** When it happened, as the fold takes it. */
  atMs = 0;
  /** qty, counted, delta (any sign) or ordered, by type; -1 when not given. */
  qty = -1;
  ttlMs = FIRM;
  hold: string | null = null;
  bucket: string | null = null;
  reason: string | null = null;
  channel: string | null = null;
  ref: string | null = null;
  shopper: string | null = null;
  price: number | null = null;
  cost: number | null = null;
  currency: string | null = null;
  backfill = false;
  /** Whether fields stand in `raw` that no column of the ledger takes. */
  hasMore = false;
  /** Of its content, signed. */
  digest = 0;
  /** Hash of (location, sku, id), two signed halves; 0 until an id is minted. */
  high = 0;
  low = 0;
  /** Whether the older tier of identities did not know it when its look-ups were asked for. */
  fresh = false;
  /** The SKU's name, when the fast decoder found it. */
  name: Name | null = null;
  raw: RawFields = NOTHING;
  /** Hash of `hold`'s text, first half; 0 when unknown. */
  holdHash = 0;

  /** Makes it as new. */
  reset(): void {
    this.type = 0;
    this.sku = "";
    this.location = "";
    this.id = null;
    this.givenAtMs = NO_TIME;
    this.atMs = 0;
    this.qty = -1;
    this.ttlMs = FIRM;
    this.hold = null;
    this.bucket = null;
    this.reason = null;
    this.channel = null;
    this.ref = null;
    this.shopper = null;
    this.price = null;
    this.cost = null;
    this.currency = null;
    this.backfill = false;
    this.hasMore = false;
    this.digest = 0;
    this.high = 0;
    this.low = 0;
    this.fresh = false;
    this.name = null;
    this.raw = NOTHING;
    this.holdHash = 0;
  }
}

const NOTHING: RawFields = Object.freeze({});

/** The field that stands in `qty`, by type. */
export const QTY_NAMES: Readonly<Record<number, string>> = {
  [SALE]: "qty",
  [RETURN]: "qty",
  [RECEIPT]: "qty",
  [ADJUST]: "delta",
  [MOVE]: "qty",
  [COUNT]: "counted",
  [SHIP]: "qty",
  [ARRIVE]: "qty",
  [VOID]: "qty",
  [HOLD]: "qty",
  [FULFILL]: "qty",
  [ORDER]: "ordered",
};

/** Type as the ledger and the wire spell it. */
export function typeName(type: number): string {
  return type === LINES ? "hold" : (TYPES[type] as string);
}
