// Owns what planning and forecasting both read of a series: its days through a day, its lead time, its settings, the
// signals around it.
import type { LeadTime } from "../policy/lead_time.ts";
import type { Signal } from "../signals.ts";
import type { DailyValues } from "./demand_series.ts";
import { leadTimeOf } from "./facts.ts";
import { LocationCalendar } from "./location_calendar.ts";
import type { PartitionContext } from "./partition_context.ts";
import { spanOf } from "./plan_series.ts";
import type { EffectiveSetting } from "./policy_settings.ts";
import type { SeriesState } from "./series_state.ts";

export class SeriesInputs {
  readonly #c: PartitionContext;
  readonly #calendars = new Map<string, LocationCalendar>();

  constructor(context: PartitionContext) {
    this.#c = context;
  }

  calendarOf(location: string): LocationCalendar {
    let calendar = this.#calendars.get(location);
    if (calendar === undefined) {
      calendar = new LocationCalendar();
      this.#calendars.set(location, calendar);
    }
    return calendar;
  }

  get locations(): string[] {
    return [...this.#calendars.keys()];
  }

  /** First local day at the series' location that is not closed: the first step of its forecast. */
  firstOpenDay({ location }: SeriesState): number {
    return this.calendarOf(location).closedThrough + 1;
  }

  /** Every day known through `through`. */
  values({ demand, location }: SeriesState, through: number): DailyValues {
    const calendar = this.calendarOf(location);
    return demand.values(through, (day) => calendar.emptyDay(day));
  }

  /** Units of one day; NaN when it tells nothing. */
  unitsOf({ demand, location }: SeriesState, day: number): number {
    return demand.unitsOf(day) ?? this.calendarOf(location).emptyDay(day);
  }

  /** The signals of the days of `values`, and of `future` days after them. */
  signals(series: SeriesState, { firstDay, units }: DailyValues, future: number): Signal[] {
    return this.#c.signals.of(series, { firstDay, past: units.length, future });
  }

  setting({ sku, location, item }: SeriesState): EffectiveSetting {
    return this.#c.settings.of(sku, location, item?.category ?? "");
  }

  leadTime({ item, location }: SeriesState): LeadTime {
    const { leadTimeDays } = this.#c;
    if (item !== undefined) return leadTimeOf(item, location, leadTimeDays);
    return { meanDays: leadTimeDays, sdDays: leadTimeDays / 4, receiptCount: 0 };
  }

  /** Whole days of lead time and review. */
  spanDays(series: SeriesState): number {
    return spanOf(this.leadTime(series));
  }
}
