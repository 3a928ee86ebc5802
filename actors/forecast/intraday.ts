// Pure.
/**
 * A day under way: when sales run far off the forecast, what is expected of the rest of the day changes before
 * the day is closed.
 *
 * The day's rate is gamma distributed with the forecast's mean and variance; sales so far are Poisson given the
 * rate and the share of the day that has passed. Source: the gamma-Poisson update (Silver, Pyke, Thomas,
 * section 3.10.1; Gelman et al., "Bayesian Data Analysis", 3rd ed., section 2.6).
 *
 * Worked example: 20 expected with a variance of 40, 25 sold by midday of an evenly spread day: size
 * 20^2 / (40 - 20) = 20, rate factor (20 + 25) / (20 + 10) = 1.5, so 15 more are expected, 40 in all.
 */

export interface DayUnderWay {
  /** Units expected of the whole day, and the variance of that forecast. */
  readonly expected: number;
  readonly variance: number;
  /** Share of a usual day's demand that falls into the time passed, 0 to 1. */
  readonly sharePassed: number;
  readonly soldSoFar: number;
}

export interface IntradayReading {
  /** Units expected for the rest of the day. */
  readonly rest: number;
  /** Units now expected of the whole day. */
  readonly whole: number;
  /** How many standard deviations sales so far are from what was expected by now. */
  readonly surprise: number;
  /** Whether that is far enough to tell the planner at once. */
  readonly far: boolean;
}

const SURPRISE_FAR = 3;
/** Least share of the day before anything is said. */
const SHARE_MIN = 0.05;
const SIZE_MAX = 1e6;
/** Less than this expected is nothing expected. */
const UNITS_MIN = 1e-6;
const UNITS_MAX = 1e12;

export function readIntraday(day: DayUnderWay): IntradayReading {
  const told = Math.max(0, finite(day.expected));
  const expected = told < UNITS_MIN ? 0 : told;
  const share = Math.min(1, Math.max(0, finite(day.sharePassed)));
  const sold = Math.max(0, finite(day.soldSoFar));
  const variance = Math.max(expected, finite(day.variance));
  const byNow = expected * share;
  const over = variance - expected;
  // Sales so far: Poisson noise of the part passed, and the day's rate itself being uncertain.
  const spread = Math.sqrt(byNow + over * share * share);
  const surprise = spread > 0 ? (sold - byNow) / spread : sold > 0 ? SURPRISE_FAR : 0;
  const size = over > 0 ? Math.min(SIZE_MAX, (expected * expected) / over) : SIZE_MAX;
  const factor = expected > 0 && size + byNow > 0 ? (size + sold) / (size + byNow) : 1;
  const rest = expected * (1 - share) * factor;
  return {
    rest,
    whole: sold + rest,
    surprise,
    far: share >= SHARE_MIN && Math.abs(surprise) >= SURPRISE_FAR,
  };
}

function finite(value: number): number {
  return Number.isFinite(value) ? Math.min(value, UNITS_MAX) : 0;
}
