// Pure.
/**
 * How much to order: the economic order quantity or a number of days of cover, within what the vendor and
 * the shelf allow.
 * EOQ = sqrt(2 D K / h) (Harris, Factory 10, 1913): D units a year, K the cost of an order, h the cost of
 * holding a unit for a year. Worked example: D 1200, K 50, h 3 gives 200.
 */
import { assert } from "../../../shared/assert.ts";

export interface QuantityRules {
  /** Least and pack quantity the vendor takes, in units; 1 for none. */
  readonly minimum: number;
  readonly multiple: number;
  /** Days of demand an order should cover; used when costs are not known. */
  readonly coverDays: number;
  /** Cost of an order and of holding a unit for a year, in the same currency. */
  readonly costs?: { readonly perOrder: number; readonly holdingPerUnitYear: number };
  /** Days until a unit spoils: no more is kept than sells in that time. */
  readonly shelfLifeDays?: number;
  /** Most units the shelf takes. */
  readonly stockMax?: number;
}

const DAYS_A_YEAR = 365;

export function economicOrderQuantity(
  unitsPerYear: number,
  perOrder: number,
  holdingPerUnitYear: number,
): number {
  if (!(unitsPerYear > 0) || !(perOrder > 0) || !(holdingPerUnitYear > 0)) return 0;
  return Math.sqrt((2 * unitsPerYear * perOrder) / holdingPerUnitYear);
}

/** Units wanted in one order, before minimum and multiple; at least 1. */
export function orderQuantity(demandPerDay: number, rules: QuantityRules): number {
  const byCover = demandPerDay * rules.coverDays;
  const { costs } = rules;
  const byCost =
    costs === undefined
      ? 0
      : economicOrderQuantity(demandPerDay * DAYS_A_YEAR, costs.perOrder, costs.holdingPerUnitYear);
  const wanted = byCost > 0 ? byCost : byCover;
  // What is a hair above a whole number is that number.
  return Math.max(1, Math.ceil(wanted * (1 - 1e-9)));
}

/**
 * Order-up-to level above a reorder point: a whole number of packs more, at least the minimum, then held
 * to shelf life and shelf. Never below the reorder point; whole units.
 */
export function orderUpTo(
  reorderPoint: number,
  demandPerDay: number,
  rules: QuantityRules,
): number {
  assert(rules.multiple >= 1, `multiple is ${rules.multiple}, expected at least 1`);
  const wanted = Math.max(orderQuantity(demandPerDay, rules), rules.minimum);
  const packed = Math.ceil(wanted / rules.multiple) * rules.multiple;
  let level = reorderPoint + packed;
  if (rules.shelfLifeDays !== undefined) {
    level = Math.min(level, Math.floor(demandPerDay * rules.shelfLifeDays));
  }
  if (rules.stockMax !== undefined) level = Math.min(level, rules.stockMax);
  return Math.max(reorderPoint, Math.ceil(level), 0);
}
