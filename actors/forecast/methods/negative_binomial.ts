// Pure.
/**
 * Quantiles of lead-time demand as a negative binomial: its mean from the forecast a step, its variance
 * from the sums of lead-time length seen so far, moved along with the mean.
 * Source: Syntetos, Babai, Altay, European J. Operational Research 216, 2012 (fit of the negative
 * binomial to spare parts' lead-time demand); the scaling of the variance is ours, chosen by rolling
 * origins in training parts (docs/FORECASTING.md).
 *
 * Worked example: sums 0, 3, 0, 3 (mean 1.5, variance 3) with a forecast of 1.5 over the lead time and
 * exponent 2: negative binomial of mean 1.5 and variance 3, whose 0.95 quantile is 5.
 */
import { negativeBinomialQuantile } from "../distributions.ts";
import { mean, rollingSums, type Series, variance } from "../numbers.ts";

export interface LeadTimeDemand {
  readonly mean: number;
  readonly variance: number;
}

/** Mean and variance of the sum over `steps`, for a forecast of `level` a step. */
export function leadTimeDemand(
  y: Series,
  level: number,
  steps: number,
  options: { readonly exponent: number; readonly inflation: number },
): LeadTimeDemand {
  const average = mean(y);
  const sums = rollingSums(y, steps);
  const seen = sums.length >= 2 ? variance(sums) : variance(y) * steps;
  const ratio = average > 0 ? Math.max(level / average, 0.05) : 1;
  return {
    mean: level * steps,
    variance: seen * ratio ** options.exponent * options.inflation,
  };
}

export function leadTimeQuantile(demand: LeadTimeDemand, probability: number): number {
  return negativeBinomialQuantile(demand.mean, demand.variance, probability);
}
