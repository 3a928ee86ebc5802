// Pure.
/**
 * One-step errors of an ARMA model, in the two ways R's `arima` has: conditional (errors before the first
 * are zero) and exact (Kalman filter from the stationary distribution). Both are linear in the data, so
 * that regressors pass through the same filter and their coefficients are solved for by least squares.
 * Source: Harvey and Phillips, Biometrika 66, 1979; Gardner, Harvey, Phillips, Applied Statistics 29, 1980.
 */
import type { Arma } from "./arima_polynomials.ts";

export interface Filtered {
  /** Errors divided by the square root of their relative variance, one list a column. */
  readonly errors: readonly Float64Array[];
  /** Sum of the logarithms of the relative variances; 0 for conditional errors. */
  readonly logDeterminant: number;
  /** Errors that count. */
  readonly count: number;
}

/**
 * Conditional errors: the first `phi.length` are taken as zero and do not count. `buffers` (zero at first,
 * of the columns' lengths) are written to and handed back as the errors.
 */
export function conditionalErrors(
  columns: readonly Float64Array[],
  { phi, theta }: Arma,
  buffers: readonly Float64Array[] = columns.map((w) => new Float64Array(w.length)),
): Filtered {
  const skipped = phi.length;
  // Most lags of a seasonal model are zero: only the others are walked through.
  const arLags = lagsOf(phi);
  const maLags = lagsOf(theta);
  const arValues = phi.filter((value) => value !== 0);
  const maValues = theta.filter((value) => value !== 0);
  const errors = columns.map((w, c) => {
    const e = buffers[c]!;
    for (let t = skipped; t < w.length; t++) {
      let value = w[t]!;
      for (let i = 0; i < arLags.length; i++) value -= arValues[i]! * w[t - arLags[i]!]!;
      for (let j = 0; j < maLags.length; j++) {
        const lag = maLags[j]!;
        if (lag <= t) value -= maValues[j]! * e[t - lag]!;
      }
      e[t] = value;
    }
    return e;
  });
  return { errors, logDeterminant: 0, count: (columns[0]?.length ?? 0) - skipped };
}

function lagsOf(coefficients: Float64Array): Int32Array {
  let count = 0;
  for (let i = 0; i < coefficients.length; i++) if (coefficients[i] !== 0) count++;
  const lags = new Int32Array(count);
  let next = 0;
  for (let i = 0; i < coefficients.length; i++) if (coefficients[i] !== 0) lags[next++] = i + 1;
  return lags;
}

const DOUBLINGS_MAX = 40;
/** The filter's gain stands still once the relative variance is this near 1. */
const SETTLED = 1e-12;

/** Exact errors, standardised. The state has max(p, q + 1) parts. */
export function exactErrors(columns: readonly Float64Array[], { phi, theta }: Arma): Filtered {
  const r = Math.max(phi.length, theta.length + 1);
  const at = (i: number): number => phi[i] ?? 0;
  const noise = Float64Array.from({ length: r }, (_, i) => (i === 0 ? 1 : (theta[i - 1] ?? 0)));
  const P = stationaryCovariance(r, at, noise);
  const states = columns.map(() => new Float64Array(r));
  const n = columns[0]?.length ?? 0;
  const errors = columns.map(() => new Float64Array(n));
  const gain = new Float64Array(r);
  const next = new Float64Array(r * r);
  let logDeterminant = 0;
  let settled = false;
  let variance = 1;
  for (let t = 0; t < n; t++) {
    if (!settled) {
      variance = P[0]!;
      // Gain of the predicted state: T P e1 / variance.
      for (let i = 0; i < r; i++) {
        gain[i] = (at(i) * P[0]! + (i + 1 < r ? P[(i + 1) * r]! : 0)) / variance;
      }
    }
    logDeterminant += Math.log(variance);
    const root = Math.sqrt(variance);
    columns.forEach((w, c) => {
      const state = states[c]!;
      const v = w[t]! - state[0]!;
      errors[c]![t] = v / root;
      const first = state[0]!;
      for (let i = 0; i < r; i++) {
        state[i] = at(i) * first + (i + 1 < r ? state[i + 1]! : 0) + gain[i]! * v;
      }
    });
    if (settled) continue;
    for (let i = 0; i < r; i++) {
      for (let j = 0; j < r; j++) {
        const moved =
          at(i) * at(j) * P[0]! +
          (j + 1 < r ? at(i) * P[j + 1]! : 0) +
          (i + 1 < r ? at(j) * P[(i + 1) * r]! : 0) +
          (i + 1 < r && j + 1 < r ? P[(i + 1) * r + j + 1]! : 0);
        next[i * r + j] = moved + noise[i]! * noise[j]! - gain[i]! * gain[j]! * variance;
      }
    }
    P.set(next);
    settled = Math.abs(variance - 1) < SETTLED;
  }
  return { errors, logDeterminant, count: n };
}

/** Solves P = T P T' + noise noise' by doubling: each round sums twice as many terms of its series. */
function stationaryCovariance(
  r: number,
  at: (i: number) => number,
  noise: Float64Array,
): Float64Array {
  let A = new Float64Array(r * r);
  for (let i = 0; i < r; i++) {
    A[i * r] = at(i);
    if (i + 1 < r) A[i * r + i + 1] = 1;
  }
  let V = new Float64Array(r * r);
  for (let i = 0; i < r; i++) for (let j = 0; j < r; j++) V[i * r + j] = noise[i]! * noise[j]!;
  for (let round = 0; round < DOUBLINGS_MAX; round++) {
    const more = product(product(A, V, r), transposed(A, r), r);
    let largest = 0;
    for (let i = 0; i < V.length; i++) {
      V[i] = V[i]! + more[i]!;
      largest = Math.max(largest, Math.abs(more[i]!));
    }
    if (!(largest > 1e-14 * Math.abs(V[0]!))) break;
    A = product(A, A, r);
  }
  V = V.map((value) => (Number.isFinite(value) ? value : 1e7));
  return V;
}

function product(a: Float64Array, b: Float64Array, r: number): Float64Array<ArrayBuffer> {
  const c = new Float64Array(r * r);
  for (let i = 0; i < r; i++) {
    for (let k = 0; k < r; k++) {
      const value = a[i * r + k]!;
      if (value === 0) continue;
      for (let j = 0; j < r; j++) c[i * r + j] = c[i * r + j]! + value * b[k * r + j]!;
    }
  }
  return c;
}

function transposed(a: Float64Array, r: number): Float64Array<ArrayBuffer> {
  const c = new Float64Array(r * r);
  for (let i = 0; i < r; i++) for (let j = 0; j < r; j++) c[j * r + i] = a[i * r + j]!;
  return c;
}
