// Pure.
/**
 * Forecast of a series of mostly zeros: a flat level a step and a negative binomial around it.
 *
 * Two settings, chosen by rolling origins inside the training parts of both kinds: coarse series (few,
 * long steps: months) follow the last year quickly; fine ones (many short steps: days) lean on the
 * whole history, and their stock is set against the higher of two readings.
 */
import { imapa } from "./methods/imapa.ts";
import { type LeadTimeDemand, leadTimeDemand } from "./methods/negative_binomial.ts";
import { tsb } from "./methods/tsb.ts";
import { mean, type Series } from "./numbers.ts";

export interface IntermittentForecast {
  readonly method: string;
  /** Expected demand a step. */
  readonly level: number;
  /** Distribution of one step. */
  readonly step: LeadTimeDemand;
  /** Distribution of the sum over the lead time; its mean is the cautious one. */
  readonly leadTime: LeadTimeDemand;
}

/** From this many points a series counts as fine. */
const FINE_POINTS_MIN = 100;
const LONG_RUN_SHARE = 0.3;
const SES_ALPHA = 0.1;

export function forecastIntermittent(y: Series, leadTimeSteps: number): IntermittentForecast {
  const aggregated = imapa(y);
  if (y.length < FINE_POINTS_MIN) {
    const level = (aggregated + tsb(y, 0.1, 0.1) + smoothedLevel(y)) / 3;
    const options = { exponent: 2, inflation: 1 };
    return {
      method: "imapa+tsb+ses/negative-binomial",
      level,
      step: leadTimeDemand(y, level, 1, options),
      leadTime: leadTimeDemand(y, level, leadTimeSteps, options),
    };
  }
  const fading = tsb(y, 0.1, 0.05);
  const level = (aggregated + fading) / 2;
  const cautious = LONG_RUN_SHARE * mean(y) + (1 - LONG_RUN_SHARE) * Math.max(aggregated, fading);
  const options = { exponent: 1.5, inflation: 1.5 };
  return {
    method: "imapa+tsb/negative-binomial",
    level,
    step: leadTimeDemand(y, level, 1, options),
    leadTime: leadTimeDemand(y, cautious, leadTimeSteps, options),
  };
}

function smoothedLevel(y: Series): number {
  let level = mean(y.subarray(0, Math.min(12, y.length)));
  for (let i = 0; i < y.length; i++) level += SES_ALPHA * (y[i]! - level);
  return level;
}
