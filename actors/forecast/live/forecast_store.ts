// Owns the table `forecast`: keeps every forecast made, tells which are there already, and forgets those older than
// the setting. The same data and code make the same forecast, so a repeat is no new row.
import type { Database } from "../../../shared/postgres.ts";
import type { Forecast } from "../forecast_series.ts";
import type { SignalEffect } from "../signals.ts";
import { dayText, type SeriesName } from "./history.ts";

export type MadeForecast = SeriesName & {
  /** Local day of the first step. */
  firstDay: number;
  dataVersion: string;
  forecast: Forecast;
};

/** What is needed of a forecast that is there already. */
export type KnownForecast = SeriesName & {
  mean: readonly number[];
  middle: readonly number[];
  high: readonly number[];
  effects: readonly SignalEffect[];
};

export type ForecastKey = SeriesName & {
  firstDay: number;
  dataVersion: string;
  codeVersion: number;
  spanDays: number;
};

const DELETE_ROWS_MAX = 20_000;

export async function storeForecasts(
  database: Database,
  made: readonly MadeForecast[],
): Promise<void> {
  if (made.length === 0) return;
  const rows = made.map(rowOf);
  await database.run(
    (sql) => sql`
      insert into forecast (sku, location, first_day, data_version, code_version, method, series_class,
        mean, low, middle, high, span_days, span_mean, span_sd, span_quantiles, backtest_error, notes)
      select sku, location, first_day, data_version, code_version, method, series_class,
        mean, low, middle, high, span_days, span_mean, span_sd, span_quantiles, backtest_error, notes
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t (sku text, location text,
        first_day date, data_version text, code_version int4, method text, series_class text,
        mean float4[], low float4[], middle float4[], high float4[], span_days int4, span_mean float8,
        span_sd float8, span_quantiles jsonb, backtest_error float8, notes jsonb)
      on conflict do nothing`,
  );
}

function rowOf({ sku, location, firstDay, dataVersion, forecast }: MadeForecast) {
  const { quantiles, leadTime, warnings, effects } = forecast;
  const notes = warnings.length + effects.length === 0 ? null : { warnings, effects };
  return {
    sku,
    location,
    first_day: dayText(firstDay),
    data_version: dataVersion,
    code_version: forecast.version,
    method: forecast.method,
    series_class: forecast.seriesClass,
    mean: single(forecast.mean),
    low: single(quantiles["0.05"] ?? []),
    middle: single(quantiles["0.5"] ?? []),
    high: single(quantiles["0.95"] ?? []),
    span_days: leadTime.steps,
    span_mean: leadTime.mean,
    span_sd: leadTime.sd,
    span_quantiles: leadTime.quantiles,
    backtest_error: forecast.backtestError,
    notes,
  };
}

/** The numbers as float4 keeps them. */
const single = (values: readonly number[]): number[] =>
  values.map((value) => Number(Math.fround(value).toPrecision(7)));

/** Those of `keys` whose forecast was made before. */
export async function readForecasts(
  database: Database,
  keys: readonly ForecastKey[],
): Promise<KnownForecast[]> {
  const rows = await database.run(
    (sql) => sql<KnownForecast[]>`
      select f.sku, f.location, f.mean, f.middle, f.high,
        coalesce(f.notes->'effects', '[]') as effects
      from unnest(${keys.map(({ sku }) => sku)}::text[], ${keys.map(({ location }) => location)}::text[],
        ${keys.map(({ firstDay }) => dayText(firstDay))}::text[],
        ${keys.map(({ dataVersion }) => dataVersion)}::text[],
        ${keys.map(({ codeVersion }) => codeVersion)}::int4[],
        ${keys.map(({ spanDays }) => spanDays)}::int4[])
        as n (sku, location, first_day, data_version, code_version, span_days)
      join forecast f on f.sku = n.sku and f.location = n.location and f.first_day = n.first_day::date
        and f.data_version = n.data_version and f.code_version = n.code_version
        and f.span_days = n.span_days`,
  );
  return [...rows];
}

/** Forgets forecasts of days before `beforeDay`; how many. */
export async function forgetForecasts(database: Database, beforeDay: number): Promise<number> {
  for (let total = 0; ; ) {
    const gone = await database.run(
      (sql) => sql`
        delete from forecast where ctid in (
          select ctid from forecast where first_day < ${dayText(beforeDay)}::text::date
          limit ${DELETE_ROWS_MAX})`,
    );
    total += gone.count;
    if (gone.count < DELETE_ROWS_MAX) return total;
  }
}
