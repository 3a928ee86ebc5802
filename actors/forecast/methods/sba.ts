// Pure.
/**
 * Syntetos-Boylan approximation: Croston's forecast times (1 - alpha / 2), which takes out its bias.
 * Source: Syntetos and Boylan, Int. J. Forecasting 21, 2005, eq. 5.
 * Worked example: Croston's 1 with alpha 0.1 becomes 0.95.
 */
import type { Series } from "../numbers.ts";
import { croston } from "./croston.ts";

/** Demand a step; 0 when there never was any demand. */
export function sba(y: Series, alpha = 0.1): number {
  return (1 - alpha / 2) * croston(y, alpha);
}
