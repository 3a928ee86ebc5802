// Pure.
/**
 * The working set of one series: what was asked for of a SKU at a location on each local day, newest
 * HISTORY_DAYS_MAX days, six bytes a day. Made from demand windows in any order; the highest version of a day wins.
 *
 * Worked example: day 100 sold 2 in 1 order, day 102 sold 4 in 3: values through 102 are 2, 0, 4 when the
 * location traded on day 101, and 2, NaN, 4 when it was closed for once.
 */
import { uncensored, withoutBulk } from "../bulk.ts";

/** Days kept: a year and what its comparison needs. */
export const HISTORY_DAYS_MAX = 400;
/** Newest days whose versions are known; an older day that changes is read again from Postgres. */
const VERSIONED_DAYS = 3;
const FIRST_CAPACITY = 16;
/** No window: nothing happened that day. */
const NO_WINDOW = -1;
/** The top bit of a day's orders says that one of them made most of the day. */
const ONE_ORDER = 0x8000;
const ORDERS_MAX = 0x7fff;

/** What a demand window tells, as the planner reads it. */
export type DayOfDemand = {
  /** Local day, days since 1970. */
  day: number;
  demand: number;
  lost: number;
  orders: number;
  /** Most units of one order. */
  largestOrder: number;
  minutesOpen: number | null;
  minutesOutOfStock: number | null;
  version: string;
};

/** `old`: a day so far back that its version is not known any more; read the series again. */
export type Taken = "changed" | "same" | "old";

/** A day without a window: zero, or not known. */
export type EmptyDay = (day: number) => 0 | typeof Number.NaN;

export type DailyValues = {
  /** Local day of the first value. */
  firstDay: number;
  /** Units learnt from, by day; NaN where a day tells nothing. */
  units: Float64Array;
  orders: Float64Array;
  /** 1: one order made at least half of the day. */
  oneOrder: Uint8Array;
};

export class DemandSeries {
  /** Highest version of any window taken in; empty before the first. */
  dataVersion = "";
  #first = 0;
  #length = 0;
  #units = new Float32Array(0);
  #orders = new Uint16Array(0);
  /** Versions of the newest days, newest last. */
  #versions: { day: number; version: string }[] = [];

  /** Newest day with a window; -Infinity while there is none. */
  get newestDay(): number {
    return this.#length === 0 ? Number.NEGATIVE_INFINITY : this.#first + this.#length - 1;
  }

  get firstDay(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#first;
  }

  /** Bytes of the days, without what every object costs. */
  get bytes(): number {
    return this.#units.byteLength + this.#orders.byteLength;
  }

  /** Takes in a window as a message told it. */
  take(told: DayOfDemand): Taken {
    const known = this.#versions.find(({ day }) => day === told.day);
    if (known !== undefined && told.version <= known.version) return "same";
    if (known === undefined && told.day <= this.newestDay - VERSIONED_DAYS) return "old";
    return this.put(told) ? "changed" : "same";
  }

  /** Takes in a window as Postgres has it: the truth, whatever was known. @returns whether a value changed */
  put(told: DayOfDemand): boolean {
    if (told.version > this.dataVersion) this.dataVersion = told.version;
    if (told.day <= this.newestDay - HISTORY_DAYS_MAX) return false;
    this.#remember(told.day, told.version);
    this.#makeRoom(told.day);
    const at = told.day - this.#first;
    const units = learntUnits(told);
    const orders = ordersOf(told);
    const changed = !Object.is(this.#units[at], Math.fround(units)) || this.#orders[at] !== orders;
    this.#units[at] = units;
    this.#orders[at] = orders;
    return changed;
  }

  /** A window that is no more. */
  forget(day: number): void {
    const at = day - this.#first;
    if (at < 0 || at >= this.#length) return;
    this.#units[at] = NO_WINDOW;
    this.#orders[at] = 0;
  }

  /** Units learnt of a day; undefined when it has no window. */
  unitsOf(day: number): number | undefined {
    const value = this.#units[day - this.#first];
    return value === undefined || value === NO_WINDOW ? undefined : value;
  }

  /** Every day from the first window through `through`; empty when that is before the first. */
  values(through: number, empty: EmptyDay): DailyValues {
    const firstDay = this.#length === 0 ? through + 1 : this.#first;
    const length = Math.max(0, through - firstDay + 1);
    const from = Math.max(0, length - HISTORY_DAYS_MAX);
    const units = new Float64Array(length - from);
    const orders = new Float64Array(length - from);
    const oneOrder = new Uint8Array(length - from);
    for (let i = from; i < length; i++) {
      const value = i < this.#length ? this.#units[i]! : NO_WINDOW;
      units[i - from] = value === NO_WINDOW ? empty(firstDay + i) : value;
      if (i >= this.#length) continue;
      orders[i - from] = this.#orders[i]! & ORDERS_MAX;
      oneOrder[i - from] = this.#orders[i]! & ONE_ORDER ? 1 : 0;
    }
    return { firstDay: firstDay + from, units, orders, oneOrder };
  }

  #remember(day: number, version: string): void {
    const rest = this.#versions.filter((known) => known.day !== day);
    rest.push({ day, version });
    rest.sort((a, b) => a.day - b.day);
    this.#versions = rest.slice(-VERSIONED_DAYS);
  }

  /** Makes `day` one of the days kept, dropping the oldest when there are too many. */
  #makeRoom(day: number): void {
    if (this.#length === 0) this.#first = day;
    const first = Math.max(
      Math.min(this.#first, day),
      Math.max(this.newestDay, day) - HISTORY_DAYS_MAX + 1,
    );
    const last = Math.max(this.newestDay, day);
    const length = last - first + 1;
    if (first === this.#first && length <= this.#units.length) {
      this.#units.fill(NO_WINDOW, this.#length, length);
      this.#length = Math.max(this.#length, length);
      return;
    }
    let capacity = Math.max(FIRST_CAPACITY, this.#units.length);
    while (capacity < length) capacity *= 2;
    capacity = Math.min(capacity, HISTORY_DAYS_MAX);
    const units = new Float32Array(capacity).fill(NO_WINDOW);
    const orders = new Uint16Array(capacity);
    for (let i = 0; i < this.#length; i++) {
      const at = this.#first + i - first;
      if (at < 0) continue;
      units[at] = this.#units[i]!;
      orders[at] = this.#orders[i]!;
    }
    this.#first = first;
    this.#length = length;
    this.#units = units;
    this.#orders = orders;
  }
}

function ordersOf({ demand, orders, largestOrder }: DayOfDemand): number {
  const isOne = largestOrder > 0 && 2 * largestOrder >= demand;
  return Math.min(ORDERS_MAX, Math.max(0, orders)) | (isOne ? ONE_ORDER : 0);
}

/** Units learnt from a day: what was sold and asked for in vain, or what would have sold in stock; never negative. */
function learntUnits({ demand, lost, minutesOpen, minutesOutOfStock }: DayOfDemand): number {
  const sold = Math.max(0, demand);
  const told = sold + Math.max(0, lost);
  const whole = uncensored(sold, minutesOpen, minutesOutOfStock);
  return Number.isNaN(whole) ? (lost > 0 ? told : Number.NaN) : Math.max(whole, told);
}

/** The days that tell something in a row, bulk days held to the item's usual ones. */
export function knownDays({ units, orders, oneOrder }: DailyValues): {
  units: Float64Array;
  orders: Float64Array;
} {
  const days: number[] = [];
  for (let t = 0; t < units.length; t++) if (!Number.isNaN(units[t]!)) days.push(t);
  const known = Float64Array.from(days, (t) => units[t]!);
  const { series } = withoutBulk(known, (i) => oneOrder[days[i]!] === 1);
  return { units: series, orders: Float64Array.from(days, (t) => orders[t]!) };
}

/** Every day, bulk days held to the item's usual ones; those that tell nothing stay NaN. */
export function usualDays({ units, oneOrder }: DailyValues): Float64Array {
  const told = units.map((value) => (Number.isNaN(value) ? 0 : value));
  const { series } = withoutBulk(told, (t) => oneOrder[t] === 1);
  return series.map((value, t) => (Number.isNaN(units[t]!) ? Number.NaN : value));
}
