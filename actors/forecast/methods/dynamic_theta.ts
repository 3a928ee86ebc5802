// Pure.
/**
 * Dynamic optimised Theta model: Theta whose trend line and whose theta are learnt as the series goes.
 *   mu_t = l_{t-1} + (1 - 1/theta) ((1-a)^{t-1} A_{t-1} + (1 - (1-a)^t)/a B_{t-1});  l_t = a y_t + (1-a) l_{t-1}
 * with A, B the least-squares line of y_1..y_{t-1}, updated in one step.
 * Source: Fiorucci, Pellegrini, Louzada, Petropoulos, Koehler, Int. J. Forecasting 32, 2016, eq. 8-16.
 *
 * mu is linear in the first level and in w = 1 - 1/theta (0 <= w < 1), so for each alpha both are solved
 * for and only alpha is searched. Worked example: on the line 1..12 the forecast goes on as 13, 14.
 */
import { clamp, type Series } from "../numbers.ts";
import { minimiseOnInterval } from "../optimise.ts";

const ALPHA_LOW = 0.05;
const ALPHA_HIGH = 0.99;
const W_MAX = 1 - 1e-6;

interface Solution {
  readonly sse: number;
  readonly level0: number;
  readonly w: number;
}

interface Line {
  intercept: number;
  slope: number;
  average: number;
}

/** The least-squares line of t + 1 points from that of t points and the next value (their eq. 14). */
function extendLine(line: Line, t: number, value: number): void {
  line.slope = ((t - 1) * line.slope + (6 * (value - line.average)) / (t + 1)) / (t + 2);
  line.average = (t * line.average + value) / (t + 1);
  line.intercept = line.average - (line.slope * (t + 2)) / 2;
}

function solve(y: Series, alpha: number): Solution {
  const n = y.length;
  const line: Line = { intercept: y[0]!, slope: 0, average: y[0]! };
  let level = y[0]!;
  let unit = 1 - alpha;
  let power = 1 - alpha;
  let rr = 0;
  let rp = 0;
  let rz = 0;
  let pp = 0;
  let pz = 0;
  let zz = 0;
  for (let t = 1; t < n; t++) {
    const z = power * line.intercept + ((1 - power * (1 - alpha)) / alpha) * line.slope;
    const r = y[t]! - level;
    rr += r * r;
    rp += r * unit;
    rz += r * z;
    pp += unit * unit;
    pz += unit * z;
    zz += z * z;
    level += alpha * (y[t]! - level);
    unit *= 1 - alpha;
    power *= 1 - alpha;
    extendLine(line, t, y[t]!);
  }
  const det = pp * zz - pz * pz;
  let w = det > 1e-12 * pp * zz ? clamp((pp * rz - pz * rp) / det, 0, W_MAX) : 0;
  if (!Number.isFinite(w)) w = 0;
  const shift = pp > 1e-300 ? (rp - w * pz) / pp : 0;
  const sse =
    rr - 2 * shift * rp - 2 * w * rz + shift * shift * pp + 2 * shift * w * pz + w * w * zz;
  return {
    sse: Number.isFinite(sse) ? Math.max(0, sse) : Number.POSITIVE_INFINITY,
    level0: y[0]! + shift,
    w,
  };
}

/** Forecast of `horizon` steps of a series already without its season; flat for fewer than four points. */
export function dynamicTheta(y: Series, horizon: number): number[] {
  const n = y.length;
  if (n < 4) return new Array<number>(horizon).fill(n === 0 ? 0 : y[n - 1]!);
  const alpha = minimiseOnInterval((a) => solve(y, a).sse, ALPHA_LOW, ALPHA_HIGH).x;
  const { level0, w } = solve(y, alpha);
  let level = level0 + alpha * (y[0]! - level0);
  const line: Line = { intercept: y[0]!, slope: 0, average: y[0]! };
  let power = 1 - alpha;
  for (let t = 1; t < n; t++) {
    level += alpha * (y[t]! - level);
    power *= 1 - alpha;
    extendLine(line, t, y[t]!);
  }
  const forecast: number[] = [];
  for (let k = 0; k < horizon; k++) {
    const value =
      level + w * (power * line.intercept + ((1 - power * (1 - alpha)) / alpha) * line.slope);
    forecast.push(value);
    level += alpha * (value - level);
    power *= 1 - alpha;
    extendLine(line, n + k, value);
  }
  return forecast;
}
