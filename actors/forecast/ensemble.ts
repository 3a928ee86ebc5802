// Pure.
/**
 * The ensemble: a median of robust members and a mean weighted by what each member's backtest earned,
 * with the recipe chosen per class of series.
 *
 * The recipes were chosen by rolling-origin backtest inside training parts only; docs/FORECASTING.md
 * has the tables. Weights are (error)^-power, after Pawlikowski and Chorowska, Int. J. Forecasting 36, 2020.
 */
import type { SeriesClass } from "./classify.ts";
import { cutOf, MEMBERS, type MemberName } from "./members.ts";
import { median, type Series } from "./numbers.ts";
import { memberErrors, type OriginResult, rollOrigins } from "./rolling_origin.ts";

export interface Recipe {
  /** Members that share the weighted mean. */
  readonly weighted: readonly MemberName[];
  /** How sharply weight follows the backtest: weight = error^-power. */
  readonly power: number;
  /** Members of the median; when there are any, the forecast is the mean of both. */
  readonly middle: readonly MemberName[];
}

const MIDDLE: readonly MemberName[] = ["theta", "damped", "dynamicTheta"];
const BROAD: readonly MemberName[] = [
  "theta",
  "damped",
  "dynamicTheta",
  "ses",
  "seasonalNaive",
  "holtWintersAdditive",
  "holtWintersMultiplicative",
];

export function recipeOf(seriesClass: SeriesClass, season: number): Recipe {
  if (seriesClass === "double_seasonal") {
    return {
      weighted: [
        "doubleSeasonal",
        "holtWintersAdditive",
        "holtWintersInner",
        "dynamicTheta",
        "seasonalNaive",
      ],
      power: 8,
      middle: [],
    };
  }
  if (seriesClass === "weekly_cycle") {
    return {
      weighted: [
        "theta",
        "dynamicTheta",
        "ses",
        "holtWintersAdditive",
        "seasonalArima",
        "secondOrder",
      ],
      power: 8,
      middle: [],
    };
  }
  if (season > 1) {
    return {
      weighted: [
        "theta",
        "dynamicTheta",
        "ses",
        "seasonalNaive",
        "holtWintersMultiplicative",
        "airline",
        "seasonalAutoregression",
      ],
      power: 2,
      middle: [],
    };
  }
  return { weighted: BROAD, power: 4, middle: [] };
}

export interface EnsembleForecast {
  readonly mean: readonly number[];
  readonly weights: ReadonlyMap<MemberName, number>;
  readonly origins: readonly OriginResult[];
  /** The ensemble's own forecast at each origin, beside `origins`. */
  readonly atOrigins: readonly (readonly number[])[];
}

/**
 * Fits all members, weighs them by a backtest of `backtestHorizon` steps, combines them. Undefined when
 * no member can be fitted.
 */
export function ensemble(
  y: Series,
  recipe: Recipe,
  seasons: { readonly season: number; readonly outerSeason: number },
  horizon: number,
  backtestHorizon: number = horizon,
): EnsembleForecast | undefined {
  const { season, outerSeason } = seasons;
  const names = [...new Set([...recipe.weighted, ...recipe.middle])];
  const cut = cutOf(y, season, outerSeason);
  const forecasts = new Map<MemberName, readonly number[]>();
  for (const name of names) {
    const forecast = MEMBERS[name](cut, horizon);
    if (forecast?.every(Number.isFinite)) forecasts.set(name, forecast);
  }
  if (forecasts.size === 0) return undefined;
  const origins = rollOrigins(y, names, season, outerSeason, backtestHorizon);
  const weights = weigh(recipe, origins, forecasts);
  const combineAll = (from: ReadonlyMap<MemberName, readonly number[]>) =>
    combine(from, weights, recipe.middle);
  return {
    mean: combineAll(forecasts),
    weights,
    origins,
    atOrigins: origins.map((origin) => combineAll(origin.forecasts)),
  };
}

/** Weights that sum to 1, over the members that could forecast at most origins; even without origins. */
function weigh(
  recipe: Recipe,
  origins: readonly OriginResult[],
  forecasts: ReadonlyMap<MemberName, readonly number[]>,
): Map<MemberName, number> {
  const errors = memberErrors(origins);
  const able = recipe.weighted.filter((name) => forecasts.has(name));
  const counts = able.map((name) => errors.get(name)?.count ?? 0);
  const countMost = Math.max(0, ...counts);
  const weights = new Map<MemberName, number>();
  if (countMost === 0) {
    const fallback = MIDDLE.filter((name) => forecasts.has(name));
    const even = fallback.length > 0 ? fallback : able;
    for (const name of even) weights.set(name, 1 / even.length);
    return weights;
  }
  const chosen = able.filter((_, i) => counts[i] === countMost);
  const least = Math.min(...chosen.map((name) => errors.get(name)!.mae));
  let total = 0;
  for (const name of chosen) {
    const ratio = (least + Number.MIN_VALUE) / (errors.get(name)!.mae + Number.MIN_VALUE);
    const weight = ratio ** recipe.power;
    weights.set(name, weight);
    total += weight;
  }
  for (const [name, weight] of weights) weights.set(name, weight / total);
  return weights;
}

function combine(
  forecasts: ReadonlyMap<MemberName, readonly number[]>,
  weights: ReadonlyMap<MemberName, number>,
  middle: readonly MemberName[],
): number[] {
  const steps = forecasts.values().next().value?.length ?? 0;
  const centre = middle.flatMap((name) => {
    const forecast = forecasts.get(name);
    return forecast === undefined ? [] : [forecast];
  });
  const combined: number[] = [];
  for (let k = 0; k < steps; k++) {
    let total = 0;
    let weightSum = 0;
    for (const [name, weight] of weights) {
      const forecast = forecasts.get(name);
      if (forecast === undefined) continue;
      total += weight * forecast[k]!;
      weightSum += weight;
    }
    const weighted = weightSum > 0 ? total / weightSum : Number.NaN;
    if (centre.length === 0) combined.push(weighted);
    else {
      const middling = median(centre.map((forecast) => forecast[k]!));
      combined.push(Number.isNaN(weighted) ? middling : (weighted + middling) / 2);
    }
  }
  return combined;
}
