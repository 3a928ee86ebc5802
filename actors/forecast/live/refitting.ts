// Owns the forecasts of a partition: which series are to be forecast, having them fitted in worker threads, and
// keeping what was made. A forecast that was made before from the same data by the same code is not made again.
import { FORECAST_VERSION, type Forecast, type ForecastInput } from "../forecast_series.ts";
import type { LeadTime } from "../policy/lead_time.ts";
import { type DailyValues, usualDays } from "./demand_series.ts";
import {
  type ForecastKey,
  type KnownForecast,
  type MadeForecast,
  readForecasts,
  storeForecasts,
} from "./forecast_store.ts";
import { moveOn, outlookOf } from "./outlook.ts";
import type { PartitionContext } from "./partition_context.ts";
import { spanOf } from "./plan_series.ts";
import type { SeriesInputs } from "./series_inputs.ts";
import { type SeriesState, seriesKey } from "./series_state.ts";
import { signalsVersion } from "./signal_book.ts";
import { WorkSet } from "./work_set.ts";

/** Days a forecast reaches. */
export const HORIZON_DAYS = 28;
const WEEK = 7;
/** Series fitted between two writes to Postgres. */
const FITS_AT_ONCE = 128;
/** Late facts often come together: what they change is fitted once. */
const GATHER_MS = 1_000;

/** A forecast to make, with all it is made from. */
type Fit = { series: SeriesState; key: ForecastKey; input: ForecastInput };

export class Refitting {
  readonly #c: PartitionContext;
  readonly #inputs: SeriesInputs;
  readonly #fits: WorkSet<SeriesState>;
  /** Told of a series in which a forecast found signals at work. */
  readonly #onEffects: (series: SeriesState) => void;

  constructor(
    context: PartitionContext,
    inputs: SeriesInputs,
    onEffects: (series: SeriesState) => void,
  ) {
    this.#c = context;
    this.#inputs = inputs;
    this.#onEffects = onEffects;
    this.#fits = new WorkSet({
      name: "make forecasts",
      batchMax: FITS_AT_ONCE,
      gatherMs: GATHER_MS,
      work: (batch) => this.#fitAll(batch),
      journal: context.journal,
    });
  }

  get waiting(): number {
    return this.#fits.size;
  }

  /** The series has closed days its forecast does not know: what it expects is moved on, and a refit is due. */
  add(series: SeriesState): void {
    const through = this.#inputs.firstOpenDay(series) - 1;
    const { outlook } = series;
    if (outlook !== undefined && outlook.day <= through)
      moveOn(outlook, through, (day) => this.#inputs.unitsOf(series, day));
    this.#fits.add(series);
  }

  idle(): Promise<void> {
    return this.#fits.idle();
  }

  stop(): Promise<void> {
    return this.#fits.stop();
  }

  /** A forecast under other assumptions; nothing is kept. */
  async assume(
    series: SeriesState,
    values: DailyValues,
    leadTime: LeadTime,
  ): Promise<{ forecast: Forecast; firstDay: number }> {
    const { input, key } = this.#fitOf(series, values, spanOf(leadTime));
    return { forecast: (await this.#c.pool.refit(input)).forecast, firstDay: key.firstDay };
  }

  async #fitAll(batch: readonly SeriesState[]): Promise<void> {
    const fits = batch.map((series) => {
      const values = this.#inputs.values(series, this.#inputs.firstOpenDay(series) - 1);
      return this.#fitOf(series, values, this.#inputs.spanDays(series));
    });
    const known = new Map<string, KnownForecast>();
    const keys = fits.map(({ key }) => key);
    for (const one of await readForecasts(this.#c.database, keys))
      known.set(seriesKey(one.sku, one.location), one);
    const made: MadeForecast[] = [];
    await Promise.all(
      fits.map(async (fit) => {
        const before = known.get(seriesKey(fit.key.sku, fit.key.location));
        if (before !== undefined) this.#expect(fit, before);
        else made.push(await this.#make(fit));
      }),
    );
    await storeForecasts(this.#c.database, made);
  }

  async #make(fit: Fit): Promise<MadeForecast> {
    const { key, input } = fit;
    const { forecast, fault } = await this.#c.pool.refit(input);
    if (fault !== undefined) {
      const text = `A fit was replaced by the mean of the newest days: ${fault.kind}, ${fault.detail}`;
      this.#c.alert("forecastFault", key, text);
    }
    const { mean, quantiles, effects } = forecast;
    const path = { mean, middle: quantiles["0.5"] ?? mean, high: quantiles["0.95"] ?? mean };
    this.#expect(fit, { ...path, effects });
    return { ...key, forecast };
  }

  /** What the forecast expects is what the next days are compared with. */
  #expect(
    { series, key }: Fit,
    made: Pick<KnownForecast, "effects"> & Parameters<typeof outlookOf>[0],
  ) {
    series.outlook = outlookOf(made, key.firstDay);
    const had = series.effects.length;
    series.effects = made.effects;
    if (had + made.effects.length > 0) this.#onEffects(series);
  }

  #fitOf(series: SeriesState, values: DailyValues, spanDays: number): Fit {
    const { sku, location, demand } = series;
    const firstDay = values.firstDay + values.units.length;
    const ahead = Math.max(HORIZON_DAYS, spanDays);
    const signals = this.#inputs.signals(series, values, ahead);
    const dataVersion = [demand.dataVersion, signalsVersion(signals)].filter(Boolean).join("+");
    return {
      series,
      key: { sku, location, firstDay, dataVersion, codeVersion: FORECAST_VERSION, spanDays },
      input: {
        values: usualDays(values),
        season: WEEK,
        horizon: HORIZON_DAYS,
        leadTime: spanDays,
        ...(signals.length === 0 ? {} : { signals }),
      },
    };
  }
}
