// Pure.
/**
 * Holt-Winters seasonal smoothing with a damped trend, additive or multiplicative:
 *   e_t = y_t - (l + phi b) s   (multiplicative)     or   y_t - (l + phi b + s)   (additive)
 *   l' = l + phi b + alpha e / s;  b' = phi b + beta e / s;  s' = s + gamma e / (l + phi b)
 * Source: Hyndman, Koehler, Ord, Snyder, "Forecasting with Exponential Smoothing" (2008), table 2.3,
 * ETS(A,Ad,A) and ETS(A,Ad,M). First states from classical decomposition, five parameters by least squares.
 *
 * Worked example: 10, 20, 10, 20, ... with season 2 forecasts 10, 20, 10.
 */
import { fitLine, type Series } from "../numbers.ts";
import { nelderMead, squash, unsquash } from "../optimise.ts";
import { removeSeason } from "../seasonality.ts";

export type SeasonKind = "additive" | "multiplicative";

interface State {
  level: number;
  trend: number;
  readonly seasonal: Float64Array;
}

interface Parameters {
  readonly alpha: number;
  readonly beta: number;
  readonly gamma: number;
  readonly phi: number;
}

const EVALUATIONS_MAX = 80;

/**
 * Forecast of `horizon` steps; undefined when the history is shorter than two seasons and two points.
 * Multiplicative needs positive values: with any other it is done additively.
 */
export function holtWinters(
  y: Series,
  horizon: number,
  season: number,
  kind: SeasonKind,
): number[] | undefined {
  const n = y.length;
  if (season < 2 || n < 2 * season + 2) return undefined;
  const { series, indices, multiplicative } = removeSeason(y, season);
  if (kind === "multiplicative" && !multiplicative) return undefined;
  const additiveIndices = kind === "additive" && multiplicative ? toAdditive(y, indices) : indices;
  const firstSeasons = series.subarray(0, Math.min(n, Math.max(2 * season, 8)));
  const { intercept, slope } = fitLine(firstSeasons);
  const start = { level: intercept - slope, trend: slope };
  const state: State = { ...start, seasonal: new Float64Array(season) };
  const reset = () => {
    state.level = start.level;
    state.trend = start.trend;
    state.seasonal.set(additiveIndices);
  };
  const at = (p: readonly number[]): Parameters => {
    const alpha = squash(p[0]!, 1e-4, 0.99);
    return {
      alpha,
      beta: alpha * squash(p[1]!, 1e-4, 0.9),
      gamma: (1 - alpha) * squash(p[2]!, 1e-4, 0.9),
      phi: squash(p[3]!, 0.8, 0.99),
    };
  };
  const run = kind === "additive" ? runAdditive : runMultiplicative;
  const cost = (p: readonly number[]): number => {
    reset();
    return run(y, season, at(p), state);
  };
  const guess = [
    unsquash(0.2, 1e-4, 0.99),
    unsquash(0.05, 1e-4, 0.9),
    unsquash(0.1, 1e-4, 0.9),
    unsquash(0.95, 0.8, 0.99),
  ];
  const found = nelderMead(cost, guess, [1, 1, 1, 1], {
    evaluationsMax: EVALUATIONS_MAX,
    tolerance: 1e-5,
  });
  reset();
  const parameters = at(found.x);
  run(y, season, parameters, state);
  return path(state, parameters.phi, n, season, horizon, kind);
}

/** Multiplicative indices as differences at the mean level of the series. */
function toAdditive(y: Series, indices: Float64Array): Float64Array {
  let total = 0;
  for (let i = 0; i < y.length; i++) total += y[i]!;
  const level = total / y.length;
  return indices.map((index) => (index - 1) * level);
}

function runAdditive(y: Series, season: number, p: Parameters, state: State): number {
  const s = state.seasonal;
  let l = state.level;
  let b = state.trend;
  let sse = 0;
  let slot = 0;
  for (let i = 0; i < y.length; i++) {
    const base = l + p.phi * b;
    const e = y[i]! - base - s[slot]!;
    sse += e * e;
    l = base + p.alpha * e;
    b = p.phi * b + p.beta * e;
    s[slot] = s[slot]! + p.gamma * e;
    slot = slot + 1 === season ? 0 : slot + 1;
  }
  state.level = l;
  state.trend = b;
  return sse;
}

function runMultiplicative(y: Series, season: number, p: Parameters, state: State): number {
  const s = state.seasonal;
  let l = state.level;
  let b = state.trend;
  let sse = 0;
  let slot = 0;
  for (let i = 0; i < y.length; i++) {
    const base = l + p.phi * b;
    const index = s[slot]!;
    if (!(base > 0) || !(index > 0)) return Number.POSITIVE_INFINITY;
    const e = y[i]! - base * index;
    sse += e * e;
    l = base + (p.alpha * e) / index;
    b = p.phi * b + (p.beta * e) / index;
    s[slot] = index + (p.gamma * e) / base;
    slot = slot + 1 === season ? 0 : slot + 1;
  }
  state.level = l;
  state.trend = b;
  return sse;
}

function path(
  state: State,
  phi: number,
  n: number,
  season: number,
  horizon: number,
  kind: SeasonKind,
): number[] {
  const forecast: number[] = [];
  let damping = 1;
  let reach = 0;
  for (let k = 0; k < horizon; k++) {
    damping *= phi;
    reach += damping;
    const base = state.level + reach * state.trend;
    const index = state.seasonal[(n + k) % season]!;
    forecast.push(kind === "additive" ? base + index : base * index);
  }
  return forecast;
}
