// Pure.
/**
 * The ARIMA members of an ensemble: fixed small orders, on logarithms where the series is positive, over a
 * rolling window, and with a guard: a forecast more than the series' whole range away from it is refused
 * (fixed orders are sound on ordinary data and can explode on the rest).
 */
import { type ArimaOptions, fitArima, forecastArima } from "./methods/arima.ts";
import type { ArimaOrder } from "./methods/arima_polynomials.ts";
import { autoregression } from "./methods/autoregression.ts";
import { largest, type Series, smallest } from "./numbers.ts";

/** Newest points a fit looks at. */
const WINDOW_POINTS = 600;
/** Evaluations of a refit: enough to be near the optimum, few enough for rolling origins. */
const EVALUATIONS_MAX = 45;
const TOLERANCE = 1e-4;

type Forecaster = (window: Series) => readonly number[] | undefined;

/** Runs `forecaster` on the window, on logarithms if asked and possible, and guards what comes out. */
function guarded(y: Series, logs: boolean, forecaster: Forecaster): number[] | undefined {
  const window = y.subarray(Math.max(0, y.length - WINDOW_POINTS));
  const low = smallest(window);
  const high = largest(window);
  const onLogs = logs && low > 0;
  const found = forecaster(onLogs ? window.map(Math.log) : window);
  if (found === undefined) return undefined;
  const range = high - low;
  const path = found.map((value) => (onLogs ? Math.exp(value) : value));
  return path.every((value) => value >= low - range && value <= high + range) ? path : undefined;
}

function seasonal(
  order: Pick<ArimaOrder, "p" | "d" | "q">,
  season: number,
  constant: boolean,
): { order: ArimaOrder; options: ArimaOptions } {
  return {
    order: { ...order, seasonalP: 0, seasonalD: 1, seasonalQ: 1, season },
    options: { method: "css", constant, evaluationsMax: EVALUATIONS_MAX, tolerance: TOLERANCE },
  };
}

function arima(y: Series, horizon: number, model: ReturnType<typeof seasonal>) {
  return guarded(y, true, (window) => {
    const fit = fitArima(window, model.order, model.options);
    return fit === undefined ? undefined : forecastArima(fit, horizon).mean;
  });
}

/** (0,1,1)(0,1,1)m, the airline model (Box and Jenkins). */
export function airline(y: Series, horizon: number, season: number): number[] | undefined {
  if (season < 2) return undefined;
  return arima(y, horizon, seasonal({ p: 0, d: 1, q: 1 }, season, false));
}

/** (1,0,0)(0,1,1)m with drift: a season that moves slowly around a level that comes back. */
export function seasonalArima(y: Series, horizon: number, season: number): number[] | undefined {
  if (season < 2) return undefined;
  return arima(y, horizon, seasonal({ p: 1, d: 0, q: 0 }, season, true));
}

/** Autoregression on the last step, the same step a season ago and the one before that. */
export function seasonalAutoregression(
  y: Series,
  horizon: number,
  season: number,
): number[] | undefined {
  if (season < 2) return undefined;
  return guarded(y, true, (window) => autoregression(window, horizon, [1, season, season + 1]));
}

/** (2,0,0) with a mean, on a series without its season. */
export function secondOrder(flat: Series, horizon: number): number[] | undefined {
  return guarded(flat, false, (window) => autoregression(window, horizon, [1, 2]));
}
