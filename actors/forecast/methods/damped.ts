// Pure.
/**
 * Damped trend and, with phi fixed at 1, Holt's linear trend:
 *   e_t = y_t - l_{t-1} - phi b_{t-1};  l_t = l_{t-1} + phi b_{t-1} + alpha e_t;  b_t = phi b_{t-1} + beta e_t
 *   forecast_k = l_n + (phi + ... + phi^k) b_n
 * Source: Gardner and McKenzie, Management Science 31, 1985; Hyndman and Athanasopoulos, "Forecasting:
 * Principles and Practice", 3rd ed., section 8.2, in error-correction form (beta here is their beta* alpha).
 *
 * For given (alpha, beta, phi) the errors are linear in the first level and trend; these two are solved
 * for exactly and the rest is searched. Worked example: l_n = 10, b_n = 2, phi = 0.5 forecasts 11, 11.5, 11.75.
 */
import type { Series } from "../numbers.ts";
import { nelderMead, squash, unsquash } from "../optimise.ts";

export interface DampedFit {
  readonly alpha: number;
  readonly beta: number;
  readonly phi: number;
  readonly level: number;
  readonly trend: number;
  readonly sse: number;
}

const PHI_LOW = 0.8;
const PHI_HIGH = 0.98;

/** Fits by least squares; `phiFixed` 1 is Holt's method. Needs at least two points. */
export function fitDamped(y: Series, phiFixed?: number): DampedFit {
  const work: Work = { level: 0, trend: 0, sse: 0 };
  const at = (p: readonly number[]): readonly [number, number, number] => {
    const alpha = squash(p[0]!, 1e-4, 0.9999);
    const beta = alpha * squash(p[1]!, 1e-4, 0.9999);
    return [alpha, beta, phiFixed ?? squash(p[2]!, PHI_LOW, PHI_HIGH)];
  };
  const cost = (p: readonly number[]): number => {
    const [alpha, beta, phi] = at(p);
    return concentrated(y, alpha, beta, phi, work);
  };
  const phiStart = unsquash(0.93, PHI_LOW, PHI_HIGH);
  let start: number[] = [];
  let startCost = Number.POSITIVE_INFINITY;
  for (const alpha of [0.1, 0.4, 0.8]) {
    for (const share of [0.03, 0.3]) {
      const candidate = [unsquash(alpha, 1e-4, 0.9999), unsquash(share, 1e-4, 0.9999)];
      if (phiFixed === undefined) candidate.push(phiStart);
      const value = cost(candidate);
      if (start.length === 0 || value < startCost) {
        start = candidate;
        startCost = value;
      }
    }
  }
  const found = nelderMead(cost, start, start.length === 3 ? [1, 1, 1] : [1, 1], {
    evaluationsMax: 90,
    tolerance: 1e-6,
  });
  const [alpha, beta, phi] = at(found.x);
  concentrated(y, alpha, beta, phi, work);
  return { alpha, beta, phi, level: work.level, trend: work.trend, sse: work.sse };
}

interface Work {
  level: number;
  trend: number;
  sse: number;
}

/**
 * Sum of squared errors with the best first level and trend, by running the recursion three times at
 * once: from the guess (y_0, 0), and from unit changes of level and trend with a series of zeros.
 */
function concentrated(y: Series, alpha: number, beta: number, phi: number, work: Work): number {
  const n = y.length;
  let l = y[0]!;
  let b = 0;
  let l1 = 1;
  let b1 = 0;
  let l2 = 0;
  let b2 = 1;
  let rr = 0;
  let r1 = 0;
  let r2 = 0;
  let s11 = 0;
  let s12 = 0;
  let s22 = 0;
  for (let i = 0; i < n; i++) {
    const p = l + phi * b;
    const p1 = l1 + phi * b1;
    const p2 = l2 + phi * b2;
    const e = y[i]! - p;
    rr += e * e;
    r1 += p1 * e;
    r2 += p2 * e;
    s11 += p1 * p1;
    s12 += p1 * p2;
    s22 += p2 * p2;
    l = p + alpha * e;
    b = phi * b + beta * e;
    l1 = p1 - alpha * p1;
    b1 = phi * b1 - beta * p1;
    l2 = p2 - alpha * p2;
    b2 = phi * b2 - beta * p2;
  }
  const det = s11 * s22 - s12 * s12;
  let c1 = s11 > 0 ? r1 / s11 : 0;
  let c2 = 0;
  if (det > 1e-9 * s11 * s22) {
    c1 = (s22 * r1 - s12 * r2) / det;
    c2 = (s11 * r2 - s12 * r1) / det;
  }
  work.level = l + c1 * l1 + c2 * l2;
  work.trend = b + c1 * b1 + c2 * b2;
  const sse = rr - c1 * r1 - c2 * r2;
  work.sse = sse > 0 ? sse : 0;
  return Number.isFinite(sse) ? work.sse : Number.POSITIVE_INFINITY;
}

/** Forecast of `horizon` steps from a final level and trend. */
export function dampedPath(
  fit: { readonly level: number; readonly trend: number; readonly phi: number },
  horizon: number,
): number[] {
  const forecast: number[] = [];
  let damping = 1;
  let reach = 0;
  for (let k = 0; k < horizon; k++) {
    damping *= fit.phi;
    reach += damping;
    forecast.push(fit.level + reach * fit.trend);
  }
  return forecast;
}

/** Damped trend forecast of a series already without its season; flat for fewer than four points. */
export function damped(y: Series, horizon: number): number[] {
  if (y.length < 4) return new Array<number>(horizon).fill(y.length === 0 ? 0 : y[y.length - 1]!);
  return dampedPath(fitDamped(y), horizon);
}
