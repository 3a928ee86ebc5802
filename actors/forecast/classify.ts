// Pure.
/**
 * Which kind of series it is, hence which methods stand for it. The zero pattern follows Syntetos,
 * Boylan and Croston (J. Operational Research Society 56, 2005): intermittent when demand comes on
 * average less often than every 1.32 steps (every 4 days, see below).
 */
import type { Series } from "./numbers.ts";

export type SeriesClass =
  /** Nothing known, or nothing ever sold. */
  | "empty"
  /** Too short for any fit. */
  | "short"
  /** Mostly zeros. */
  | "intermittent"
  /** A cycle within a cycle: hours of the day within the week. */
  | "double_seasonal"
  /** Daily with a weekly cycle, demand with zeros. */
  | "weekly_cycle"
  /** Everything else; the season, if any, is tested for. */
  | "regular";

export interface Classified {
  readonly seriesClass: SeriesClass;
  /** Length of the inner season in steps; 1 for none. */
  readonly season: number;
  /** Length of the longest season worth testing for; equals `season` when there is no longer one. */
  readonly outerSeason: number;
  /** Mean steps between demands; Infinity without demand. */
  readonly interval: number;
}

const INTERVAL_INTERMITTENT = 1.32;
/** Of days, where closed days are zeros too, only demand rarer than this is intermittent. */
const INTERVAL_INTERMITTENT_DAYS = 4;
const SHORT_LENGTH = 8;

/** The longer cycle above a declared season: weeks above hours, the year above weeks. */
export function outerSeasonOf(season: number): number {
  if (season === 1) return 52;
  if (season === 24) return 168;
  if (season === 48) return 336;
  return season;
}

export function classify(y: Series, season: number): Classified {
  const n = y.length;
  const inner = season >= 1 && season <= n ? season : 1;
  const outer = outerSeasonOf(season);
  const outerSeason = n >= 2 * outer + 2 ? outer : inner;
  let demands = 0;
  for (let i = 0; i < n; i++) if (y[i]! > 0) demands++;
  const interval = demands === 0 ? Number.POSITIVE_INFINITY : n / demands;
  const found = (seriesClass: SeriesClass): Classified => ({
    seriesClass,
    season: inner,
    outerSeason,
    interval,
  });
  if (demands === 0) return found("empty");
  if (n < SHORT_LENGTH) return found("short");
  const limit = inner === 7 ? INTERVAL_INTERMITTENT_DAYS : INTERVAL_INTERMITTENT;
  if (interval >= limit) return found("intermittent");
  if (inner > 1 && outerSeason > inner) return found("double_seasonal");
  if (inner === 7) return found("weekly_cycle");
  return found("regular");
}
