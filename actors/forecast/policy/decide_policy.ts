// Pure.
/**
 * The policy of one SKU at one location, from what is believed about its demand and its vendor. The result
 * is the `plan` of a `policy` command: whole units, with the cause in words.
 *
 * P1 Every number is a whole unit, 0 <= safetyStock <= reorderPoint <= orderUpTo <= 2^50.
 * P2 A change too small to matter is not made: the plan in force is kept.
 * P3 An override in force wins, unchanged, until its expiry; then the next decision is the model's.
 */
import { QUANTITY_MAX } from "../../../shared/quantities.ts";
import { BRIEF_Z } from "./brief_policy.ts";
import type { LeadTime } from "./lead_time.ts";
import { orderQuantity, orderUpTo, type QuantityRules } from "./order_quantity.ts";
import { leadTimeSd, zForFill } from "./safety_stock.ts";

export type PolicyMode = "observe" | "recommend" | "autopilot";

export interface Plan {
  readonly mode: PolicyMode;
  readonly reorderPoint: number;
  readonly orderUpTo: number;
  readonly safetyStock: number;
  readonly cause: string;
}

export interface Override {
  readonly reorderPoint: number;
  readonly orderUpTo: number;
  readonly reason: string;
  /** Milliseconds since 1970 at which it ends. */
  readonly expiresAtMs: number;
}

export interface PolicyInput {
  readonly mode: PolicyMode;
  /** Demand over the lead time and a review: mean and sd in units, as of now. */
  readonly demand: { readonly mean: number; readonly sd: number };
  /** Days that demand spans. */
  readonly spanDays: number;
  readonly leadTime: LeadTime;
  /**
   * How much safety: a z calibrated on measured fill, a fill rate turned into z by the normal loss
   * function, or the brief's 1.65.
   */
  readonly service:
    | { readonly kind: "calibrated"; readonly z: number }
    | { readonly kind: "fill"; readonly fillRate: number }
    | { readonly kind: "brief" };
  readonly rules: QuantityRules;
  readonly inForce?: Plan;
  readonly override?: Override;
  readonly nowMs: number;
}

export type PolicyDecision =
  | { readonly kind: "keep" }
  | { readonly kind: "change"; readonly plan: Plan };

/** A change of the reorder point below both of these is not worth a command. */
const CHANGE_SHARE_MIN = 0.05;
const CHANGE_UNITS_MIN = 1;

export function decidePolicy(input: PolicyInput): PolicyDecision {
  const { override, inForce, nowMs } = input;
  const plan =
    override !== undefined && override.expiresAtMs > nowMs
      ? overridden(input.mode, override)
      : modelled(input);
  if (inForce !== undefined && !isWorthChanging(inForce, plan)) return { kind: "keep" };
  return { kind: "change", plan };
}

function overridden(mode: PolicyMode, override: Override): Plan {
  const reorderPoint = whole(override.reorderPoint);
  return {
    mode,
    reorderPoint,
    orderUpTo: Math.max(reorderPoint, whole(override.orderUpTo)),
    safetyStock: 0,
    cause: `override: ${override.reason}`,
  };
}

function modelled({ mode, demand, spanDays, leadTime, service, rules }: PolicyInput): Plan {
  const mean = countable(demand.mean);
  const perDay = spanDays > 0 ? mean / spanDays : 0;
  const sd = leadTimeSd(countable(demand.sd), perDay, leadTime.sdDays);
  const z =
    service.kind === "calibrated"
      ? service.z
      : service.kind === "brief"
        ? BRIEF_Z
        : zForFill(service.fillRate, sd, orderQuantity(perDay, rules));
  const buffer = Math.max(0, z * sd);
  const reorderPoint = whole(mean + buffer);
  const safetyStock = Math.min(reorderPoint, whole(buffer));
  const level = whole(orderUpTo(reorderPoint, perDay, rules));
  const told = [
    `${perDay.toPrecision(3)} a day`,
    `${leadTime.meanDays.toFixed(1)} days lead time`,
    `z ${z.toFixed(2)} (${service.kind})`,
  ];
  return { mode, reorderPoint, orderUpTo: level, safetyStock, cause: told.join(", ") };
}

function isWorthChanging(inForce: Plan, plan: Plan): boolean {
  if (inForce.mode !== plan.mode) return true;
  const differs = (before: number, after: number) => {
    const change = Math.abs(after - before);
    return change >= CHANGE_UNITS_MIN && change > CHANGE_SHARE_MIN * before;
  };
  return (
    differs(inForce.reorderPoint, plan.reorderPoint) || differs(inForce.orderUpTo, plan.orderUpTo)
  );
}

/** Units that could be sold at all: beyond what can be counted, sums and roots would overflow. */
function countable(units: number): number {
  return units > 0 ? Math.min(units, QUANTITY_MAX) : 0;
}

/** Up to whole units, within what the stock machine counts. */
function whole(value: number): number {
  if (!Number.isFinite(value)) return value > 0 ? QUANTITY_MAX : 0;
  return Math.min(QUANTITY_MAX, Math.max(0, Math.ceil(value - 1e-9))) || 0;
}

/** Why an override cannot be taken, or undefined when it can. */
export function overrideFault(override: Override, nowMs: number): string | undefined {
  const { reorderPoint, orderUpTo: level, reason, expiresAtMs } = override;
  const isCount = (value: number) => Number.isInteger(value) && value >= 0 && value <= QUANTITY_MAX;
  if (!isCount(reorderPoint)) return "reorderPoint is not a whole number from 0 to 2^50";
  if (!isCount(level)) return "orderUpTo is not a whole number from 0 to 2^50";
  if (level < reorderPoint) return "orderUpTo is below reorderPoint";
  if (reason.trim() === "") return "reason is empty";
  if (!(expiresAtMs > nowMs)) return "expiry is not in the future";
  return undefined;
}
