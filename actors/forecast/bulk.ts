// Pure.
/**
 * Bulk orders and outliers: a day far above what the item's selling days are like is served, but not learnt
 * from at full height, nor stocked for.
 *
 * The limit is the 95th percentile of the selling days known so far, and at least three times their median:
 * an item that always sells in similar lots has no bulk days. Censored days (out of stock) are raised to
 * what would have sold: demand / share of the open time in stock.
 *
 * Worked example: selling days 1, 2, 2, 3, 2, 2, 1, 2, 3, 90: the percentile is 3 + 0.55 x 87 = 50.85, and
 * the last day is held to it.
 */
import { quantileOfSorted, type Series } from "./numbers.ts";

const PERCENTILE = 0.95;
const MEDIANS_MIN = 3;
/** Selling days needed before anything counts as bulk. */
const SELLING_DAYS_MIN = 10;
/** A window in stock for less of its open time than this tells nothing of demand. */
const IN_STOCK_SHARE_MIN = 0.25;

/** Largest day learnt from at full height; Infinity while too little is known. */
export function bulkLimit(daily: Series): number {
  const selling = daily.filter((value) => value > 0).sort();
  if (selling.length < SELLING_DAYS_MIN) return Number.POSITIVE_INFINITY;
  const middle = quantileOfSorted(selling, 0.5);
  return Math.max(quantileOfSorted(selling, PERCENTILE), MEDIANS_MIN * middle);
}

/**
 * The series with bulk days held to the limit, and which days those are. Where it is known how large the largest order
 * of a day was, only days of which `isOneOrder` says that one order made most of them are: many who buy are no bulk.
 */
export function withoutBulk(
  daily: Series,
  isOneOrder: (t: number) => boolean = () => true,
): { series: Series; bulkDays: readonly number[] } {
  const limit = bulkLimit(daily);
  const bulkDays: number[] = [];
  const series = daily.map((value, t) => {
    if (value <= limit || !isOneOrder(t)) return value;
    bulkDays.push(t);
    return limit;
  });
  return { series, bulkDays };
}

/**
 * Demand of a window as it would have been in stock all day: NaN (not learnt from) when it was in stock for
 * less than a quarter of its open minutes, or never open.
 */
export function uncensored(
  demand: number,
  minutesOpen: number | null,
  minutesOutOfStock: number | null,
): number {
  if (minutesOpen === null || minutesOutOfStock === null) return demand;
  if (!(minutesOpen > 0)) return demand > 0 ? demand : Number.NaN;
  const share = Math.min(1, Math.max(0, 1 - minutesOutOfStock / minutesOpen));
  return share < IN_STOCK_SHARE_MIN ? Number.NaN : demand / share;
}
