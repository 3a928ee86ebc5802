// Pure.
/**
 * Teunter-Syntetos-Babai: the probability of demand is smoothed at every step, so that an item that
 * dies out is forecast to fade; its size only when demand comes.
 * Source: Teunter, Syntetos, Babai, European J. Operational Research 214, 2011, eq. 1-2.
 *
 * Worked example: probability 0.5, size 4 before; then a step without demand with beta 0.1 gives
 * probability 0.45 and forecast 1.8.
 */
import { mean, type Series } from "../numbers.ts";

export interface TsbState {
  readonly size: number;
  readonly probability: number;
}

/** One step further; `alpha` smooths the size, `beta` the probability, both in (0, 1]. */
export function tsbUpdate(state: TsbState, value: number, alpha: number, beta: number): TsbState {
  if (value > 0) {
    return {
      size: state.size + alpha * (value - state.size),
      probability: state.probability + beta * (1 - state.probability),
    };
  }
  return { size: state.size, probability: state.probability * (1 - beta) };
}

/** State from the first quarter of the series (at least six points), then run over all of it. */
export function fitTsb(y: Series, alpha: number, beta: number): TsbState {
  const head = y.subarray(0, Math.max(6, y.length >> 2));
  const demands = head.filter((value) => value > 0);
  const all = demands.length > 0 ? demands : y.filter((value) => value > 0);
  let state: TsbState = {
    size: mean(all),
    probability: head.length === 0 ? 0 : demands.length / head.length,
  };
  for (let i = 0; i < y.length; i++) state = tsbUpdate(state, y[i]!, alpha, beta);
  return state;
}

/** Demand a step; 0 when there never was any demand. */
export function tsb(y: Series, alpha = 0.1, beta = 0.05): number {
  const { size, probability } = fitTsb(y, alpha, beta);
  return size * probability;
}
