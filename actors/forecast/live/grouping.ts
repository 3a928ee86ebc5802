// Pure.
/**
 * Which items deserve which service, and whose past is replayed together: classes by value and variation over the
 * series of a partition (a random share of all SKUs), groups of one fill rate and span, and the daily means that new
 * items of a category borrow.
 */
import type { CalibrationItem } from "../policy/calibration.ts";
import { DEFAULT_TARGETS, valueClasses, variationClass } from "../policy/item_classes.ts";
import type { CalibrationInput } from "../refit_messages.ts";
import { type DailyValues, knownDays } from "./demand_series.ts";
import { OWN_DAYS_MIN } from "./plan_series.ts";

const MONTH_DAYS = 30;
const YEAR_DAYS = 365;
/** Months below which nothing is said of variation: the middle class. */
const MONTHS_MIN = 3;
/** Items of a group whose past is replayed; more would not say more. */
const ITEMS_MAX = 200;
/** Below so many items a group says nothing by itself. */
const ITEMS_MIN = 12;

/** What is remembered of a series between two groupings. */
export type SeriesFigures = {
  /** Units a day over the last year, and days known of it. */
  perDay: number;
  daysKnown: number;
  /** Mean and standard deviation of a month. */
  monthMean: number;
  monthSd: number;
};

export function figuresOf({ units }: DailyValues): SeriesFigures {
  const year = units.subarray(Math.max(0, units.length - YEAR_DAYS));
  let total = 0;
  let daysKnown = 0;
  const months: number[] = [];
  for (let end = year.length; end >= MONTH_DAYS; end -= MONTH_DAYS) {
    let month = 0;
    for (let t = end - MONTH_DAYS; t < end; t++) if (year[t]! > 0) month += year[t]!;
    months.push(month);
  }
  for (const value of year) {
    if (Number.isNaN(value)) continue;
    total += value;
    daysKnown++;
  }
  const monthMean = months.reduce((sum, month) => sum + month, 0) / Math.max(1, months.length);
  const squares = months.reduce((sum, month) => sum + (month - monthMean) ** 2, 0);
  return {
    perDay: daysKnown === 0 ? 0 : total / daysKnown,
    daysKnown,
    monthMean: months.length < MONTHS_MIN ? Number.NaN : monthMean,
    monthSd: Math.sqrt(squares / Math.max(1, months.length - 1)),
  };
}

/** Fill rate of each series' class, in the order given. `unitValue` is what a unit is worth, in one currency. */
export function classFills(
  series: readonly { figures: SeriesFigures; unitValue: number }[],
): number[] {
  const byValue = valueClasses(series.map(({ figures, unitValue }) => figures.perDay * unitValue));
  return series.map(({ figures }, i) => {
    const { monthMean, monthSd } = figures;
    const byVariation = Number.isNaN(monthMean) ? "Y" : variationClass(monthMean, monthSd);
    return DEFAULT_TARGETS[byValue[i]!][byVariation];
  });
}

/** Series of one fill rate and span are calibrated together. */
export const groupOf = (fillRate: number, spanDays: number): string => `${fillRate}|${spanDays}`;

/** What to replay for a group; undefined when its series are too few or too short to say anything. */
export function calibrationOf(
  members: readonly { values: DailyValues; unitValue: number }[],
  spanDays: number,
  targetFill: number,
): CalibrationInput | undefined {
  const stride = Math.max(1, Math.ceil(members.length / ITEMS_MAX));
  const items: CalibrationItem[] = [];
  for (let i = 0; i < members.length; i += stride) {
    const { values, unitValue } = members[i]!;
    const item = knownDays(values);
    if (item.units.length >= OWN_DAYS_MIN) items.push({ ...item, unitValue });
  }
  return items.length < ITEMS_MIN ? undefined : { items, spanDays, targetFill };
}
