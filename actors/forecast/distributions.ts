// Pure.
/**
 * Quantiles of the distributions demand is given: normal, gamma and negative binomial.
 */
import { clamp } from "./numbers.ts";

/**
 * Standard normal quantile for 0 < p < 1 (Acklam's rational approximation, relative error < 1.2e-9);
 * p is kept within [1e-12, 1 - 1e-12]. Example: p = 0.95 gives 1.644854.
 */
export function normalQuantile(probability: number): number {
  const p = clamp(probability, 1e-12, 1 - 1e-12);
  const a = [
    -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2,
    -3.066479806614716e1, 2.506628277459239,
  ] as const;
  const b = [
    -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
    -1.328068155288572e1,
  ] as const;
  const c = [
    -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734,
    4.374664141464968, 2.938163982698783,
  ] as const;
  const d = [
    7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416,
  ] as const;
  if (p < 0.02425 || p > 1 - 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p < 0.5 ? p : 1 - p));
    const tail =
      (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
      ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    return p < 0.5 ? tail : -tail;
  }
  const q = p - 0.5;
  const r = q * q;
  return (
    ((((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q) /
    (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1)
  );
}

/**
 * Gamma quantile by its mean and variance (Wilson and Hilferty, PNAS 17, 1931).
 * Example: mean 10, variance 20, p 0.95 gives 18.3 (chi-squared with 10 degrees of freedom: 18.31).
 */
export function gammaQuantile(mean: number, variance: number, probability: number): number {
  if (!(mean > 0)) return 0;
  if (!(variance > 0)) return mean;
  const share = variance / (9 * mean * mean);
  const root = 1 - share + normalQuantile(probability) * Math.sqrt(share);
  return root > 0 ? mean * root ** 3 : 0;
}

/** Above this mean the negative binomial is taken as its continuous limit, the gamma. */
const EXACT_MEAN_MAX = 300;
const COUNT_MAX = 100_000;

/**
 * Smallest whole k with P(X <= k) >= p for a negative binomial of this mean and variance (Poisson when
 * the variance is not above the mean). 0 for a mean of 0.
 * Example: Poisson with mean 3 and p = 0.95 gives 6 (P(X <= 6) = 0.966, P(X <= 5) = 0.916).
 */
export function negativeBinomialQuantile(
  mean: number,
  variance: number,
  probability: number,
): number {
  if (!(mean > 1e-9)) return 0;
  if (mean > EXACT_MEAN_MAX) {
    return Math.round(gammaQuantile(mean, Math.max(variance, mean), probability));
  }
  const p = Math.min(probability, 1 - 1e-9);
  const poisson = variance <= mean * 1.001;
  const size = poisson ? 0 : (mean * mean) / (variance - mean);
  const success = poisson ? 0 : size / (size + mean);
  let density = Math.exp(poisson ? -mean : size * Math.log(success));
  let total = density;
  let k = 0;
  while (total < p && k < COUNT_MAX) {
    density *= poisson ? mean / (k + 1) : ((k + size) / (k + 1)) * (1 - success);
    k++;
    total += density;
    if (density < 1e-15 * total && k > mean) break;
  }
  return k;
}
