// Pure.
/**
 * Seasonal naive: each step repeats the value one season before; season 1 is the naive method.
 * Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., section 5.2.
 * Worked example: 1, 2, 3, 4 with season 2 forecasts 3, 4, 3.
 */
import type { Series } from "../numbers.ts";

/** Forecast of `horizon` steps; the last value when the series is shorter than a season; 0 when empty. */
export function seasonalNaive(y: Series, horizon: number, season: number): number[] {
  const n = y.length;
  const forecast: number[] = [];
  for (let k = 0; k < horizon; k++) {
    const value = n === 0 ? 0 : n < season ? y[n - 1]! : y[n - season + (k % season)]!;
    forecast.push(value);
  }
  return forecast;
}
