// Pure.
/**
 * Holt's linear trend: the damped trend with phi = 1.
 * Source: Holt 1957, reprinted Int. J. Forecasting 20, 2004; recursion and fit in damped.ts.
 * Worked example: the line 1, 2, 3, 4, 5 goes on as 6, 7.
 */
import type { Series } from "../numbers.ts";
import { dampedPath, fitDamped } from "./damped.ts";

/** Forecast of `horizon` steps of a series already without its season; flat for fewer than four points. */
export function holt(y: Series, horizon: number): number[] {
  if (y.length < 4) return new Array<number>(horizon).fill(y.length === 0 ? 0 : y[y.length - 1]!);
  return dampedPath(fitDamped(y, 1), horizon);
}
