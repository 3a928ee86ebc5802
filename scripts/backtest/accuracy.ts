// Owns the accuracy measures of the forecast bench: sMAPE, MASE and OWA as the M4 competition defines
// them (Makridakis, Spiliotis, Assimakopoulos, Int. J. Forecasting 36, 2020), and the scaled pinball loss
// of lead-time quantiles, which is what stock costs.
import { type Forecast, forecastSeries } from "../../actors/forecast/forecast_series.ts";
import { theta } from "../../actors/forecast/methods/theta.ts";
import { mean, type Series, sum } from "../../actors/forecast/numbers.ts";
import { deseasonalise } from "../../actors/forecast/seasonality.ts";
import type { SeriesRow } from "./series_file.ts";

export interface SeriesScores {
  readonly smape: number;
  readonly mase: number;
  /** Mean of sMAPE and MASE, each relative to Naive2 over the whole group. */
  readonly owa: number;
  readonly thetaMase: number;
  /** Share of steps at or below the 95% quantile. */
  readonly below95: number;
  readonly sound: boolean;
}

/** Scores of a group of rows with test parts. */
export function seriesScores(rows: readonly SeriesRow[], leadTime: number): SeriesScores {
  const own = { smape: 0, mase: 0 };
  const naive2 = { smape: 0, mase: 0 };
  let thetaMase = 0;
  let below = 0;
  let sound = true;
  for (const { train, test, season } of rows) {
    const horizon = test.length;
    const forecast = forecastSeries({ values: train, season, horizon, leadTime });
    sound &&= isSound(forecast);
    const flat = deseasonalise(train, season);
    const last = flat.restore(new Array<number>(horizon).fill(flat.series.at(-1) ?? 0));
    const scale = maseScale(train, season);
    own.smape += smape(test, forecast.mean);
    own.mase += meanError(test, forecast.mean) / scale;
    naive2.smape += smape(test, last);
    naive2.mase += meanError(test, last) / scale;
    thetaMase += meanError(test, flat.restore(theta(flat.series, horizon))) / scale;
    const upper = forecast.quantiles["0.95"]!;
    below += mean(test.map((value, k) => (value <= upper[k]! ? 1 : 0)));
  }
  const n = Math.max(1, rows.length);
  return {
    smape: own.smape / n,
    mase: own.mase / n,
    owa: 0.5 * (own.smape / naive2.smape + own.mase / naive2.mase),
    thetaMase: thetaMase / n,
    below95: below / n,
    sound,
  };
}

export interface IntermittentScores {
  /** Pinball loss of the 95% quantile of lead-time sums, scaled by mean |change| times sqrt(lead time). */
  readonly pinball: number;
  /** Share of lead-time sums at or below that quantile. */
  readonly coverage: number;
  readonly sound: boolean;
}

/** Scores over the whole lead times that fit in each test part, one after the other. */
export function intermittentScores(
  rows: readonly SeriesRow[],
  leadTime: number,
): IntermittentScores {
  let loss = 0;
  let covered = 0;
  let count = 0;
  let sound = true;
  for (const { train, test, season } of rows) {
    const forecast = forecastSeries({ values: train, season, horizon: test.length, leadTime });
    sound &&= isSound(forecast);
    const quantile = forecast.leadTime.quantiles["0.95"]!;
    const scale = (maseScale(train, 1) || 1) * Math.sqrt(leadTime);
    for (let start = 0; start + leadTime <= test.length; start += leadTime) {
      const demand = sum(test.subarray(start, start + leadTime));
      loss += pinball(demand, quantile, 0.95) / scale;
      covered += demand <= quantile ? 1 : 0;
      count++;
    }
  }
  return { pinball: loss / Math.max(1, count), coverage: covered / Math.max(1, count), sound };
}

/** Mean of 200 |y - f| / (|y| + |f|), in percent; a step where both are 0 counts 0. */
export function smape(actual: Series, forecast: readonly number[]): number {
  let total = 0;
  for (let k = 0; k < actual.length; k++) {
    const size = Math.abs(actual[k]!) + Math.abs(forecast[k]!);
    total += size === 0 ? 0 : (200 * Math.abs(actual[k]! - forecast[k]!)) / size;
  }
  return total / actual.length;
}

/** Mean absolute seasonal difference of the training part; never below 1e-9. */
export function maseScale(train: Series, season: number): number {
  let total = 0;
  for (let i = season; i < train.length; i++) total += Math.abs(train[i]! - train[i - season]!);
  return Math.max(total / Math.max(1, train.length - season), 1e-9);
}

export function pinball(actual: number, quantile: number, probability: number): number {
  return actual >= quantile
    ? probability * (actual - quantile)
    : (1 - probability) * (quantile - actual);
}

function meanError(actual: Series, forecast: readonly number[]): number {
  let total = 0;
  for (let k = 0; k < actual.length; k++) total += Math.abs(actual[k]! - forecast[k]!);
  return total / actual.length;
}

/** Finite, not negative, quantiles in order. */
export function isSound(forecast: Forecast): boolean {
  const { mean: path, quantiles, leadTime } = forecast;
  const low = quantiles["0.05"]!;
  const middle = quantiles["0.5"]!;
  const high = quantiles["0.95"]!;
  const fine = (value: number) => Number.isFinite(value) && value >= 0 && !Object.is(value, -0);
  const ordered = path.every((_, k) => low[k]! <= middle[k]! && middle[k]! <= high[k]!);
  const sums = Object.values(leadTime.quantiles);
  const rising = sums.every((value, i) => i === 0 || value >= sums[i - 1]!);
  const all = [...path, ...low, ...middle, ...high, leadTime.mean, leadTime.sd, ...sums];
  return ordered && rising && all.every(fine);
}
