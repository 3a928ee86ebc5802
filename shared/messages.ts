// Pure.
// The commands of the house: zod schemas for the edges, and the types everyone shares. One spelling
// from wire to memory. The stock machine has its own decoder (part of the fold); a property test
// holds the two equal. What is answered stands in decisions.ts. Source: design, sections 3 and 4.

import { z } from "zod";
import {
  BucketSchema,
  CommandIdSchema,
  CountSchema,
  IdSchema,
  LocationSchema,
  PlaceSchema,
  PositiveSchema,
  QuantitySchema,
  recordOf,
  SkuSchema,
  TextSchema,
  TimeSchema,
} from "./fields.ts";
import { ANY_LOCATION } from "./ids.ts";

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
    channels: recordOf(TextSchema, channelRule, CHANNELS_MAX).optional(),
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
