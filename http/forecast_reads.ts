// Owns reading forecasts for people: what was asked for day by day, the newest forecast, and for each past day what
// had been forecast of it when it began.

import type { ToldForecast } from "../shared/planning.ts";
import type { Sql } from "../shared/postgres.ts";

export type HistoryDay = {
  day: string;
  demand: number;
  lost: number;
  orders: number;
  returns: number;
  minutesOutOfStock?: number;
  closed: boolean;
};

/** What was forecast of a day when it began, and what came. */
export type PastForecast = {
  day: string;
  actual: number;
  forecast: number;
  low: number;
  high: number;
  firstDay: string;
  madeAt: string;
};

export type ForecastView = {
  location: string;
  history: HistoryDay[];
  forecast: (ToldForecast & { madeAt: string }) | null;
  past: PastForecast[];
};

type Query = { sku: string; location: string | undefined; days: number };

const LOCATIONS_MAX = 200;
const DAY_MS = 86_400_000;

export async function readForecastViews(sql: Sql, query: Query): Promise<ForecastView[]> {
  const history = await readHistory(sql, query);
  const forecasts = await readForecasts(sql, query);
  const locations = [...new Set([...history.keys(), ...forecasts.keys()])].sort();
  return locations.slice(0, LOCATIONS_MAX).map((location) => {
    const days = history.get(location) ?? [];
    const made = forecasts.get(location) ?? [];
    const newest = made.at(-1);
    return {
      location,
      history: days,
      forecast: newest === undefined ? null : told(newest),
      past: pastOf(days, made),
    };
  });
}

async function readHistory(sql: Sql, { sku, location, days }: Query) {
  type Row = HistoryDay & { location: string; out: number | null };
  const rows = await sql<Row[]>`
    select location, local_day::text as day, sum(demand)::int8 as demand, sum(lost)::int8 as lost,
      sum(orders)::int8 as orders, sum(returns)::int8 as returns,
      sum(minutes_out_of_stock)::int8 as out, bool_and(closed) as closed
    from demand_window
    where sku = ${sku} ${location === undefined ? sql`` : sql`and location = ${location}`}
      and window_start > now() - make_interval(days => ${days + 1})
    group by location, local_day order by location, local_day`;
  const found = new Map<string, HistoryDay[]>();
  for (const { location: at, out, ...day } of rows) {
    const list = found.get(at) ?? [];
    list.push({ ...day, ...(out === null ? {} : { minutesOutOfStock: out }) });
    found.set(at, list);
  }
  return found;
}

type ForecastRow = {
  location: string;
  firstDay: string;
  madeAt: Date;
  method: string;
  seriesClass: string;
  data: string;
  code: number;
  mean: number[];
  low: number[];
  middle: number[];
  high: number[];
  span_days: number;
  span_mean: number;
  span_sd: number;
  span_quantiles: Record<string, number>;
  backtestError: number | null;
  notes: unknown;
};

/** Forecasts by location, in the order of their first day and then of their making. */
async function readForecasts(sql: Sql, { sku, location, days }: Query) {
  const rows = await sql<ForecastRow[]>`
    select location, first_day::text as "firstDay", made_at as "madeAt", method,
      series_class as "seriesClass", data_version as data, code_version as code, mean, low, middle, high,
      span_days, span_mean, span_sd, span_quantiles, backtest_error as "backtestError", notes
    from forecast
    where sku = ${sku} ${location === undefined ? sql`` : sql`and location = ${location}`}
      and first_day > (now() - make_interval(days => ${days + 1}))::date
    order by location, first_day, made_at`;
  const found = new Map<string, ForecastRow[]>();
  for (const row of rows) {
    const list = found.get(row.location) ?? [];
    list.push(row);
    found.set(row.location, list);
  }
  return found;
}

function told(row: ForecastRow): ToldForecast & { madeAt: string } {
  return {
    firstDay: row.firstDay,
    madeAt: row.madeAt.toISOString(),
    method: row.method,
    seriesClass: row.seriesClass,
    version: { data: row.data, code: row.code },
    mean: row.mean,
    quantiles: { "0.05": row.low, "0.5": row.middle, "0.95": row.high },
    span: {
      days: row.span_days,
      mean: row.span_mean,
      sd: row.span_sd,
      quantiles: row.span_quantiles,
    },
    backtestError: row.backtestError,
    ...(row.notes === null ? {} : { notes: row.notes }),
  };
}

/** For each closed day the forecast that stood when it began: the first one made with the latest first day. */
function pastOf(days: readonly HistoryDay[], made: readonly ForecastRow[]): PastForecast[] {
  const first = new Map<string, ForecastRow>();
  for (const row of made) if (!first.has(row.firstDay)) first.set(row.firstDay, row);
  const standing = [...first.values()];
  const past: PastForecast[] = [];
  for (const { day, demand, lost, closed } of days) {
    if (!closed) continue;
    const row = standing.findLast(({ firstDay }) => firstDay <= day);
    const step = row === undefined ? -1 : (Date.parse(day) - Date.parse(row.firstDay)) / DAY_MS;
    const forecast = row?.mean[step];
    if (row === undefined || forecast === undefined) continue;
    past.push({
      day,
      actual: demand + lost,
      forecast,
      low: row.low[step]!,
      high: row.high[step]!,
      firstDay: row.firstDay,
      madeAt: row.madeAt.toISOString(),
    });
  }
  return past;
}
