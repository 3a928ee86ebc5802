// Pure.
/**
 * The smoothing of the customer's brief, kept as it stands: exponential smoothing whose trend is the
 * last change of the level.
 *   l_1 = y_1; l_t = alpha y_t + (1 - alpha) l_{t-1}; forecast_k = max(0, l_n + k (l_n - l_{n-1}))
 * rounded to two places. Source: the brief's own example, which is its golden test:
 * 120, 115, 130, 145, 140, 155, 160 with alpha 0.3 forecasts 151.62, 157.90, 164.19.
 */
import type { Series } from "../numbers.ts";

/** Forecast of `horizon` steps; zeros for an empty history. */
export function briefSmoothing(y: Series, horizon: number, alpha = 0.3): number[] {
  if (y.length === 0) return new Array<number>(horizon).fill(0);
  let level = y[0]!;
  let before = level;
  for (let i = 1; i < y.length; i++) {
    before = level;
    level = alpha * y[i]! + (1 - alpha) * level;
  }
  const trend = level - before;
  const forecast: number[] = [];
  for (let k = 1; k <= horizon; k++) {
    forecast.push(Math.round(Math.max(0, level + k * trend) * 100) / 100);
  }
  return forecast;
}
