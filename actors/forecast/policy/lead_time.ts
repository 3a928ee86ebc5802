// Pure.
/**
 * How long a vendor takes, learnt from receipts: mean and standard deviation of days from order to shelf per
 * vendor and SKU, shrunk towards the vendor's and, before anything came, the catalog's promise.
 *
 * Shrinkage: mean = (n own + k prior) / (n + k) with k = 4 receipts' worth of prior, after Efron and Morris
 * (J. American Statistical Association 70, 1975). Worked example: promise 10 days, receipts after 14 and 14:
 * (2 x 14 + 4 x 10) / 6 = 11.33.
 */
import { median } from "../numbers.ts";

export interface LeadTime {
  readonly meanDays: number;
  readonly sdDays: number;
  /** Receipts it was learnt from. */
  readonly receiptCount: number;
}

export interface LeadTimePrior {
  /** What the catalog promises, or the vendor's own mean when known. */
  readonly meanDays: number;
  /** Spread assumed before anything came; default a quarter of the mean. */
  readonly sdDays?: number;
}

const PRIOR_RECEIPTS = 4;
const PRIOR_SPREAD = 0.25;
/** A receipt later than this many medians counts as that late: a forgotten order is no lead time. */
const LATE_MEDIANS_MAX = 3;
const RECEIPTS_MAX = 50;
export const LEAD_TIME_DAYS_MAX = 730;

/** Lead time from the days each receipt took (newest last; the newest 50 count). */
export function learnLeadTime(receiptDays: readonly number[], prior: LeadTimePrior): LeadTime {
  const valid = receiptDays
    .filter((days) => Number.isFinite(days) && days >= 0)
    .slice(-RECEIPTS_MAX);
  const promised = Math.min(LEAD_TIME_DAYS_MAX, Math.max(0, prior.meanDays));
  const priorSd = prior.sdDays ?? PRIOR_SPREAD * promised;
  const n = valid.length;
  if (n === 0) return { meanDays: promised, sdDays: priorSd, receiptCount: 0 };
  const latest = Math.max(1, LATE_MEDIANS_MAX * median(valid));
  const days = valid.map((value) => Math.min(value, latest, LEAD_TIME_DAYS_MAX));
  const own = days.reduce((a, b) => a + b, 0) / n;
  const meanDays = (n * own + PRIOR_RECEIPTS * promised) / (n + PRIOR_RECEIPTS);
  let squares = PRIOR_RECEIPTS * priorSd * priorSd;
  for (const value of days) squares += (value - own) ** 2;
  const sdDays = Math.sqrt(squares / (n - 1 + PRIOR_RECEIPTS));
  return { meanDays, sdDays, receiptCount: n };
}
