// Pure.
/**
 * The brief's own formulas, kept as a named method:
 *   safety stock = ceil(1.65 sd sqrt(lead time));  reorder point = ceil(mean lead time + 1.65 sd sqrt(lead time))
 * with the sample standard deviation of daily sales. Source: the brief's SQL example.
 *
 * Worked example: daily sales 8, 12, 10, 10 and 4 days: mean 10, sd 1.633, safety stock
 * ceil(5.389) = 6, reorder point ceil(45.389) = 46.
 */
import { mean, standardDeviation } from "../numbers.ts";

export const BRIEF_Z = 1.65;

export interface BriefPolicy {
  readonly averageDailySales: number;
  readonly salesSd: number;
  readonly safetyStock: number;
  readonly reorderPoint: number;
}

/** Policy from daily sales in units and the mean lead time in days. Zeros for no sales known. */
export function briefPolicy(
  dailySales: ArrayLike<number>,
  leadTimeDays: number,
  z: number = BRIEF_Z,
): BriefPolicy {
  const averageDailySales = mean(dailySales);
  const salesSd = standardDeviation(dailySales);
  const buffer = z * salesSd * Math.sqrt(leadTimeDays);
  return {
    averageDailySales,
    salesSd,
    safetyStock: Math.ceil(buffer),
    reorderPoint: Math.ceil(averageDailySales * leadTimeDays + buffer),
  };
}
