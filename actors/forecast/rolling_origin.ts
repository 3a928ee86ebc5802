// Pure.
/**
 * Rolling-origin backtest inside the training part: the series is cut at several origins, every member
 * forecasts from each cut, and its errors against what came after are kept.
 * Source: Tashman, Int. J. Forecasting 16, 2000.
 */
import { cutOf, MEMBERS, type MemberName } from "./members.ts";
import type { Series } from "./numbers.ts";

export interface OriginResult {
  /** Number of points known at this origin. */
  readonly cut: number;
  /** What came after: at most a horizon of points. */
  readonly actual: Series;
  readonly forecasts: ReadonlyMap<MemberName, readonly number[]>;
}

/** Distances of the origins from the end, in horizons. */
const ORIGINS = [1, 2, 3, 0.5, 1.5] as const;
/** Fewest points to fit on. */
const POINTS_MIN = 12;

/** Forecasts of `names` at every origin the series is long enough for; none for a short series. */
export function rollOrigins(
  y: Series,
  names: readonly MemberName[],
  season: number,
  outerSeason: number,
  horizon: number,
): OriginResult[] {
  const results: OriginResult[] = [];
  const reach = Math.max(1, Math.min(horizon, Math.floor(y.length / 4)));
  const pointsMin = Math.max(2 * season + 4, POINTS_MIN);
  for (const distance of ORIGINS) {
    const cut = y.length - Math.max(1, Math.round(distance * reach));
    if (cut < pointsMin || results.some((result) => result.cut === cut)) continue;
    const known = cutOf(y.subarray(0, cut), season, outerSeason);
    const actual = y.subarray(cut, Math.min(y.length, cut + reach));
    const forecasts = new Map<MemberName, readonly number[]>();
    for (const name of names) {
      const forecast = MEMBERS[name](known, actual.length);
      if (forecast?.every(Number.isFinite)) forecasts.set(name, forecast);
    }
    results.push({ cut, actual, forecasts });
  }
  return results;
}

/** Mean absolute error of each member over the origins at which it could forecast, and their number. */
export function memberErrors(
  origins: readonly OriginResult[],
): Map<MemberName, { readonly mae: number; readonly count: number }> {
  const totals = new Map<MemberName, { mae: number; count: number }>();
  for (const { actual, forecasts } of origins) {
    for (const [name, forecast] of forecasts) {
      let error = 0;
      for (let i = 0; i < actual.length; i++) error += Math.abs(actual[i]! - forecast[i]!);
      const total = totals.get(name) ?? { mae: 0, count: 0 };
      total.mae += error / actual.length;
      total.count += 1;
      totals.set(name, total);
    }
  }
  for (const total of totals.values()) total.mae /= total.count;
  return totals;
}
