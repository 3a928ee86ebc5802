// Pure.
/**
 * Calendar and local signals: what holidays, promotions or a market index did to demand is estimated, taken
 * out before the series is forecast, and put back for the steps ahead where the signal is known.
 *
 * Regression with AR(1) errors on the deseasonalised series (arima.ts). An effect seen k times counts
 * k / (k + 3) of its estimate, so that one odd day is no rule. Source: Hyndman and Athanasopoulos,
 * "Forecasting: Principles and Practice", 3rd ed., ch. 10.
 *
 * Worked example: 20 a day and 50 on promotion days, promoted on 10 of 100 days: the effect is about 30,
 * of which 10 / 13 counts.
 */
import { fitArima } from "./methods/arima.ts";
import { type Series, standardDeviation } from "./numbers.ts";
import { deseasonalise } from "./seasonality.ts";

export interface Signal {
  readonly name: string;
  /** One value a step of the history; 0 where the signal is off or unknown. */
  readonly past: ArrayLike<number>;
  /** One value a step ahead; steps beyond the list count as off. */
  readonly future: ArrayLike<number>;
}

export interface SignalEffect {
  readonly name: string;
  /** Units a step for each unit of the signal. */
  readonly effect: number;
  /** Steps of the history at which the signal was on. */
  readonly seenCount: number;
}

export interface WithoutSignals {
  /** The series as if no signal had been on; never negative. */
  readonly series: Series;
  readonly effects: readonly SignalEffect[];
  /** Puts known future signals on a forecast of that series. */
  readonly restore: (forecast: readonly number[]) => number[];
}

/** Most signals looked at for one series: those seen most often. */
const SIGNALS_MAX = 8;
const SEEN_MIN = 2;
const PRIOR_COUNT = 3;

/** Takes the signals' effects out of a prepared series (no gaps). Signals hardly ever seen are left out. */
export function withoutSignals(
  y: Series,
  signals: readonly Signal[],
  season: number,
): WithoutSignals {
  const usable = signals
    .map((signal) => ({ signal, column: columnOf(signal, y.length) }))
    .map((entry) => ({ ...entry, seenCount: entry.column.filter((value) => value !== 0).length }))
    .filter(({ column, seenCount }) => seenCount >= SEEN_MIN && standardDeviation(column) > 0)
    .sort((a, b) => b.seenCount - a.seenCount || (a.signal.name < b.signal.name ? -1 : 1))
    .slice(0, SIGNALS_MAX);
  const nothing: WithoutSignals = { series: y, effects: [], restore: (forecast) => [...forecast] };
  if (usable.length === 0) return nothing;
  const flat = deseasonalise(y, season);
  const order = { p: 1, d: 0, q: 0, seasonalP: 0, seasonalD: 0, seasonalQ: 0, season: 1 };
  const regressors = usable.map(({ column }) => column);
  const fit = fitArima(flat.series, order, { method: "css", constant: true, regressors });
  if (fit === undefined || !fit.regressorCoefficients.every(Number.isFinite)) return nothing;
  const effects = usable.map(({ signal, seenCount }, i) => ({
    name: signal.name,
    seenCount,
    effect: (fit.regressorCoefficients[i]! * seenCount) / (seenCount + PRIOR_COUNT),
  }));
  const series = y.map((value, t) => {
    let rest = value;
    for (let i = 0; i < usable.length; i++) rest -= effects[i]!.effect * usable[i]!.column[t]!;
    return Math.max(0, rest);
  });
  const restore = (forecast: readonly number[]) =>
    forecast.map((value, k) => {
      let told = value;
      usable.forEach(({ signal }, i) => {
        const on = signal.future[k] ?? 0;
        if (Number.isFinite(on)) told += effects[i]!.effect * on;
      });
      return Math.max(0, told);
    });
  return { series, effects, restore };
}

function columnOf(signal: Signal, length: number): Float64Array {
  const column = new Float64Array(length);
  for (let t = 0; t < length; t++) {
    const value = signal.past[t] ?? 0;
    column[t] = Number.isFinite(value) ? value : 0;
  }
  return column;
}
