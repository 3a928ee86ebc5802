// Pure.
// The shapes of answers, as zod schemas: OpenAPI is made from them, and contract tests check real
// answers against them.

import { z } from "zod";
import { REJECTION_REASONS } from "../shared/decisions.ts";

const whole = z.int().describe("whole base units");
const time = z.string().describe("RFC 3339, UTC");
const version = z.string().describe("sortable place in the log: epoch.seq.index");

export const LevelAnswer = z
  .strictObject({
    sku: z.string(),
    location: z.string(),
    onHand: whole,
    sellable: whole,
    unavailable: z.record(z.string(), whole),
    reserved: whole,
    available: whole,
    oversold: whole,
    backordered: whole,
    inTransit: whole,
    onOrder: whole,
    atp: z.record(z.string(), whole).describe("available to promise by channel"),
    inventoryPosition: whole,
    version,
    updatedAt: time,
  })
  .meta({ id: "Level" });

const totals = {
  onHand: whole,
  sellable: whole,
  reserved: whole,
  available: whole,
  oversold: whole,
  backordered: whole,
  inTransit: whole,
  onOrder: whole,
};

export const StockAnswer = z
  .strictObject({
    sku: z.string(),
    totals: z.strictObject({
      ...totals,
      atp: z.record(z.string(), whole),
      inventoryPosition: whole,
    }),
    locations: z.array(LevelAnswer),
    stale: z.literal(true).optional().describe("as of the last checkpoint: the registry is away"),
  })
  .meta({ id: "Stock" });

export const LedgerLevelAnswer = z
  .strictObject({
    sku: z.string(),
    location: z.string(),
    ...totals,
    version,
    updatedAt: time,
  })
  .meta({ id: "LedgerLevel" });

export const StockAsOfAnswer = z
  .strictObject({
    sku: z.string(),
    asOf: time,
    totals: z.strictObject(totals),
    locations: z.array(LedgerLevelAnswer),
  })
  .meta({ id: "StockAsOf" });

export const StockListAnswer = z
  .strictObject({
    stock: z.array(StockAnswer),
    unknown: z.array(z.string()).optional().describe("SKUs nothing is known of"),
    next: z.string().optional().describe("cursor of the next page"),
  })
  .meta({ id: "StockList" });

export const HistoryAnswer = z
  .strictObject({
    sku: z.string(),
    rows: z.array(
      z.strictObject({
        version,
        shard: z.int(),
        ordinal: z.int(),
        location: z.string(),
        id: z.string().optional(),
        type: z.string(),
        cause: z.string(),
        outcome: z.enum(["applied", "rejected"]),
        reason: z.string().optional(),
        at: time,
        appendedAt: time,
        qty: whole.optional(),
        delta: z.record(z.string(), whole),
        bucket: z.string().optional(),
        level: LedgerLevelAnswer,
        channel: z.string().optional(),
        ref: z.string().optional(),
        price: z.int().optional(),
        cost: z.int().optional(),
        currency: z.string().optional(),
        hold: z.string().optional(),
        backfill: z.literal(true).optional(),
        lost: whole.optional(),
        demand: whole.optional(),
        extra: z.unknown().optional(),
      }),
    ),
    next: z.string().optional(),
  })
  .meta({ id: "History" });

const line = z.strictObject({
  sku: z.string(),
  location: z.string(),
  qty: whole,
  short: whole.describe("units missing for this line"),
  level: z.union([LevelAnswer, LedgerLevelAnswer]).optional(),
  available: whole.optional().describe("instead of the level, of a refusal read from the ledger"),
});

export const DecisionAnswer = z
  .strictObject({
    id: z.string(),
    outcome: z.enum(["applied", "rejected", "duplicate", "malformed"]),
    first: z.enum(["applied", "rejected"]).optional(),
    reason: z.enum([...REJECTION_REASONS, "malformed"]).optional(),
    detail: z.string().optional(),
    epoch: z.int(),
    shard: z.int(),
    seq: z.int(),
    index: z.int(),
    at: time,
    level: z.union([LevelAnswer, LedgerLevelAnswer]).optional(),
    lines: z.array(line).optional(),
    firm: z
      .literal(true)
      .optional()
      .describe("a hold asked with a time that is firm, and stays so"),
  })
  .meta({ id: "Decision" });

export const PendingAnswer = z
  .strictObject({ id: z.string(), pending: z.literal(true), location: z.string() })
  .meta({ id: "Pending" });

export const FaultAnswer = z.strictObject({
  field: z.string(),
  fault: z.string(),
  line: z.int().optional(),
});

export const ProblemAnswer = z
  .looseObject({
    type: z.string().describe("stable path that names the problem"),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    instance: z.string().optional().describe("the request id"),
    field: z.string().optional(),
    faults: z.array(FaultAnswer).optional(),
  })
  .meta({ id: "Problem" });

export const BatchAnswer = z
  .strictObject({
    results: z.array(
      z.strictObject({
        status: z.int(),
        decision: DecisionAnswer.optional(),
        pending: PendingAnswer.optional(),
        problem: ProblemAnswer.optional(),
      }),
    ),
  })
  .meta({ id: "Batch" });

export const HoldAnswer = z
  .strictObject({
    hold: z.string(),
    lines: z.array(
      z.strictObject({
        sku: z.string(),
        location: z.string(),
        qty: whole,
        available: whole.optional().describe("still available there after the hold"),
      }),
    ),
    expiresAt: time.nullable().describe("null: firm"),
    at: time,
    duplicate: z.literal(true).optional().describe("the same hold was placed before"),
  })
  .meta({ id: "Hold" });

const holdStatus = z
  .enum(["pending", "held", "fulfilled", "released", "expired"])
  .describe("pending: not sealed yet, so not held yet");

export const HoldStateAnswer = z
  .strictObject({
    hold: z.string(),
    status: holdStatus,
    lines: z.array(
      z.strictObject({
        sku: z.string(),
        location: z.string(),
        qty: whole.describe("still held"),
        backordered: whole,
        status: holdStatus,
        expiresAt: time.nullable(),
        channel: z.string().optional(),
      }),
    ),
  })
  .meta({ id: "HoldState" });
