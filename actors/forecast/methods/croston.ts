// Pure.
/**
 * Croston's method: the size of a demand and the steps between demands are smoothed apart, both only
 * when demand comes; the forecast a step is size / interval.
 * Source: Croston, Operational Research Quarterly 23, 1972; smoothing as in Hyndman and Athanasopoulos,
 * "Forecasting: Principles and Practice", 3rd ed., eq. 13.1.
 *
 * Worked example: 2, 0, 2, 0, 2 with any alpha: size 2, first interval 1 moving to 2, so with alpha 1
 * the forecast is 2 / 2 = 1.
 */
import type { Series } from "../numbers.ts";

/** Demand a step, for a smoothing constant in (0, 1]; 0 when there never was any demand. */
export function croston(y: Series, alpha = 0.1): number {
  let size = 0;
  let interval = 0;
  let since = 1;
  let seen = false;
  for (let i = 0; i < y.length; i++) {
    const value = y[i]!;
    if (!(value > 0)) {
      since++;
      continue;
    }
    size = seen ? size + alpha * (value - size) : value;
    interval = seen ? interval + alpha * (since - interval) : since;
    seen = true;
    since = 1;
  }
  return seen ? size / interval : 0;
}
