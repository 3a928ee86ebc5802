// Pure.
/**
 * Which local days a location traded, from how many of its series sold each day: what tells a day without a
 * sale (zero) from a day the shop was closed for once (not known).
 *
 * A day on which nothing at all sold counts as closed for once when the same weekday traded in at least three of four
 * of the last half year's weeks and its opening hours say closed. Where they are not known, a usual day there must see
 * several series sell: in a place that sells little, a day without a sale is just that.
 */

const WEEK = 7;
const LOOK_BACK_DAYS = 26 * WEEK;
const USUAL_SHARE = 0.75;
/** Mean number of series that sell on a traded day, from which a day without any is no chance: e^-5. */
const BUSY_SERIES = 5;

export class LocationCalendar {
  /** Newest local day whose windows are closed; -Infinity before the first. */
  closedThrough = Number.NEGATIVE_INFINITY;
  readonly #sold = new Map<number, number>();
  /** Days whose opening hours are known: whether the location is closed. */
  readonly #hours = new Map<number, boolean>();
  /** What empty days were found to mean; forgotten when anything more is known. */
  readonly #found = new Map<number, number>();
  #first = Number.POSITIVE_INFINITY;
  #newest = Number.NEGATIVE_INFINITY;
  #series = 0;

  /** Another series sold on `day`. */
  sold(day: number): void {
    this.#sold.set(day, (this.#sold.get(day) ?? 0) + 1);
    this.#series++;
    this.#first = Math.min(this.#first, day);
    this.#newest = Math.max(this.#newest, day);
    this.#found.clear();
  }

  /** What the location's opening hours and holidays say of a day. */
  tell(day: number, isClosed: boolean): void {
    this.#hours.set(day, isClosed);
    this.#found.clear();
  }

  /** What a day without a window of a series means: 0, or NaN when the location was closed for once. */
  emptyDay(day: number): number {
    const found = this.#found.get(day);
    if (found !== undefined) return found;
    const meaning = this.#meaning(day);
    this.#found.set(day, meaning);
    return meaning;
  }

  #meaning(day: number): number {
    if (this.#sold.has(day)) return 0;
    // A weekday that never trades is a zero of the weekly cycle, whatever the reason.
    if (this.#usualShare(day) < USUAL_SHARE) return 0;
    const isClosed = this.#hours.get(day) ?? this.#series / this.#sold.size >= BUSY_SERIES;
    return isClosed ? Number.NaN : 0;
  }

  /** Share of the last half year's same weekdays that traded. */
  #usualShare(day: number): number {
    const weekday = ((day % WEEK) + WEEK) % WEEK;
    let days = 0;
    let traded = 0;
    const newest = this.#newest - ((((this.#newest - weekday) % WEEK) + WEEK) % WEEK);
    for (let at = newest; at > newest - LOOK_BACK_DAYS; at -= WEEK) {
      if (at === day) continue;
      days++;
      if (this.#sold.has(at)) traded++;
    }
    // Weeks before the first sale say nothing.
    const known = Math.min(days, Math.floor((newest - this.#first) / WEEK) + 1);
    return known <= 0 ? 0 : traded / known;
  }
}
