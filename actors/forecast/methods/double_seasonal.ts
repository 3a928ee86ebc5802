// Pure.
/**
 * Double seasonal exponential smoothing with autoregressive errors: a day inside a week, an hour inside
 * a day. No trend.
 *   p_t = l + d[t mod m1] + w[t mod m2];  e_t = y_t - p_t - rho e'_{t-1}, e' = y - p
 *   l += alpha e';  d += delta e';  w += omega e'
 * Source: Taylor, J. Operational Research Society 54, 2003 (additive form of eq. 4-8 with the AR(1) term).
 * Works on logarithms for positive series, so that the seasons multiply.
 *
 * Worked example: a daily cycle of 4 inside a weekly one of 8, exactly repeated, goes on unchanged.
 */
import { mean, type Series, smallest } from "../numbers.ts";
import { nelderMead, squash, unsquash } from "../optimise.ts";

interface State {
  level: number;
  readonly inner: Float64Array;
  readonly outer: Float64Array;
  lastError: number;
}

/**
 * Forecast of `horizon` steps with `inner` < `outer` seasons (outer a multiple of inner); undefined when
 * fewer than two outer seasons are known.
 */
export function doubleSeasonal(
  y: Series,
  horizon: number,
  inner: number,
  outer: number,
): number[] | undefined {
  if (inner < 2 || outer <= inner || outer % inner !== 0 || y.length < 2 * outer) return undefined;
  const logs = smallest(y) > 0;
  const values = logs ? y.map(Math.log) : y;
  const state: State = startOf(values, inner, outer);
  const start = {
    level: state.level,
    inner: state.inner.slice(),
    outer: state.outer.slice(),
  };
  const reset = () => {
    state.level = start.level;
    state.inner.set(start.inner);
    state.outer.set(start.outer);
    state.lastError = 0;
  };
  const cost = (p: readonly number[]): number => {
    reset();
    return run(values, state, at(p));
  };
  const guess = [0.05, 0.1, 0.1].map((share) => unsquash(share, 0, 1));
  guess.push(unsquash(0.5, 0, 0.99));
  const found = nelderMead(cost, guess, [1, 1, 1, 1], { evaluationsMax: 120, tolerance: 1e-5 });
  reset();
  const parameters = at(found.x);
  run(values, state, parameters);
  const forecast: number[] = [];
  let carried = state.lastError;
  for (let k = 0; k < horizon; k++) {
    const t = y.length + k;
    carried *= parameters.rho;
    const value = state.level + state.inner[t % inner]! + state.outer[t % outer]! + carried;
    forecast.push(logs ? Math.exp(value) : value);
  }
  return forecast;
}

interface Parameters {
  readonly alpha: number;
  readonly delta: number;
  readonly omega: number;
  readonly rho: number;
}

function at(p: readonly number[]): Parameters {
  return {
    alpha: squash(p[0]!, 0, 1),
    delta: squash(p[1]!, 0, 1),
    omega: squash(p[2]!, 0, 1),
    rho: squash(p[3]!, 0, 0.99),
  };
}

/** First states: mean of the known weeks, mean by slot of the day, and what the week adds to it. */
function startOf(y: Series, inner: number, outer: number): State {
  const weeks = Math.max(2, Math.min(3, Math.floor(y.length / outer)));
  const head = y.subarray(0, weeks * outer);
  const level = mean(head);
  const innerSlots = new Float64Array(inner);
  const outerSlots = new Float64Array(outer);
  for (let i = 0; i < head.length; i++) {
    innerSlots[i % inner] = innerSlots[i % inner]! + ((head[i]! - level) * inner) / head.length;
  }
  for (let i = 0; i < head.length; i++) {
    const rest = head[i]! - level - innerSlots[i % inner]!;
    outerSlots[i % outer] = outerSlots[i % outer]! + (rest * outer) / head.length;
  }
  return { level, inner: innerSlots, outer: outerSlots, lastError: 0 };
}

function run(y: Series, state: State, p: Parameters): number {
  const innerSlots = state.inner;
  const outerSlots = state.outer;
  let level = state.level;
  let last = 0;
  let sse = 0;
  let i1 = 0;
  let i2 = 0;
  for (let t = 0; t < y.length; t++) {
    const base = y[t]! - level - innerSlots[i1]! - outerSlots[i2]!;
    const e = base - p.rho * last;
    sse += e * e;
    level += p.alpha * e;
    innerSlots[i1] = innerSlots[i1]! + p.delta * e;
    outerSlots[i2] = outerSlots[i2]! + p.omega * e;
    last = base;
    i1 = i1 + 1 === innerSlots.length ? 0 : i1 + 1;
    i2 = i2 + 1 === outerSlots.length ? 0 : i2 + 1;
  }
  state.level = level;
  state.lastError = last;
  return Number.isFinite(sse) ? sse : Number.POSITIVE_INFINITY;
}
