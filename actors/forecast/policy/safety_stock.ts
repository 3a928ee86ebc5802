// Pure.
/**
 * Safety stock from the distribution of demand over the lead time, for a fill rate.
 *
 * The fill rate of a normal lead-time demand with order quantity Q: 1 - sd G(z) / Q, where G is the unit
 * normal loss function (Silver, Pyke, Thomas, 4th ed., eq. 6.27). Demand is not normal, so z is then
 * multiplied by a factor learnt from measured fill (calibration.ts). A lead time that varies adds
 * (demand a day)^2 x (its variance) to the variance (ibid., eq. 6.33).
 *
 * Worked examples: G(0) = 0.39894; a fill of 95% with sd 10 and Q 40 asks G(z) = 0.2, z = 0.4929.
 */
import { clamp } from "../numbers.ts";

const Z_MIN = -2;
const Z_MAX = 8;
const BISECTIONS = 60;

/** Standard normal density. */
function density(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/** Chance that a standard normal is above z (Abramowitz and Stegun 7.1.26, absolute error < 1e-7). */
export function upperTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const poly =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * poly * Math.exp(-x * x);
  return z >= 0 ? tail : 1 - tail;
}

/** Unit normal loss function: expected shortfall of a standard normal above z. */
export function unitLoss(z: number): number {
  return Math.max(0, density(z) - z * upperTail(z));
}

/** z at which a fill rate is reached, for a lead-time sd and an order quantity in units. */
export function zForFill(fillRate: number, sd: number, orderQuantity: number): number {
  if (!(sd > 0) || !(orderQuantity > 0)) return 0;
  const wanted = ((1 - clamp(fillRate, 0, 0.99999)) * orderQuantity) / sd;
  let low = Z_MIN;
  let high = Z_MAX;
  if (unitLoss(low) <= wanted) return low;
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (unitLoss(middle) > wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Standard deviation of demand over a lead time that itself varies. */
export function leadTimeSd(demandSd: number, demandPerDay: number, leadTimeSdDays: number): number {
  return Math.hypot(demandSd, demandPerDay * leadTimeSdDays);
}
