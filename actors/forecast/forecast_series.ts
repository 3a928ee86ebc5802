// Pure.
/**
 * The one door to the methods: a series of demand in, a forecast with quantiles out.
 *
 * F1 Every number out is finite and not negative.
 * F2 No step exceeds five times the largest value ever seen, no sum that bound times its steps.
 * F3 The same input gives the same output to the bit: no clock, no chance, fixed numbers of evaluations.
 * F4 Whatever the input (empty, constant, gaps, huge), there is a forecast, and no exception.
 */
import { classify, type SeriesClass } from "./classify.ts";
import { ensemble, recipeOf } from "./ensemble.ts";
import { forecastIntermittent } from "./intermittent.ts";
import { cutOf } from "./members.ts";
import { leadTimeQuantile } from "./methods/negative_binomial.ts";
import { clamp, largest, mean, type Series, standardDeviation } from "./numbers.ts";
import { prepare } from "./prepare.ts";
import { type Signal, type SignalEffect, withoutSignals } from "./signals.ts";
import { backtestError, familyOf, quantileFrom, spreadOf } from "./spread.ts";

/** Version of the code that made a forecast: raised with any change of its numbers. */
export const FORECAST_VERSION = 1;

export const STEP_QUANTILES = [0.05, 0.5, 0.95] as const;
export const LEAD_TIME_QUANTILES = [0.05, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99] as const;

export interface ForecastInput {
  /** Demand per step, oldest first; NaN where it is not known. */
  readonly values: ArrayLike<number>;
  /** Steps of one cycle: 7 for days, 12 for months, 24 for hours, 1 for none. */
  readonly season: number;
  /** Steps to forecast, 1 to 1,000. */
  readonly horizon: number;
  /** Steps of the lead time whose sum is asked for, at least 1. */
  readonly leadTime: number;
  /** Holidays, promotions and the like, past values step by step beside `values`, and what is known ahead. */
  readonly signals?: readonly Signal[];
}

export interface LeadTimeForecast {
  readonly steps: number;
  readonly mean: number;
  readonly sd: number;
  readonly quantiles: Readonly<Record<string, number>>;
}

export interface Forecast {
  readonly method: string;
  readonly seriesClass: SeriesClass;
  readonly version: number;
  readonly mean: readonly number[];
  readonly quantiles: Readonly<Record<string, readonly number[]>>;
  readonly leadTime: LeadTimeForecast;
  /** Mean absolute error a step at the backtest's origins; null when there was no backtest. */
  readonly backtestError: number | null;
  readonly warnings: readonly string[];
  /** What each signal was found to do; empty without signals. */
  readonly effects: readonly SignalEffect[];
}

export const HORIZON_MAX = 1_000;
const SEASON_MAX = 1_000;
const BOUND_FACTOR = 5;

/** A forecast of any series. Horizon, lead time and season are brought into range, with a warning. */
export function forecastSeries(input: ForecastInput): Forecast {
  const horizon = inRange(input.horizon, HORIZON_MAX);
  const leadTime = inRange(input.leadTime, HORIZON_MAX);
  const season = inRange(input.season, SEASON_MAX);
  const { series: known, warnings } = prepare(input.values, season);
  const told = season === input.season ? warnings : [...warnings, `season read as ${season}`];
  const signals = (input.signals ?? []).map(({ name, past, future }) => ({
    name,
    past: Array.from(past).slice(input.values.length - known.length),
    future,
  }));
  const { series, effects, restore } = withoutSignals(known, signals, season);
  const { seriesClass, draft } = draftOf(series, season, horizon, leadTime);
  const finished = effects.length === 0 ? draft : withSignals(draft, restore);
  return { ...bounded(finished, seriesClass, known, told), effects };
}

/** Newest points the plain forecast looks at, at least; two seasons when those are longer. */
const PLAIN_POINTS = 28;

/** The mean of the newest points: what stands in when a fit failed, told in the warnings. Never fails. */
export function plainForecast(input: ForecastInput, why: string): Forecast {
  const season = inRange(input.season, SEASON_MAX);
  const { series, warnings } = prepare(input.values, season);
  const newest = series.subarray(Math.max(0, series.length - Math.max(PLAIN_POINTS, 2 * season)));
  const draft = shortDraft(
    newest,
    inRange(input.horizon, HORIZON_MAX),
    inRange(input.leadTime, HORIZON_MAX),
  );
  return { ...bounded(draft, "short", series, [...warnings, why]), effects: [] };
}

function draftOf(
  series: Series,
  season: number,
  horizon: number,
  leadTime: number,
): { seriesClass: SeriesClass; draft: Draft } {
  const kind = classify(series, season);
  const { seriesClass } = kind;
  if (seriesClass === "empty") return { seriesClass, draft: emptyDraft(horizon, leadTime) };
  if (seriesClass === "intermittent") {
    return { seriesClass, draft: intermittentDraft(series, horizon, leadTime) };
  }
  const fitted =
    seriesClass === "short" ? undefined : ensembleDraft(series, kind, horizon, leadTime);
  return { seriesClass, draft: fitted ?? shortDraft(series, horizon, leadTime) };
}

/** The draft moved by what the signals known ahead do to each step. */
function withSignals(draft: Draft, restore: (forecast: readonly number[]) => number[]): Draft {
  const { steps, mean: expected, quantileAt } = draft.leadTime;
  const reach = Math.max(draft.mean.length, steps);
  const even = steps > 0 ? expected / steps : 0;
  const before = Array.from({ length: reach }, (_, k) => draft.mean[k] ?? even);
  const moves = restore(before).map((value, k) => value - before[k]!);
  let total = 0;
  for (let k = 0; k < steps; k++) total += moves[k]!;
  return {
    ...draft,
    mean: draft.mean.map((value, k) => value + moves[k]!),
    quantileAt: (probability, k) => draft.quantileAt(probability, k) + moves[k]!,
    leadTime: {
      ...draft.leadTime,
      mean: expected + total,
      quantileAt: (probability) => quantileAt(probability) + total,
    },
  };
}

interface Draft {
  readonly method: string;
  readonly mean: readonly number[];
  readonly quantileAt: (probability: number, step: number) => number;
  readonly leadTime: {
    readonly steps: number;
    readonly mean: number;
    readonly sd: number;
    readonly quantileAt: (probability: number) => number;
  };
  readonly backtestError: number | null;
}

function inRange(value: number, most: number): number {
  return Number.isFinite(value) ? clamp(Math.round(value), 1, most) : 1;
}

function emptyDraft(horizon: number, steps: number): Draft {
  return {
    method: "none",
    mean: new Array<number>(horizon).fill(0),
    quantileAt: () => 0,
    leadTime: { steps, mean: 0, sd: 0, quantileAt: () => 0 },
    backtestError: null,
  };
}

function intermittentDraft(y: Series, horizon: number, steps: number): Draft {
  const found = forecastIntermittent(y, steps);
  return {
    method: found.method,
    mean: new Array<number>(horizon).fill(found.level),
    quantileAt: (probability) => leadTimeQuantile(found.step, probability),
    leadTime: {
      steps,
      mean: found.level * steps,
      sd: Math.sqrt(found.leadTime.variance),
      quantileAt: (probability) => leadTimeQuantile(found.leadTime, probability),
    },
    backtestError: null,
  };
}

/** Fewer points than any fit needs: their mean, with at least the spread of random arrivals. */
function shortDraft(y: Series, horizon: number, steps: number): Draft {
  const level = mean(y);
  const deviation = Math.max(standardDeviation(y), Math.sqrt(level));
  const family = familyOf(y);
  const ofSum = Math.sqrt(deviation ** 2 * steps * (1 + steps / Math.max(1, y.length)));
  return {
    method: "mean",
    mean: new Array<number>(horizon).fill(level),
    quantileAt: (probability) => quantileFrom(family, level, deviation, probability),
    leadTime: {
      steps,
      mean: level * steps,
      sd: ofSum,
      quantileAt: (probability) => quantileFrom(family, level * steps, ofSum, probability),
    },
    backtestError: null,
  };
}

function ensembleDraft(
  y: Series,
  kind: { seriesClass: SeriesClass; season: number; outerSeason: number },
  horizon: number,
  steps: number,
): Draft | undefined {
  const reach = Math.max(horizon, Math.min(steps, HORIZON_MAX));
  const recipe = recipeOf(kind.seriesClass, kind.season);
  const found = ensemble(y, recipe, kind, reach, horizon);
  if (found === undefined) return undefined;
  const spread = spreadOf(cutOf(y, kind.season, kind.outerSeason).flat.series, found);
  const family = familyOf(y);
  const path = found.mean.map((value) => Math.max(0, value));
  let total = 0;
  for (let k = 0; k < steps; k++) total += path[k]!;
  const sd = spread.ofSum(steps);
  return {
    method: `ensemble:${[...found.weights.keys()].join("+")}`,
    mean: path.slice(0, horizon),
    quantileAt: (probability, k) => quantileFrom(family, path[k]!, spread.perStep[k]!, probability),
    leadTime: {
      steps,
      mean: total,
      sd,
      quantileAt: (probability) => quantileFrom(family, total, sd, probability),
    },
    backtestError: backtestError(found) ?? null,
  };
}

/** Holds F1 and F2, whatever a method came up with. */
function bounded(
  draft: Draft,
  seriesClass: SeriesClass,
  y: Series,
  warnings: readonly string[],
): Omit<Forecast, "effects"> {
  const most = y.length === 0 ? 0 : BOUND_FACTOR * Math.max(0, largest(y));
  const held = (value: number, limit: number): number =>
    Number.isFinite(value) ? clamp(value, 0, limit) || 0 : value > 0 ? limit : 0;
  const steps = draft.leadTime.steps;
  const path = draft.mean.map((value) => held(value, most));
  const quantiles: Record<string, number[]> = {};
  for (const probability of STEP_QUANTILES) {
    quantiles[probability] = path.map((_, k) => held(draft.quantileAt(probability, k), most));
  }
  const ofSum: Record<string, number> = {};
  for (const probability of LEAD_TIME_QUANTILES) {
    ofSum[probability] = held(draft.leadTime.quantileAt(probability), most * steps);
  }
  return {
    method: draft.method,
    seriesClass,
    version: FORECAST_VERSION,
    mean: path,
    quantiles,
    leadTime: {
      steps,
      mean: held(draft.leadTime.mean, most * steps),
      sd: held(draft.leadTime.sd, most * steps),
      quantiles: ofSum,
    },
    backtestError: draft.backtestError,
    warnings,
  };
}
