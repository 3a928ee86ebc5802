// Pure.
// What edge and forecast actors say to each other about policies: settings, questions and answers, as zod schemas for
// the edges and types for all.

import { z } from "zod";
import {
  CountSchema,
  PlaceSchema,
  PositiveSchema,
  SkuSchema,
  TextSchema,
  TimeSchema,
} from "./fields.ts";

const number = (low: number, high: number, unit: string) =>
  z.number().refine((n) => n >= low && n <= high, `expected ${low} to ${high} ${unit}`);

export const PlanModeSchema = z.enum(["observe", "recommend", "autopilot"]);
/** How the safety stock is found: z calibrated on measured fill, the normal loss function, or the brief's 1.65. */
export const ServiceMethodSchema = z.enum(["calibrated", "fill", "brief"]);
/** Share of demand served from stock that is aimed at. */
export const FillRateSchema = number(0.5, 0.9999, "of demand served");
export const CoverDaysSchema = number(0.5, 365, "days");
/** The longest an override may stand, in days. */
export const OVERRIDE_DAYS_MAX = 366;

export const OverrideSchema = z
  .strictObject({
    reorderPoint: CountSchema,
    orderUpTo: CountSchema,
    reason: TextSchema.refine((text) => text.trim() !== "", "expected a reason"),
    expiresAt: TimeSchema,
  })
  .refine(({ reorderPoint, orderUpTo }) => orderUpTo >= reorderPoint, {
    path: ["orderUpTo"],
    message: "expected at least reorderPoint",
  });

/** Fields of a setting: absent leaves what is set, null clears it. */
const settable = {
  mode: PlanModeSchema.nullish(),
  method: ServiceMethodSchema.nullish(),
  fillRate: FillRateSchema.nullish(),
  coverDays: CoverDaysSchema.nullish(),
  stockMax: PositiveSchema.nullish(),
};

/** What may be set for one SKU. */
export const SkuSettingSchema = z.strictObject({ ...settable, override: OverrideSchema.nullish() });
/** What may be set for a group: a category, a location, both, or everything. */
export const GroupSettingSchema = z.strictObject({
  category: TextSchema.optional(),
  location: PlaceSchema.optional(),
  ...settable,
});
export type SkuSetting = z.infer<typeof SkuSettingSchema>;
export type GroupSetting = z.infer<typeof GroupSettingSchema>;

/** A question to the planner: what would forecast and policy be if … */
export const WhatIfSchema = z.strictObject({
  sku: SkuSchema,
  location: PlaceSchema,
  /** Days from order to shelf, and their standard deviation. */
  leadTimeDays: number(0, 730, "days").optional(),
  leadTimeSdDays: number(0, 365, "days").optional(),
  method: ServiceMethodSchema.optional(),
  fillRate: FillRateSchema.optional(),
  coverDays: CoverDaysSchema.optional(),
  stockMax: PositiveSchema.optional(),
  minimum: PositiveSchema.optional(),
  multiple: PositiveSchema.optional(),
  shelfLifeDays: PositiveSchema.optional(),
  /** All demand so far times this. */
  demandFactor: number(0, 100, "times").optional(),
});
export type WhatIf = z.infer<typeof WhatIfSchema>;

/** Subjects of the planner. A shard's own are answered by the process that runs its partition. */
export const WHAT_IF_SUBJECT = "onhand.forecast.what-if";
export const FORECAST_STATUS_SUBJECT = "onhand.forecast.status";
export const ownerSubject = (verb: "decide" | "what-if", epoch: number, shard: number): string =>
  `onhand.forecast.${verb}.${epoch}.${shard}`;

/** A plan as the planner tells it. */
export const PlanSchema = z.strictObject({
  mode: PlanModeSchema,
  reorderPoint: z.int(),
  orderUpTo: z.int(),
  safetyStock: z.int(),
  cause: z.string(),
});
export type ToldPlan = z.infer<typeof PlanSchema>;

const quantiles = z.record(z.string(), z.array(z.number()));
export const ForecastSchema = z.strictObject({
  firstDay: z.string().describe("local day of the first step"),
  method: z.string(),
  seriesClass: z.string(),
  version: z.strictObject({
    data: z.string().describe("of the newest demand window it knew"),
    code: z.int(),
  }),
  mean: z.array(z.number()),
  quantiles: quantiles.describe("of each day, by probability"),
  span: z
    .strictObject({
      days: z.int(),
      mean: z.number(),
      sd: z.number(),
      quantiles: z.record(z.string(), z.number()),
    })
    .describe("demand over lead time and review"),
  backtestError: z.number().nullable().describe("mean absolute error a day, in the past"),
  notes: z.unknown().optional(),
});
export type ToldForecast = z.infer<typeof ForecastSchema>;

export const WhatIfAnswerSchema = z
  .strictObject({
    sku: z.string(),
    location: z.string(),
    forecast: ForecastSchema,
    plan: PlanSchema.nullable().describe("null: nothing sells"),
    expectedStock: z.number().nullable().describe("mean units on the shelf under it"),
    inForce: PlanSchema.nullable(),
    inForceStock: z.number().nullable(),
  })
  .meta({ id: "WhatIf" });
export type WhatIfAnswer = z.infer<typeof WhatIfAnswerSchema>;

/** What the planner has in force for a SKU after it was asked to decide. */
export type Decided = { location: string; version: number; plan: ToldPlan | null }[];
