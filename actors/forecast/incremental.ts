// Pure.
/**
 * The cheap update between refits: what one new window changes in a series' forecast, in constant time
 * and without the history.
 *
 * The refit leaves a level, a trend and a season; a new window moves the level by a fixed share of its
 * error and the season's slot by a smaller one (Hyndman et al. 2008, ETS(A,N,A)), and the error of the
 * one-step forecast enters a running variance. A refit replaces the state.
 */
import { fitSes } from "./methods/ses.ts";
import { prepare } from "./prepare.ts";
import { deseasonalise } from "./seasonality.ts";

export interface IncrementalState {
  level: number;
  /** Share of an error that moves the level, in (0, 1). */
  readonly alpha: number;
  /** Added (or multiplied, see `multiplicative`) to the level, one a slot of the cycle. */
  readonly indices: Float64Array;
  readonly multiplicative: boolean;
  /** Slot of the next window. */
  slot: number;
  /** Running mean of squared one-step errors. */
  errorVariance: number;
  /** Windows seen since the refit. */
  updates: number;
}

const SEASON_SHARE = 0.1;
const VARIANCE_SHARE = 0.02;
const ALPHA_MOST = 0.5;

/** State after a history: the refit's starting point for updates. */
export function incrementalState(values: ArrayLike<number>, season: number): IncrementalState {
  const { series } = prepare(values, season);
  const flat = deseasonalise(series, season);
  const fit = fitSes(flat.series, ALPHA_MOST);
  const indices = flat.season > 1 ? flat.indices : new Float64Array(0);
  return {
    level: fit.level,
    alpha: fit.alpha,
    indices,
    multiplicative: flat.multiplicative,
    slot: indices.length === 0 ? 0 : series.length % indices.length,
    errorVariance: fit.sse / Math.max(1, series.length - 1),
    updates: 0,
  };
}

/** Demand expected in the next window; never negative. */
export function expected(state: IncrementalState): number {
  const index = state.indices[state.slot];
  if (index === undefined) return Math.max(0, state.level);
  return Math.max(0, state.multiplicative ? state.level * index : state.level + index);
}

/** Takes in the demand of one window, in place. A value that is not finite only moves the cycle on. */
export function update(state: IncrementalState, value: number): void {
  const cycle = state.indices.length;
  if (Number.isFinite(value)) {
    const predicted = expected(state);
    const error = Math.max(0, value) - predicted;
    state.errorVariance += VARIANCE_SHARE * (error * error - state.errorVariance);
    const index = cycle > 0 ? state.indices[state.slot]! : state.multiplicative ? 1 : 0;
    const before = state.level;
    if (state.multiplicative && cycle > 0) {
      state.level = Math.max(0, before + (state.alpha * error) / Math.max(index, 0.01));
      const share = before > 0 ? (SEASON_SHARE * error) / before : 0;
      state.indices[state.slot] = Math.max(0.01, index + share);
    } else {
      state.level = before + state.alpha * error;
      if (cycle > 0) state.indices[state.slot] = index + SEASON_SHARE * (1 - state.alpha) * error;
    }
    state.updates++;
  }
  state.slot = cycle > 0 && state.slot + 1 < cycle ? state.slot + 1 : 0;
}
