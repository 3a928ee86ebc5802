// Pure.
/**
 * What an item sells over a lead time, kept current day by day in constant time and memory: the heart of
 * the reorder point.
 *
 * A day's demand is taken apart into orders (how many customers bought) and units an order. How often
 * people buy moves quickly and can be read quickly, because a count of orders is far less noisy than a
 * sum of units; how much they buy moves slowly. Two readings of the lead-time demand are kept,
 *   fresh  = orders a day of the last weeks x units an order of the last months
 *   steady = mean of everything seen
 * and mixed by how well each has foretold the sums that then came, leaning towards the steady one: an
 * item that does not drift does not pay for noise. The spread is the long standard deviation, moved
 * along with the level (Taylor's power law: sd ~ mean^0.85).
 *
 * Source: the decomposition is Croston's (1972) with orders in place of selling days; mixing by past
 * squared error after Bates and Granger (Operational Research Quarterly 20, 1969). The constants were
 * chosen on the first part of the backtest's file only (docs/FORECASTING.md).
 *
 * Worked example: ten days of 2 orders and 6 units each: fresh and steady are both 6 a day, and with a
 * lead time of 7 days the mean is 42 and the sd 0.
 */

export interface DailySales {
  /** Units asked for that day. */
  readonly units: number;
  /** Orders (sale lines) they came in; 0 when not known, which counts as one if anything was sold. */
  readonly orders: number;
}

export interface AdaptiveSettings {
  /** Half-life in days of the orders a day. */
  readonly ordersHalfLifeDays: number;
  /** Half-life in days of the units an order, and of the long mean and spread behind the sd. */
  readonly sizeHalfLifeDays: number;
  /** Share kept each day of the squared errors the two readings are compared by. */
  readonly errorKeep: number;
  /** Share of the fresh reading when both have done equally well. */
  readonly freshShare: number;
  /** How far a better record moves that share. */
  readonly gain: number;
  /** sd ~ mean^spreadPower when the level moves. */
  readonly spreadPower: number;
}

export const ADAPTIVE_SETTINGS: AdaptiveSettings = {
  ordersHalfLifeDays: 12,
  sizeHalfLifeDays: 200,
  errorKeep: 0.98,
  freshShare: 0.2,
  gain: 4,
  spreadPower: 0.85,
};

/** Days before errors count, in which the readings settle. */
const SETTLING_DAYS = 28;
/** Weight of "equally well" in the comparison, in errors. */
const PRIOR_ERRORS = 5;
const RATIO_MIN = 0.1;
const RATIO_MAX = 10;

/** Raised when the meaning of a snapshot changes. */
export const ADAPTIVE_VERSION = 1;
const SUMS_COUNT = 12;

export interface AdaptiveSnapshot {
  readonly version: number;
  readonly leadTimeDays: number;
  readonly sums: readonly number[];
  /** Rings of the last lead time: forecasts made, and units of the days. */
  readonly fresh: readonly number[];
  readonly steady: readonly number[];
  readonly units: readonly number[];
}

/** Sums whose weights halve every half-life. */
interface Fading {
  orders: number;
  weight: number;
}

export class AdaptiveDemand {
  readonly #leadTimeDays: number;
  readonly #settings: AdaptiveSettings;
  readonly #quick: Fading = { orders: 0, weight: 0 };
  /** Slow sums: units, orders, squared units, weight. */
  #slowUnits = 0;
  #slowOrders = 0;
  #slowSquares = 0;
  #slowWeight = 0;
  #days = 0;
  #units = 0;
  #freshError = 0;
  #steadyError = 0;
  #errorWeight = 0;
  /** Forecasts of the last lead time and the units of its days, as rings by day. */
  readonly #freshMade: Float64Array;
  readonly #steadyMade: Float64Array;
  readonly #unitsSeen: Float64Array;
  #lastUnits = 0;

  /** `leadTimeDays` is whole and at least 1. */
  constructor(leadTimeDays: number, settings: AdaptiveSettings = ADAPTIVE_SETTINGS) {
    this.#leadTimeDays = leadTimeDays;
    this.#settings = settings;
    this.#freshMade = new Float64Array(leadTimeDays);
    this.#steadyMade = new Float64Array(leadTimeDays);
    this.#unitsSeen = new Float64Array(leadTimeDays);
  }

  get days(): number {
    return this.#days;
  }

  /** Takes in one day. Days are given in order; a closed day is left out, not given as zero. */
  add({ units, orders: told }: DailySales): void {
    const orders = Math.max(told, units > 0 ? 1 : 0);
    const { ordersHalfLifeDays, sizeHalfLifeDays } = this.#settings;
    const quickKeep = 0.5 ** (1 / ordersHalfLifeDays);
    const slowKeep = 0.5 ** (1 / sizeHalfLifeDays);
    this.#quick.orders = this.#quick.orders * quickKeep + orders;
    this.#quick.weight = this.#quick.weight * quickKeep + 1;
    this.#slowUnits = this.#slowUnits * slowKeep + units;
    this.#slowOrders = this.#slowOrders * slowKeep + orders;
    this.#slowSquares = this.#slowSquares * slowKeep + units * units;
    this.#slowWeight = this.#slowWeight * slowKeep + 1;
    this.#units += units;
    this.#days++;
    this.#compare(units);
  }

  /** The forecasts made a lead time ago meet the sum that came; today's are kept. */
  #compare(units: number): void {
    const slot = (this.#days - 1) % this.#leadTimeDays;
    this.#lastUnits += units - this.#unitsSeen[slot]!;
    this.#unitsSeen[slot] = units;
    if (this.#days - this.#leadTimeDays >= SETTLING_DAYS) {
      const keep = this.#settings.errorKeep;
      const fresh = this.#lastUnits - this.#freshMade[slot]!;
      const steady = this.#lastUnits - this.#steadyMade[slot]!;
      this.#freshError = keep * this.#freshError + fresh * fresh;
      this.#steadyError = keep * this.#steadyError + steady * steady;
      this.#errorWeight = keep * this.#errorWeight + 1;
    }
    this.#freshMade[slot] = this.#freshReading();
    this.#steadyMade[slot] = this.#steadyReading();
  }

  #freshReading(): number {
    if (this.#slowOrders <= 0 || this.#quick.weight <= 0) return 0;
    const size = this.#slowUnits / this.#slowOrders;
    return (size * this.#quick.orders * this.#leadTimeDays) / this.#quick.weight;
  }

  #steadyReading(): number {
    return this.#days === 0 ? 0 : (this.#units / this.#days) * this.#leadTimeDays;
  }

  /** Everything this is, as plain numbers: what a checkpoint keeps. */
  snapshot(): AdaptiveSnapshot {
    return {
      version: ADAPTIVE_VERSION,
      leadTimeDays: this.#leadTimeDays,
      sums: [
        this.#quick.orders,
        this.#quick.weight,
        this.#slowUnits,
        this.#slowOrders,
        this.#slowSquares,
        this.#slowWeight,
        this.#days,
        this.#units,
        this.#freshError,
        this.#steadyError,
        this.#errorWeight,
        this.#lastUnits,
      ],
      fresh: [...this.#freshMade],
      steady: [...this.#steadyMade],
      units: [...this.#unitsSeen],
    };
  }

  /**
   * The state a snapshot was taken of. Undefined when the snapshot is of another version or damaged: fold the
   * history again.
   */
  static restore(
    snapshot: AdaptiveSnapshot,
    settings: AdaptiveSettings = ADAPTIVE_SETTINGS,
  ): AdaptiveDemand | undefined {
    const { version, leadTimeDays, sums, fresh, steady, units } = snapshot;
    const rings = [fresh, steady, units];
    const sound =
      version === ADAPTIVE_VERSION &&
      Number.isInteger(leadTimeDays) &&
      leadTimeDays >= 1 &&
      sums.length === SUMS_COUNT &&
      rings.every((ring) => ring.length === leadTimeDays) &&
      [sums, ...rings].every((values) => values.every(Number.isFinite));
    if (!sound) return undefined;
    const state = new AdaptiveDemand(leadTimeDays, settings);
    state.#quick.orders = sums[0]!;
    state.#quick.weight = sums[1]!;
    state.#slowUnits = sums[2]!;
    state.#slowOrders = sums[3]!;
    state.#slowSquares = sums[4]!;
    state.#slowWeight = sums[5]!;
    state.#days = sums[6]!;
    state.#units = sums[7]!;
    state.#freshError = sums[8]!;
    state.#steadyError = sums[9]!;
    state.#errorWeight = sums[10]!;
    state.#lastUnits = sums[11]!;
    state.#freshMade.set(fresh);
    state.#steadyMade.set(steady);
    state.#unitsSeen.set(units);
    return state;
  }

  /** Share of the fresh reading, 0 to 1. */
  get freshShare(): number {
    const { freshShare, gain } = this.#settings;
    const least = Math.min(this.#freshError, this.#steadyError);
    const prior = this.#errorWeight > 0 ? (PRIOR_ERRORS * least) / this.#errorWeight : 1;
    const all = this.#freshError + this.#steadyError + 2 * prior + 1e-9;
    const lost = (this.#freshError + prior) / all;
    return Math.min(1, Math.max(0, freshShare + (0.5 - lost) * gain));
  }

  /** Expected demand over the lead time, and the standard deviation of what it may be, in units. */
  leadTimeDemand(): { mean: number; sd: number } {
    if (this.#days === 0) return { mean: 0, sd: 0 };
    const share = this.freshShare;
    const mean = share * this.#freshReading() + (1 - share) * this.#steadyReading();
    const longMean = this.#slowUnits / this.#slowWeight;
    const longVariance = Math.max(0, this.#slowSquares / this.#slowWeight - longMean * longMean);
    const longSd = Math.sqrt(longVariance * this.#leadTimeDays);
    const ratio = mean / Math.max(1e-6, longMean * this.#leadTimeDays);
    const moved = Math.min(RATIO_MAX, Math.max(RATIO_MIN, ratio)) ** this.#settings.spreadPower;
    return { mean, sd: longSd * moved };
  }
}
