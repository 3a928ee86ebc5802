// Pure.
/**
 * What a series is expected to sell on the coming days, between two refits: the last forecast's level and weekly cycle,
 * moved by each window that closes (incremental.ts), without the history.
 *
 * Worked example: a forecast of 10 a day from day 100 on, 95% of days at or below 18: standard deviation
 * 8 / 1.645 = 4.86. Day 100 sells 20: 11.5 are expected of day 101.
 */
import { expected, type IncrementalState, update } from "../incremental.ts";
import type { IntradayReading } from "../intraday.ts";
import { readIntraday } from "../intraday.ts";

const WEEK = 7;
/** Share of an error that moves the level until the next refit. */
const ALPHA = 0.15;
const Z95 = 1.645;

export type Outlook = {
  /** Local day that `state` expects next. */
  day: number;
  readonly state: IncrementalState;
};

export type ForecastPath = {
  readonly mean: readonly number[];
  readonly middle: readonly number[];
  readonly high: readonly number[];
};

/** The outlook right after a forecast whose first step is `firstDay`. */
export function outlookOf({ mean, middle, high }: ForecastPath, firstDay: number): Outlook {
  const week = mean.slice(0, WEEK);
  const level = week.reduce((sum, value) => sum + value, 0) / Math.max(1, week.length);
  const cycle = week.length === WEEK && level > 0 ? week.map((value) => value / level) : [];
  const sd = Math.max(0, (high[0] ?? 0) - (middle[0] ?? 0)) / Z95;
  return {
    day: firstDay,
    state: {
      level,
      alpha: ALPHA,
      indices: Float64Array.from(cycle),
      multiplicative: true,
      slot: 0,
      errorVariance: sd * sd,
      updates: 0,
    },
  };
}

/** Takes in the days from the outlook's on through `through`; NaN for a day that tells nothing. */
export function moveOn(outlook: Outlook, through: number, unitsOf: (day: number) => number): void {
  // A refit that is more than some weeks old has nothing to say of today.
  const from = Math.max(outlook.day, through - 8 * WEEK);
  for (let day = from; day <= through; day++) update(outlook.state, unitsOf(day));
  outlook.day = Math.max(outlook.day, through + 1);
}

/**
 * What sales so far say of a day still open. Only what goes beyond the whole day's forecast counts: how much of a day
 * has passed is not known here, so a slow morning says nothing.
 */
export function readDay(outlook: Outlook, soldSoFar: number): IntradayReading {
  return readIntraday({
    expected: expected(outlook.state),
    variance: outlook.state.errorVariance,
    sharePassed: 1,
    soldSoFar,
  });
}
