// Pure.
/**
 * Simple exponential smoothing: l_t = l_{t-1} + alpha (y_t - l_{t-1}), forecast flat at l_n.
 * Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., eq. 8.1-8.2.
 *
 * For a given alpha the errors are linear in the starting level, so that level is solved for exactly
 * and only alpha is searched. Worked example: y = 1, 2, 3 with alpha 0.5 and l_0 = 1 gives
 * l = 1, 1.5, 2.25.
 */
import type { Series } from "../numbers.ts";
import { minimiseOnInterval } from "../optimise.ts";

export interface SesFit {
  readonly alpha: number;
  /** Level before the first point. */
  readonly level0: number;
  /** Level after the last point: the forecast of every step. */
  readonly level: number;
  /** Sum of squared one-step errors. */
  readonly sse: number;
}

export const SES_ALPHA_MIN = 0.0001;
export const SES_ALPHA_MAX = 0.9999;

/** Fits alpha and the first level by least squares. A series of one point is its own level. */
export function fitSes(y: Series, alphaMax = SES_ALPHA_MAX): SesFit {
  if (y.length === 0) return { alpha: 0, level0: 0, level: 0, sse: 0 };
  const found = minimiseOnInterval((alpha) => concentrated(y, alpha).sse, SES_ALPHA_MIN, alphaMax);
  const { level0, sse } = concentrated(y, found.x);
  return { alpha: found.x, level0, level: smooth(y, found.x, level0), sse };
}

/** The level after the whole series, from a given start. */
export function smooth(y: Series, alpha: number, level0: number): number {
  let level = level0;
  for (let i = 0; i < y.length; i++) level += alpha * (y[i]! - level);
  return level;
}

/** Best first level for this alpha, and its sum of squared errors. */
function concentrated(y: Series, alpha: number): { level0: number; sse: number } {
  const origin = y[0]!;
  let level = origin;
  let weight = 1;
  let rr = 0;
  let pr = 0;
  let pp = 0;
  for (let i = 0; i < y.length; i++) {
    const error = y[i]! - level;
    rr += error * error;
    pr += weight * error;
    pp += weight * weight;
    level += alpha * error;
    weight *= 1 - alpha;
  }
  const shift = pr / pp;
  return { level0: origin + shift, sse: Math.max(0, rr - shift * pr) };
}

/** Forecast of `horizon` steps. */
export function ses(y: Series, horizon: number): number[] {
  return new Array<number>(horizon).fill(fitSes(y).level);
}
