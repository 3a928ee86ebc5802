// Pure.
/**
 * Lag polynomials of an ARIMA model: parameters kept inside the stationary and invertible region,
 * seasonal factors multiplied out, differencing and its inverse.
 * Source: Box, Jenkins, Reinsel, "Time Series Analysis", 3rd ed., ch. 3, 5 and 9; the transformation by
 * partial autocorrelations is Monahan's (Biometrika 71, 1984), as in R's `arima`.
 */

export interface ArimaOrder {
  readonly p: number;
  readonly d: number;
  readonly q: number;
  readonly seasonalP: number;
  readonly seasonalD: number;
  readonly seasonalQ: number;
  /** Steps of the season; at least 2 when any seasonal order is above 0. */
  readonly season: number;
}

/** Both factors multiplied out: w_t = sum phi_i w_{t-i} + e_t + sum theta_j e_{t-j}. */
export interface Arma {
  readonly phi: Float64Array;
  readonly theta: Float64Array;
}

/** Coefficients of a stationary autoregression from free numbers: tanh gives partial autocorrelations. */
export function stationary(free: readonly number[]): number[] {
  let coefficients: number[] = [];
  for (const x of free) {
    const partial = Math.tanh(x);
    const previous = coefficients;
    coefficients = previous.map((c, i) => c - partial * previous[previous.length - 1 - i]!);
    coefficients.push(partial);
  }
  return coefficients;
}

export interface Factors {
  readonly ar: readonly number[];
  readonly ma: readonly number[];
  readonly seasonalAr: readonly number[];
  readonly seasonalMa: readonly number[];
}

/** Cuts free numbers into the four factors, every one inside its region. */
export function factorsOf(free: readonly number[], order: ArimaOrder): Factors {
  const { p, q, seasonalP, seasonalQ } = order;
  const cut = (from: number, count: number) => stationary(free.slice(from, from + count));
  const negated = (values: readonly number[]) => values.map((value) => -value);
  return {
    ar: cut(0, p),
    ma: negated(cut(p, q)),
    seasonalAr: cut(p + q, seasonalP),
    seasonalMa: negated(cut(p + q + seasonalP, seasonalQ)),
  };
}

/** (1 - ar)(1 - seasonal ar) and (1 + ma)(1 + seasonal ma), multiplied out. */
export function expand(factors: Factors, season: number): Arma {
  const negated = (values: readonly number[]) => values.map((value) => -value);
  const phi = multiply(negated(factors.ar), negated(factors.seasonalAr), season);
  return {
    phi: phi.map((value) => -value),
    theta: multiply(factors.ma, factors.seasonalMa, season),
  };
}

/** (1 + a_1 B + ...)(1 + b_1 B^s + ...) without its leading 1. */
function multiply(a: readonly number[], b: readonly number[], season: number): Float64Array {
  const product = new Float64Array(a.length + b.length * season);
  a.forEach((value, i) => {
    product[i] = product[i]! + value;
  });
  b.forEach((value, j) => {
    const lag = (j + 1) * season;
    product[lag - 1] = product[lag - 1]! + value;
    a.forEach((inner, i) => {
      product[lag + i] = product[lag + i]! + inner * value;
    });
  });
  return product;
}

/** (1 - B)^d (1 - B^s)^D as weights of the lags, without its leading 1: y_t = w_t + sum weight_i y_{t-i}. */
export function differencingWeights({ d, seasonalD, season }: ArimaOrder): Float64Array {
  let weights = Float64Array.of(1);
  const times = (lag: number) => {
    const next = new Float64Array(weights.length + lag);
    weights.forEach((value, i) => {
      next[i] = next[i]! + value;
      next[i + lag] = next[i + lag]! - value;
    });
    weights = next;
  };
  for (let i = 0; i < d; i++) times(1);
  for (let i = 0; i < seasonalD; i++) times(season);
  return weights.subarray(1).map((value) => -value);
}

/** The series after differencing: shorter by the number of weights. */
export function difference(y: Float64Array, weights: Float64Array): Float64Array {
  const lost = weights.length;
  const result = new Float64Array(Math.max(0, y.length - lost));
  for (let t = lost; t < y.length; t++) {
    let value = y[t]!;
    for (let i = 0; i < lost; i++) value -= weights[i]! * y[t - 1 - i]!;
    result[t - lost] = value;
  }
  return result;
}
