// Pure.
/**
 * What is assumed when a series says only its season: the lead time whose demand is worth asking for.
 */

/** A week of days, a quarter of months, a day of hours, four of anything else. Steps. */
export function defaultLeadTime(season: number): number {
  if (season === 7) return 7;
  if (season === 12) return 3;
  if (season === 24 || season === 48) return season;
  return 4;
}

/** Two seasons of days, one and a half of months, two of hours, eight of anything else. Steps. */
export function defaultHorizon(season: number): number {
  if (season === 7) return 14;
  if (season === 12) return 18;
  if (season === 24 || season === 48) return 2 * season;
  return 8;
}
