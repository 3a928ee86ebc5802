// Pure.
/**
 * The members of an ensemble: every method under one shape, `(cut, horizon) -> forecast or undefined`.
 * A member that cannot be fitted says undefined and is left out; it never throws.
 */
import { airline, seasonalArima, seasonalAutoregression, secondOrder } from "./members_arima.ts";
import { damped } from "./methods/damped.ts";
import { doubleSeasonal } from "./methods/double_seasonal.ts";
import { dynamicTheta } from "./methods/dynamic_theta.ts";
import { holt } from "./methods/holt.ts";
import { holtWinters } from "./methods/holt_winters.ts";
import { seasonalNaive } from "./methods/seasonal_naive.ts";
import { ses } from "./methods/ses.ts";
import { theta } from "./methods/theta.ts";
import type { Series } from "./numbers.ts";
import { type Deseasonalised, deseasonalise } from "./seasonality.ts";

/** A series up to an origin, with what several members share. */
export interface Cut {
  readonly y: Series;
  readonly season: number;
  readonly outerSeason: number;
  /** Without its season, the outer one if the test finds it, else the inner one. */
  readonly flat: Deseasonalised;
}

export function cutOf(y: Series, season: number, outerSeason: number): Cut {
  let flat: Deseasonalised | undefined;
  if (outerSeason !== season) {
    const outer = deseasonalise(y, outerSeason);
    if (outer.season > 1) flat = outer;
  }
  return { y, season, outerSeason, flat: flat ?? deseasonalise(y, season) };
}

export type MemberName =
  | "theta"
  | "damped"
  | "dynamicTheta"
  | "ses"
  | "holt"
  | "seasonalNaive"
  | "holtWintersAdditive"
  | "holtWintersMultiplicative"
  | "holtWintersInner"
  | "doubleSeasonal"
  | "airline"
  | "seasonalArima"
  | "seasonalAutoregression"
  | "secondOrder";

export type Member = (cut: Cut, horizon: number) => number[] | undefined;

/** A method for series without season, on the deseasonalised series. */
const onFlat =
  (method: (y: Series, horizon: number) => number[]): Member =>
  (cut, horizon) =>
    cut.flat.restore(method(cut.flat.series, horizon));

export const MEMBERS: Readonly<Record<MemberName, Member>> = {
  theta: onFlat(theta),
  damped: onFlat(damped),
  dynamicTheta: onFlat(dynamicTheta),
  ses: onFlat(ses),
  holt: onFlat(holt),
  seasonalNaive: ({ y, season, outerSeason }, horizon) =>
    seasonalNaive(y, horizon, y.length >= outerSeason ? outerSeason : season),
  holtWintersAdditive: ({ y, outerSeason }, horizon) =>
    holtWinters(y, horizon, outerSeason, "additive"),
  holtWintersMultiplicative: ({ y, outerSeason }, horizon) =>
    holtWinters(y, horizon, outerSeason, "multiplicative"),
  holtWintersInner: ({ y, season }, horizon) => holtWinters(y, horizon, season, "additive"),
  doubleSeasonal: ({ y, season, outerSeason }, horizon) =>
    doubleSeasonal(y, horizon, season, outerSeason),
  airline: ({ y, season }, horizon) => airline(y, horizon, season),
  seasonalArima: ({ y, season }, horizon) => seasonalArima(y, horizon, season),
  seasonalAutoregression: ({ y, season }, horizon) => seasonalAutoregression(y, horizon, season),
  secondOrder: ({ flat }, horizon) => {
    const forecast = secondOrder(flat.series, horizon);
    return forecast === undefined ? undefined : flat.restore(forecast);
  },
};
