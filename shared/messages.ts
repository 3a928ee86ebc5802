// Pure.
// The messages of the house: zod schemas for the edges, and the types everyone shares. One spelling
// from wire to memory. The stock machine has its own decoder (part of the fold); a property test
// holds the two equal. Source: design, sections 3, 4 and 9.

import { z } from "zod";
import { ANY_LOCATION, commandIdFault, ID_LENGTH_MAX, idFault, nameFault } from "./ids.ts";
import { isQuantity } from "./quantities.ts";
import { parseTime } from "./time.ts";

// ---------------------------------------------------------------- building blocks

const named = (fault: (value: unknown) => string | undefined) =>
  z.string().superRefine((value, context) => {
    const why = fault(value);
    if (why !== undefined) context.addIssue({ code: "custom", message: why });
  });

export const SkuSchema = named(nameFault).describe("SKU: printable text, 1 to 200 bytes of UTF-8");
export const LocationSchema = named(nameFault).describe("location: printable text, 1 to 200 bytes");
/** A location that is one: `-` only asks the actor to choose. */
export const PlaceSchema = LocationSchema.refine(
  (name) => name !== ANY_LOCATION,
  "expected a location, found - (choose one)",
);
export const IdSchema = named(idFault).describe(`id: 1 to ${ID_LENGTH_MAX} characters, no NUL`);

/** An id that a client gives a command: none of those the log gives itself. */
export const CommandIdSchema = named(commandIdFault).describe(
  `id: 1 to ${ID_LENGTH_MAX} characters, no NUL`,
);

const whole = z.number().refine(isQuantity, "expected a whole number, at most 2^50, not -0");
/** Any whole number, |n| <= 2^50. */
export const QuantitySchema = whole;
/** A whole number from 1 to 2^50. */
export const PositiveSchema = whole.refine((n) => n > 0, "expected a whole number of at least 1");
/** A whole number from 0 to 2^50. */
export const CountSchema = whole.refine((n) => n >= 0, "expected a whole number of at least 0");
/** RFC 3339 with an offset. */
export const TimeSchema = z
  .string()
  .refine((text) => parseTime(text) !== undefined, "expected RFC 3339 with an offset");
const TEXT_LENGTH_MAX = 200;
/** Free text of at most 200 characters, well-formed and without NUL. */
export const TextSchema = z
  .string()
  // As the log counts them, in UTF-16 units; zod's own `max` counts characters beyond U+FFFF once.
  .refine((text) => text.length <= TEXT_LENGTH_MAX, "expected at most 200 characters")
  .meta({ maxLength: TEXT_LENGTH_MAX })
  .refine((text) => text.isWellFormed() && !text.includes("\u0000"), "expected well-formed text");

/** `sellable`, or the name of a bucket of unavailable stock (`damaged`, `qualityControl`, …). */
export const BucketSchema = z.string().regex(/^[a-z][A-Za-z0-9]{0,39}$/, "expected a bucket name");
export const SELLABLE = "sellable";

// ---------------------------------------------------------------- commands

/** What every command may carry. `sku` and `location` come from the subject where there is one. */
const common = {
  id: CommandIdSchema.optional(),
  sku: SkuSchema,
  location: LocationSchema,
  at: TimeSchema.optional(),
  channel: TextSchema.optional(),
  ref: TextSchema.optional(),
  price: QuantitySchema.optional(),
  cost: QuantitySchema.optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, "expected a currency code of three capitals")
    .optional(),
  backfill: z.boolean().optional(),
  lot: TextSchema.optional(),
  serials: z.array(TextSchema).max(1000).optional(),
  expires: TimeSchema.optional(),
};

/** The same for what happens at one location. */
const placed = { ...common, location: PlaceSchema };

const bucket = BucketSchema.optional();

export const FactSchemas = {
  sale: z.strictObject({
    type: z.literal("sale"),
    ...placed,
    qty: PositiveSchema,
    hold: IdSchema.optional(),
  }),
  return: z.strictObject({ type: z.literal("return"), ...placed, qty: PositiveSchema, bucket }),
  receipt: z.strictObject({
    type: z.literal("receipt"),
    ...placed,
    qty: PositiveSchema,
    order: IdSchema.optional(),
    line: IdSchema.optional(),
    bucket,
  }),
  adjust: z.strictObject({
    type: z.literal("adjust"),
    ...placed,
    delta: QuantitySchema.refine((n) => n !== 0, "expected a whole number other than 0"),
    reason: TextSchema,
    bucket,
  }),
  move: z.strictObject({
    type: z.literal("move"),
    ...placed,
    qty: PositiveSchema,
    from: BucketSchema,
    to: BucketSchema,
  }),
  count: z.strictObject({ type: z.literal("count"), ...placed, counted: CountSchema, bucket }),
  ship: z.strictObject({
    type: z.literal("ship"),
    ...placed,
    qty: PositiveSchema,
    transfer: IdSchema,
    to: PlaceSchema,
    eta: TimeSchema.optional(),
    final: z.boolean().optional(),
  }),
  arrive: z.strictObject({
    type: z.literal("arrive"),
    ...placed,
    qty: CountSchema,
    transfer: IdSchema,
    from: PlaceSchema,
    final: z.boolean().optional(),
  }),
  void: z.strictObject({
    type: z.literal("void"),
    ...placed,
    of: IdSchema,
    qty: PositiveSchema.optional(),
    reason: TextSchema,
  }),
} as const;

/** Longest time a timed hold may live: 31 days, in milliseconds. */
export const HOLD_TTL_MS_MAX = 31 * 24 * 3600 * 1000;
const ttlMs = z.union([
  PositiveSchema.refine((n) => n <= HOLD_TTL_MS_MAX, "at most 31 days"),
  z.null(),
]);

export const HoldLineSchema = z.strictObject({
  sku: SkuSchema,
  location: LocationSchema.optional(),
  qty: PositiveSchema,
});

const plan = z.strictObject({
  mode: z.enum(["observe", "recommend", "autopilot"]),
  reorderPoint: CountSchema,
  orderUpTo: CountSchema,
  safetyStock: CountSchema.optional(),
  max: CountSchema.optional(),
  coverDays: CountSchema.optional(),
  lateGraceDays: CountSchema.optional(),
  cause: TextSchema.optional(),
});
/** Channels with a rule of their own at one key. */
export const CHANNELS_MAX = 64;
const channelRule = z.strictObject({
  buffer: CountSchema.optional(),
  max: CountSchema.optional(),
  closed: z.boolean().optional(),
  /** Lower is tried first when a hold names no location; locations without one come last. */
  priority: CountSchema.optional(),
});

export const OrderStatusSchema = z.enum([
  "placed",
  "confirmed",
  "delayed",
  "shipped",
  "received",
  "closed",
  "cancelled",
]);

/**
 * Which placing of a hold over shards is meant: the id of the command that placed it, and when home took it. Home
 * says so in what it sends to the other shards; a hold placed anew under the same id is not touched by it.
 */
const placing = z.strictObject({ by: IdSchema.optional(), at: TimeSchema.optional() }).optional();

export const RequestSchemas = {
  hold: z.strictObject({
    type: z.literal("hold"),
    ...common,
    hold: IdSchema,
    qty: PositiveSchema,
    ttlMs,
    backorder: z.boolean().optional(),
    shopper: TextSchema.optional(),
    /** Where it may be taken from, best first, when `location` is `-`. */
    locations: z.array(PlaceSchema).min(1).max(100).optional(),
  }),
  /**
   * Several lines of one shard, all or nothing, no two of one SKU and location; only in bundles. Its key is
   * that of its first line.
   */
  holdLines: z.strictObject({
    type: z.literal("hold"),
    ...common,
    hold: IdSchema,
    lines: z
      .array(HoldLineSchema)
      .min(1)
      .max(100)
      .refine(
        (lines) =>
          new Set(lines.map((line) => JSON.stringify([line.sku, line.location ?? ANY_LOCATION])))
            .size === lines.length,
        "expected no two lines of one SKU and location",
      ),
    ttlMs,
    /** Present when the hold spans shards: the SKU whose shard seals it. */
    home: SkuSchema.optional(),
    /** At home: the first line of each other shard. What home decides of the hold is sent there. */
    elsewhere: z
      .array(z.strictObject({ sku: SkuSchema, location: LocationSchema.optional() }))
      .max(100)
      .optional(),
    backorder: z.boolean().optional(),
    shopper: TextSchema.optional(),
  }),
  extend: z.strictObject({
    type: z.literal("extend"),
    ...common,
    hold: IdSchema,
    ttlMs,
    placing,
  }),
  fulfill: z.strictObject({
    type: z.literal("fulfill"),
    ...common,
    hold: IdSchema,
    qty: PositiveSchema.optional(),
    final: z.boolean().optional(),
    placing,
  }),
  release: z.strictObject({
    type: z.literal("release"),
    ...common,
    hold: IdSchema,
    reason: TextSchema.optional(),
    placing,
  }),
  policy: z.strictObject({
    type: z.literal("policy"),
    ...placed,
    plan: plan.optional(),
    channels: z
      .record(TextSchema, channelRule)
      .refine((rules) => Object.keys(rules).length <= CHANNELS_MAX, "at most 64 channels")
      .optional(),
    backorderLimit: CountSchema.optional(),
    ifVersion: CountSchema.optional(),
  }),
  order: z.strictObject({
    type: z.literal("order"),
    ...placed,
    order: IdSchema,
    line: IdSchema,
    need: IdSchema.optional(),
    rev: CountSchema,
    ordered: CountSchema,
    status: OrderStatusSchema,
    eta: TimeSchema.nullish(),
    quietUntil: TimeSchema.nullish(),
  }),
  seal: z.strictObject({
    type: z.literal("seal"),
    ...common,
    hold: IdSchema,
    outcome: z.enum(["held", "aborted", "fulfilled"]),
    placing,
  }),
  tick: z.strictObject({ type: z.literal("tick"), ...common }),
} as const;

/** Command types a till may not send: valid only in bundles. `hold` with `lines` is the fifth. */
export const BUNDLE_ONLY_TYPES = ["policy", "order", "seal", "tick"] as const;

const commandSchemas = [...Object.values(FactSchemas), ...Object.values(RequestSchemas)] as const;
/** Any command, as our publishers and the edges take it (sku and location inside). */
export const CommandSchema = z.union(commandSchemas);

export type FactType = keyof typeof FactSchemas;
export type RequestType = Exclude<keyof typeof RequestSchemas, "holdLines">;
export type CommandType = FactType | RequestType;
export type Command = z.infer<(typeof commandSchemas)[number]>;
export type HoldLine = z.infer<typeof HoldLineSchema>;
export type OrderStatus = z.infer<typeof OrderStatusSchema>;
export type PlanMode = z.infer<typeof plan>["mode"];

// ---------------------------------------------------------------- decisions and levels

/** Place of a command in the log. `index` is 0 outside bundles. */
export type Position = { epoch: number; shard: number; seq: number; index: number };

/** Why a request (or, rarely, a fact) was refused, in order of precedence. */
export const REJECTION_REASONS = [
  "id_conflict", // the same identity came with another content
  "out_of_range", // a level would pass 2^50
  "limit_exceeded", // a bounded collection of this key is full
  "unknown_command", // void of something that is not there, or undone already
  "stale_count", // a count older than 48 hours, or older than the anchor it meets
  "version_conflict", // policy with ifVersion that is not the current one
  "unknown_hold",
  "hold_expired",
  "hold_finished", // fulfilled or released
  "hold_unsealed", // a hold over several shards that home has not sealed yet
  "already_sealed", // another outcome was sealed first
  "channel_closed",
  "backorder_limit",
  "insufficient_available",
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** All quantities of one SKU at one location, whole base units. */
export type Level = {
  sku: string;
  location: string;
  onHand: number;
  sellable: number;
  /** Buckets that are not for sale; only those that are not 0. */
  unavailable: Record<string, number>;
  reserved: number;
  available: number;
  oversold: number;
  backordered: number;
  inTransit: number;
  onOrder: number;
  /** Available to promise by channel; `default` is every channel without a rule. */
  atp: Record<string, number>;
  inventoryPosition: number;
  /** Fixed-width sortable text of (epoch, seq, index): see shared/version.ts. */
  version: string;
  /** Log time of the change, RFC 3339 UTC. */
  updatedAt: string;
};

/**
 * A level as the ledger keeps it: what a repeat is answered with. It has no `unavailable` by bucket (their sum
 * is onHand - sellable), no `atp` and no `inventoryPosition`.
 */
export type LedgerLevel = Omit<Level, "unavailable" | "atp" | "inventoryPosition">;

/** One line of a hold over several keys, or of a hold that let the actor choose. */
export type DecisionLine = {
  sku: string;
  location: string;
  qty: number;
  /** Units missing for this line; 0 when it could be met. */
  short: number;
  level?: Level | LedgerLevel;
  /** Of a refusal read from the ledger, instead of the level. */
  available?: number;
};

/** The answer to a command. `duplicate` repeats the first: `first` is its outcome, and reason, position, at, level are its too. */
export type Decision = {
  id: string;
  outcome: "applied" | "rejected" | "duplicate" | "malformed";
  first?: "applied" | "rejected";
  reason?: RejectionReason | "malformed";
  /** For people: which field, what was found, what was wanted. */
  detail?: string;
  epoch: number;
  shard: number;
  seq: number;
  index: number;
  /** Log time of the decision, RFC 3339 UTC. */
  at: string;
  /** Of the key the command was decided at; a repeat has it as the ledger keeps it. */
  level?: Level | LedgerLevel;
  /** For a hold with lines or without a location; a repeat has none, but for those that the edge adds from the ledger. */
  lines?: DecisionLine[];
  /** Of a hold asked with a time: it was firm in all its lines, so it has no end. A repeat does not tell. */
  firm?: true;
};

/** The brief's short form for tills: `{"qty": -2}` sold two, `{"qty": 50}` received fifty. */
export const ShortFormSchema = z.strictObject({
  id: CommandIdSchema.optional(),
  qty: QuantitySchema.refine((n) => n !== 0, "expected a whole number other than 0"),
});
/** The brief's synchroniser form, a sale when negative and a receipt when positive. */
export const BriefFormSchema = z.strictObject({
  sku: SkuSchema,
  qtyChange: QuantitySchema.refine((n) => n !== 0, "expected a whole number other than 0"),
  warehouseId: PlaceSchema,
  timestamp: TimeSchema.optional(),
  id: CommandIdSchema.optional(),
});
