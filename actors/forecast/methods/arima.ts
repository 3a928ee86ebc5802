// Pure.
/**
 * ARIMA of a fixed small order, seasonal if asked, with regressors: regression with ARIMA errors, fitted by
 * conditional sum of squares (quick, for rolling refits) or exact maximum likelihood.
 * Source: Box, Jenkins, Reinsel, "Time Series Analysis", 3rd ed., ch. 5, 7 and 9. Checked against the results
 * that R prints for its own examples (test/actors/forecast/methods/arima.test.ts), e.g. the airline model of
 * USAccDeaths: ma -0.4303, seasonal ma -0.5528, sigma^2 99347, log likelihood -425.44.
 *
 * Our own rather than a package: orders are given, never searched, every loop has a limit, no state is
 * shared between fits, and the same series gives the same numbers to the bit.
 */
import { nelderMead } from "../optimise.ts";
import { conditionalErrors, exactErrors, type Filtered } from "./arima_likelihood.ts";
import {
  type ArimaOrder,
  type Arma,
  difference,
  differencingWeights,
  expand,
  type Factors,
  factorsOf,
} from "./arima_polynomials.ts";
import { leastSquares } from "./least_squares.ts";

export interface ArimaOptions {
  readonly method: "css" | "ml";
  /** A constant: the mean without differencing, else the drift. */
  readonly constant: boolean;
  /** Regressors, each as long as the series. */
  readonly regressors?: readonly Float64Array[];
  readonly evaluationsMax?: number;
  /** Relative agreement at which the search stops; default 1e-11 for ml, 1e-7 for css. */
  readonly tolerance?: number;
}

export interface ArimaFit extends Factors {
  readonly order: ArimaOrder;
  /** Mean or drift; 0 without one. */
  readonly constant: number;
  readonly regressorCoefficients: readonly number[];
  readonly sigma2: number;
  /** Of the conditional sum of squares when so fitted. */
  readonly logLikelihood: number;
  readonly model: Arma;
  /** The regression's leftover of the series, which the ARIMA describes. */
  readonly errorsOfRegression: Float64Array;
  readonly residuals: Float64Array;
}

/** Fewest points after differencing, beyond those the autoregression is conditioned on. */
const POINTS_MIN = 6;

/** Fits the model; undefined when the series is too short for it. Throws nothing. */
export function fitArima(
  y: Float64Array,
  order: ArimaOrder,
  options: ArimaOptions,
): ArimaFit | undefined {
  const weights = differencingWeights(order);
  const w = difference(y, weights);
  const free = order.p + order.q + order.seasonalP + order.seasonalQ;
  const conditioned = order.p + order.seasonalP * order.season;
  if (w.length < POINTS_MIN + free + conditioned) return undefined;
  const outside = [...(options.regressors ?? [])];
  if (options.constant) outside.unshift(constantColumn(y.length, order));
  const columns = [w, ...outside.map((column) => difference(column, weights))];
  const buffers = columns.map((column) => new Float64Array(column.length));
  const filter = (data: readonly Float64Array[], model: Arma): Filtered =>
    options.method === "ml" ? exactErrors(data, model) : conditionalErrors(data, model, buffers);
  const solve = (x: readonly number[]) => {
    const model = expand(factorsOf(x, order), order.season);
    const filtered = filter(columns, model);
    const skipped = w.length - filtered.count;
    const errors = filtered.errors.map((column) => column.subarray(skipped));
    const found = leastSquares(errors[0]!, errors.slice(1));
    return { model, filtered, ...found };
  };
  const cost = (x: readonly number[]): number => {
    const { filtered, sse } = solve(x);
    const n = filtered.count;
    if (!(sse > 0)) return sse === 0 ? -1e300 : Number.POSITIVE_INFINITY;
    return 0.5 * (Math.log(sse / n) + filtered.logDeterminant / n);
  };
  const start = new Array<number>(free).fill(0.1);
  const found =
    free === 0
      ? { x: [] as readonly number[] }
      : nelderMead(cost, start, new Array<number>(free).fill(0.4), {
          evaluationsMax: options.evaluationsMax ?? 80 * free,
          tolerance: options.tolerance ?? (options.method === "ml" ? 1e-11 : 1e-7),
        });
  const best = solve(found.x);
  return finish(y, order, options, { ...best, x: found.x, outside });
}

/** What the constant multiplies: 1, or the line (or parabola) that becomes 1 when differenced. */
function constantColumn(length: number, { d, seasonalD, season }: ArimaOrder): Float64Array {
  const times = d + seasonalD;
  const scale = season ** seasonalD;
  const column = new Float64Array(length);
  for (let t = 0; t < length; t++) {
    column[t] = times === 0 ? 1 : times === 1 ? t / scale : (t * t) / (2 * scale);
  }
  return column;
}

function finish(
  y: Float64Array,
  order: ArimaOrder,
  options: ArimaOptions,
  best: {
    readonly x: readonly number[];
    readonly model: Arma;
    readonly filtered: Filtered;
    readonly coefficients: readonly number[];
    readonly sse: number;
    readonly outside: readonly Float64Array[];
  },
): ArimaFit {
  const { filtered, coefficients, sse, model, outside } = best;
  const n = filtered.count;
  const sigma2 = sse / n;
  const errorsOfRegression = y.slice();
  outside.forEach((column, c) => {
    for (let t = 0; t < y.length; t++) {
      errorsOfRegression[t] = errorsOfRegression[t]! - coefficients[c]! * column[t]!;
    }
  });
  const residuals = filtered.errors[0]!.slice();
  filtered.errors.slice(1).forEach((column, c) => {
    for (let t = 0; t < residuals.length; t++) {
      residuals[t] = residuals[t]! - coefficients[c]! * column[t]!;
    }
  });
  const logLikelihood = -0.5 * (n * Math.log(2 * Math.PI * sigma2) + n + filtered.logDeterminant);
  return {
    ...factorsOf(best.x, order),
    order,
    constant: options.constant ? coefficients[0]! : 0,
    regressorCoefficients: options.constant ? coefficients.slice(1) : coefficients,
    sigma2,
    logLikelihood,
    model,
    errorsOfRegression,
    residuals,
  };
}

export interface ArimaForecast {
  readonly mean: number[];
  /** Standard error of each step, in the same unit. */
  readonly se: number[];
}

/** Forecast of `horizon` steps; `regressors` are the future values, one list a regressor. */
export function forecastArima(
  fit: ArimaFit,
  horizon: number,
  regressors: readonly ArrayLike<number>[] = [],
): ArimaForecast {
  const { order, model, errorsOfRegression: z } = fit;
  const weights = differencingWeights(order);
  const known = difference(z, weights);
  const n = known.length;
  const w = new Float64Array(n + horizon);
  w.set(known);
  const residuals = new Float64Array(n + horizon);
  residuals.set(fit.residuals);
  const path = new Float64Array(z.length + horizon);
  path.set(z);
  const mean: number[] = [];
  const constants =
    fit.constant === 0 ? new Float64Array(0) : constantColumn(z.length + horizon, order);
  for (let k = 0; k < horizon; k++) {
    let value = 0;
    for (let i = 0; i < model.phi.length && i < n + k; i++) {
      value += model.phi[i]! * w[n + k - 1 - i]!;
    }
    for (let j = 0; j < model.theta.length && j < n + k; j++) {
      value += model.theta[j]! * residuals[n + k - 1 - j]!;
    }
    w[n + k] = value;
    for (let i = 0; i < weights.length; i++) value += weights[i]! * path[z.length + k - 1 - i]!;
    path[z.length + k] = value;
    let told = value + fit.constant * (constants[z.length + k] ?? 0);
    fit.regressorCoefficients.forEach((coefficient, c) => {
      told += coefficient * (regressors[c]?.[k] ?? 0);
    });
    mean.push(told);
  }
  return { mean, se: standardErrors(fit, weights, horizon) };
}

/** From the psi weights of the whole model, differencing included (Box et al., eq. 5.1.16). */
function standardErrors(fit: ArimaFit, weights: Float64Array, horizon: number): number[] {
  const { phi, theta } = fit.model;
  const whole = new Float64Array(phi.length + weights.length);
  phi.forEach((value, i) => {
    whole[i] = whole[i]! + value;
  });
  weights.forEach((value, j) => {
    whole[j] = whole[j]! + value;
    phi.forEach((inner, i) => {
      whole[i + j + 1] = whole[i + j + 1]! - inner * value;
    });
  });
  const psi: number[] = [1];
  const se: number[] = [];
  let squares = 0;
  for (let k = 0; k < horizon; k++) {
    squares += psi[k]! ** 2;
    se.push(Math.sqrt(fit.sigma2 * squares));
    let value = theta[k] ?? 0;
    for (let i = 0; i < whole.length && i <= k; i++) value += whole[i]! * psi[k - i]!;
    psi.push(value);
  }
  return se;
}
