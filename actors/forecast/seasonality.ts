// Pure.
/**
 * Finds a season and takes it out of a series: the autocorrelation test of the M4 competition and
 * classical decomposition (Makridakis, Wheelwright, Hyndman, "Forecasting", 3rd ed., ch. 3), with the
 * seasonal indices optionally shrunk (Miller and Williams, Int. J. Forecasting 19, 2003).
 */
import { mean, type Series, smallest } from "./numbers.ts";

export interface Deseasonalised {
  /** The series without its season. */
  readonly series: Series;
  /** The season put back on a forecast that starts one step after the series. */
  readonly restore: (forecast: readonly number[]) => number[];
  /** Length of the season removed in steps; 1 when none was found. */
  readonly season: number;
  readonly multiplicative: boolean;
  /** One index a position of the cycle, the first belonging to the first point. Empty without a season. */
  readonly indices: Float64Array;
}

/** Autocorrelation at lags 1..`lagMax` (index 0 is lag 1). All 0 for a constant series. */
export function autocorrelations(y: Series, lagMax: number): Float64Array {
  const n = y.length;
  const centre = mean(y);
  const off = new Float64Array(n);
  let power = 0;
  for (let i = 0; i < n; i++) {
    off[i] = y[i]! - centre;
    power += off[i]! * off[i]!;
  }
  const result = new Float64Array(lagMax);
  if (!(power > 0)) return result;
  for (let lag = 1; lag <= lagMax; lag++) {
    let product = 0;
    for (let i = lag; i < n; i++) product += off[i]! * off[i - lag]!;
    result[lag - 1] = product / power;
  }
  return result;
}

/**
 * The M4 competition's test: seasonal when |r_m| > 1.645 sqrt((1 + 2 (r_1^2 + ... + r_{m-1}^2)) / n),
 * and at least three whole seasons are known.
 */
export function isSeasonal(y: Series, season: number): boolean {
  if (season <= 1 || y.length < 3 * season) return false;
  const r = autocorrelations(y, season);
  let squares = 0;
  for (let i = 0; i < season - 1; i++) squares += r[i]! * r[i]!;
  return Math.abs(r[season - 1]!) > 1.645 * Math.sqrt((1 + 2 * squares) / y.length);
}

/** Centred moving average of a season's width; NaN where half a season is missing. */
export function centredMovingAverage(y: Series, season: number): Float64Array {
  const n = y.length;
  const half = season >> 1;
  const average = new Float64Array(n).fill(Number.NaN);
  const even = season % 2 === 0;
  for (let i = half; i < n - half; i++) {
    let total = even ? (y[i - half]! + y[i + half]!) / 2 : y[i - half]! + y[i + half]!;
    for (let j = i - half + 1; j < i + half; j++) total += y[j]!;
    average[i] = total / season;
  }
  return average;
}

/** Removes the season `season` if the test finds it; gives the series back untouched otherwise. */
export function deseasonalise(y: Series, season: number): Deseasonalised {
  return isSeasonal(y, season) ? removeSeason(y, season) : withoutSeason(y);
}

export function withoutSeason(y: Series): Deseasonalised {
  return {
    series: y,
    restore: (forecast) => [...forecast],
    season: 1,
    multiplicative: false,
    indices: new Float64Array(0),
  };
}

/** Removes the season without a test. Needs at least two whole seasons. */
export function removeSeason(y: Series, season: number): Deseasonalised {
  const n = y.length;
  const multiplicative = smallest(y) > 0;
  const indices = seasonalIndices(y, season, multiplicative);
  const series = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const index = indices[i % season]!;
    series[i] = multiplicative ? y[i]! / index : y[i]! - index;
  }
  const restore = (forecast: readonly number[]) =>
    forecast.map((value, k) => {
      const index = indices[(n + k) % season]!;
      return multiplicative ? value * index : value + index;
    });
  return { series, restore, season, multiplicative, indices };
}

function seasonalIndices(y: Series, season: number, multiplicative: boolean): Float64Array {
  const trend = centredMovingAverage(y, season);
  const totals = new Float64Array(season);
  const counts = new Float64Array(season);
  for (let i = 0; i < y.length; i++) {
    const level = trend[i]!;
    if (Number.isNaN(level) || (multiplicative && !(level > 0))) continue;
    totals[i % season] = totals[i % season]! + (multiplicative ? y[i]! / level : y[i]! - level);
    counts[i % season] = counts[i % season]! + 1;
  }
  const neutral = multiplicative ? 1 : 0;
  const raw = totals.map((total, i) => (counts[i]! > 0 ? total / counts[i]! : neutral));
  const centre = mean(raw);
  return raw.map((index) => (multiplicative ? Math.max(index / centre, 1e-3) : index - centre));
}
