// Pure.
/**
 * The Theta method: the mean of the linear trend (theta 0) and simple exponential smoothing of the
 * series with doubled curvature (theta 2).
 * Source: Assimakopoulos and Nikolopoulos, Int. J. Forecasting 16, 2000; Hyndman and Billah 2003, eq. 3-8.
 *
 * Worked example: on the line 1, 2, 3, 4 the smoothing stands at 4 and the trend at 5, 6: forecast 4.5, 5.
 */
import { fitLine, type Series } from "../numbers.ts";
import { fitSes } from "./ses.ts";

/** Forecast of `horizon` steps of a series already without its season. */
export function theta(y: Series, horizon: number): number[] {
  const n = y.length;
  const { intercept, slope } = fitLine(y);
  const curved = new Float64Array(n);
  for (let i = 0; i < n; i++) curved[i] = 2 * y[i]! - (intercept + slope * i);
  const fit = fitSes(curved);
  const forecast: number[] = [];
  for (let k = 0; k < horizon; k++) {
    forecast.push(0.5 * fit.level + 0.5 * (intercept + slope * (n + k)));
  }
  return forecast;
}
