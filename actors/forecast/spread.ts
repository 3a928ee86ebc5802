// Pure.
/**
 * How far off a forecast may be: a standard deviation a step and of the lead-time sum, from the
 * ensemble's own errors at its backtest origins, and quantiles drawn from it.
 *
 * The shape over the horizon is that of exponential smoothing (Hyndman et al. 2008, eq. 6.1):
 * var_k = s^2 (1 + (k - 1) alpha^2); its scale is the backtest's, with the in-sample error as a prior.
 */
import { gammaQuantile, negativeBinomialQuantile, normalQuantile } from "./distributions.ts";
import type { EnsembleForecast } from "./ensemble.ts";
import { fitSes } from "./methods/ses.ts";
import { mean, type Series, sum } from "./numbers.ts";

export interface Spread {
  /** Standard deviation of each step's error. */
  readonly perStep: readonly number[];
  /** Standard deviation of the error of the sum of `steps` steps. */
  readonly ofSum: (steps: number) => number;
}

/** Weight of the in-sample error, in observations. */
const PRIOR_COUNT = 6;
/** Origins are few and their errors hang together: a widening found on training parts. */
const WIDENING = 1.1;

export function spreadOf(flat: Series, forecast: EnsembleForecast): Spread {
  const fit = fitSes(flat, 0.8);
  const alpha = fit.alpha;
  const inSample = fit.sse / Math.max(1, flat.length - 2);
  let squares = inSample * PRIOR_COUNT;
  let count = PRIOR_COUNT;
  forecast.origins.forEach(({ actual }, o) => {
    const predicted = forecast.atOrigins[o]!;
    for (let k = 0; k < actual.length; k++) {
      squares += (actual[k]! - predicted[k]!) ** 2 / (1 + k * alpha * alpha);
      count++;
    }
  });
  const scale = WIDENING * Math.sqrt(squares / count);
  return {
    perStep: forecast.mean.map((_, k) => scale * Math.sqrt(1 + k * alpha * alpha)),
    ofSum: (steps) => {
      let shape = 0;
      for (let i = 0; i < steps; i++) shape += (1 + i * alpha) ** 2;
      return scale * Math.sqrt(shape);
    },
  };
}

/** The distribution drawn from: counts are negative binomial, wide positive ones gamma, others normal. */
export type Family = "count" | "skewed" | "normal";

export function familyOf(y: Series): Family {
  let whole = true;
  for (let i = 0; i < y.length && whole; i++) whole = Number.isInteger(y[i]!);
  const average = mean(y);
  if (whole && average < 100) return "count";
  let squares = 0;
  for (let i = 0; i < y.length; i++) squares += (y[i]! - average) ** 2;
  const deviation = Math.sqrt(squares / Math.max(1, y.length));
  return deviation > 0.5 * average ? "skewed" : "normal";
}

/** Quantile of a demand with this mean and standard deviation; never below zero. */
export function quantileFrom(
  family: Family,
  expected: number,
  deviation: number,
  probability: number,
): number {
  if (family === "count") return negativeBinomialQuantile(expected, deviation ** 2, probability);
  if (family === "skewed") return gammaQuantile(expected, deviation ** 2, probability);
  return Math.max(0, expected + normalQuantile(probability) * deviation);
}

/** Mean absolute error of the ensemble at its origins; undefined without any. */
export function backtestError(forecast: EnsembleForecast): number | undefined {
  if (forecast.origins.length === 0) return undefined;
  const errors = forecast.origins.map(({ actual }, o) => {
    const predicted = forecast.atOrigins[o]!;
    return sum(actual.map((value, k) => Math.abs(value - predicted[k]!))) / actual.length;
  });
  return mean(errors);
}
