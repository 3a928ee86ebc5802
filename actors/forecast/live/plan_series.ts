// Pure.
/**
 * The policy of one series from its history: demand over lead time and review as adaptive_demand.ts reads it (or
 * borrowed from like items while it is new), turned into a plan by decide_policy.ts.
 *
 * What never sold and has no likes gets no plan; what sold once and sells no more gets a plan of zeros.
 */
import { coldStart } from "../cold_start.ts";
import { AdaptiveDemand } from "../policy/adaptive_demand.ts";
import { decidePolicy, type Plan, type PolicyDecision } from "../policy/decide_policy.ts";
import type { ServiceTargets } from "../policy/item_classes.ts";
import { LEAD_TIME_DAYS_MAX, type LeadTime } from "../policy/lead_time.ts";
import type { QuantityRules } from "../policy/order_quantity.ts";
import { type DailyValues, knownDays } from "./demand_series.ts";
import type { EffectiveSetting } from "./policy_settings.ts";

/** Days between two looks at a need; orders leave as soon as one is found, so it is the day of the order. */
const REVIEW_DAYS = 1;
/** Own days below which an item borrows from its like. */
export const OWN_DAYS_MIN = 28;
/** Expected units below which nothing is sold. */
const UNITS_MIN = 1e-9;

export type PlanSeriesInput = {
  values: DailyValues;
  leadTime: LeadTime;
  setting: EffectiveSetting;
  /** Fill rate of the item's class, when no setting says otherwise. */
  classFill: number;
  /** z found by replaying the item's group; undefined while its past is too short to say. */
  calibratedZ: number | undefined;
  rules: Omit<QuantityRules, "coverDays" | "stockMax">;
  /** Units a day of like items, each one's mean. */
  likes: readonly number[];
  /** Units more, or less, than usual over the span, for signals known ahead. */
  signalUnits: number;
  inForce: Plan | undefined;
  nowMs: number;
};

/** Whole days of lead time and review. */
export function spanOf(leadTime: LeadTime): number {
  const days = Math.round(leadTime.meanDays) + REVIEW_DAYS;
  return Math.min(LEAD_TIME_DAYS_MAX, Math.max(1, days));
}

export function planSeries(input: PlanSeriesInput): PolicyDecision {
  const { setting, leadTime, inForce, nowMs } = input;
  const { override } = setting;
  const spanDays = spanOf(leadTime);
  const usual = demandOver(input.values, spanDays, input.likes);
  const demand = { ...usual, mean: Math.max(0, usual.mean + input.signalUnits) };
  const isOverridden = override !== undefined && override.expiresAtMs > nowMs;
  if (!isOverridden && demand.mean < UNITS_MIN) return nothingSells(input);
  return decidePolicy({
    mode: setting.mode,
    demand,
    spanDays,
    leadTime,
    service: serviceOf(input),
    rules: {
      ...input.rules,
      coverDays: setting.coverDays,
      ...(setting.stockMax === undefined ? {} : { stockMax: setting.stockMax }),
    },
    ...(inForce === undefined ? {} : { inForce }),
    ...(override === undefined ? {} : { override }),
    nowMs,
  });
}

/** Demand over `spanDays`: mean and sd in units. Bulk days are held to the item's usual ones. */
export function demandOver(
  values: DailyValues,
  spanDays: number,
  likes: readonly number[],
): { mean: number; sd: number } {
  const { units, orders } = knownDays(values);
  if (units.length < OWN_DAYS_MIN && likes.length > 0) {
    const { perDay, sdPerDay } = coldStart(units, likes);
    return { mean: perDay * spanDays, sd: sdPerDay * Math.sqrt(spanDays) };
  }
  const state = new AdaptiveDemand(spanDays);
  for (let t = 0; t < units.length; t++) state.add({ units: units[t]!, orders: orders[t]! });
  const demand = state.leadTimeDemand();
  // A few days can look steadier than any item is: at least the spread of random arrivals.
  const least = units.length < OWN_DAYS_MIN ? Math.sqrt(demand.mean) : 0;
  return { mean: demand.mean, sd: Math.max(demand.sd, least) };
}

/** Fill rate aimed at: as set, else the class's. */
export function fillOf(setting: EffectiveSetting, classFill: number): number {
  return setting.fillRate ?? classFill;
}

export const classFillOf = (
  targets: ServiceTargets,
  value: keyof ServiceTargets,
  variation: keyof ServiceTargets["A"],
): number => targets[value][variation];

function serviceOf({ setting, classFill, calibratedZ }: PlanSeriesInput) {
  if (setting.method === "brief") return { kind: "brief" } as const;
  if (setting.method === "calibrated" && calibratedZ !== undefined)
    return { kind: "calibrated", z: calibratedZ } as const;
  return { kind: "fill", fillRate: fillOf(setting, classFill) } as const;
}

function nothingSells({ setting, inForce }: PlanSeriesInput): PolicyDecision {
  if (inForce === undefined) return { kind: "keep" };
  const isZero = inForce.reorderPoint === 0 && inForce.orderUpTo === 0;
  if (isZero && inForce.mode === setting.mode) return { kind: "keep" };
  const { mode } = setting;
  const cause = "nothing sells";
  const plan = { mode, reorderPoint: 0, orderUpTo: 0, safetyStock: 0, cause };
  return { kind: "change", plan };
}
