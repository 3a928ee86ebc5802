// `onhand forecast FILE`: a forecast with quantiles for every series of a file, one JSON line each.
import { once } from "node:events";
import type { Command } from "commander";
import { defaultHorizon, defaultLeadTime } from "../../actors/forecast/defaults.ts";
import {
  type Forecast,
  forecastSeries,
  HORIZON_MAX,
} from "../../actors/forecast/forecast_series.ts";
import { readSeriesFile, type SeriesRow } from "../backtest/series_file.ts";
import { type CommonOptions, newCommand, progress, usageError } from "../command_line.ts";

type ForecastOptions = CommonOptions & { horizon?: string; leadTime?: string };

/** One line of output. */
export interface ForecastLine extends Omit<Forecast, "seriesClass"> {
  readonly series_id: string;
  readonly class: string;
  /** Time this forecast took, in milliseconds. */
  readonly ms: number;
}

const PROGRESS_EVERY_MS = 2_000;

export function command(): Command {
  return newCommand("forecast", "forecast every series of a file")
    .argument(
      "<file>",
      "CSV or CSV.gz with columns series_id, season, horizon, train (values joined by ;)",
    )
    .option("--horizon <steps>", "steps to forecast (default: the file's column, else by season)")
    .option(
      "--lead-time <steps>",
      "lead time whose summed demand is told (default 7 days, 3 months, 24 hours, else 4 steps)",
    )
    .action(run);
}

async function run(file: string, options: ForecastOptions): Promise<void> {
  const horizon = wholeOption("--horizon", options.horizon);
  const leadTime = wholeOption("--lead-time", options.leadTime);
  let count = 0;
  let toldAt = performance.now();
  for await (const row of readSeriesFile(file)) {
    const line = forecastLine(row, { horizon, leadTime });
    count++;
    const text = options.json ? JSON.stringify(line) : humanLine(line);
    if (!process.stdout.write(`${text}\n`)) await once(process.stdout, "drain");
    if (performance.now() - toldAt > PROGRESS_EVERY_MS) {
      progress(`${count} series forecast`);
      toldAt = performance.now();
    }
  }
}

/** The forecast of one row of a file. */
export function forecastLine(
  row: SeriesRow,
  wanted: { readonly horizon?: number | undefined; readonly leadTime?: number | undefined },
): ForecastLine {
  const start = performance.now();
  const { seriesClass, ...forecast } = forecastSeries({
    values: row.train,
    season: row.season,
    horizon: wanted.horizon ?? row.horizon ?? defaultHorizon(row.season),
    leadTime: wanted.leadTime ?? defaultLeadTime(row.season),
  });
  const ms = Math.round((performance.now() - start) * 1000) / 1000;
  return { series_id: row.id, class: seriesClass, ...forecast, ms };
}

function humanLine(line: ForecastLine): string {
  const shown = line.mean.slice(0, 8).map((value) => value.toPrecision(4));
  const more = line.mean.length > shown.length ? " ..." : "";
  const cover = line.leadTime.quantiles["0.95"] ?? 0;
  return (
    `${line.series_id}  ${line.class}  ${shown.join(" ")}${more}` +
    `  ${line.leadTime.steps} steps: ${line.leadTime.mean.toPrecision(4)}, 95% below ${cover.toPrecision(4)}`
  );
}

function wholeOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= HORIZON_MAX) return value;
  throw usageError(`Cannot use ${name} ${text}: wanted a whole number from 1 to ${HORIZON_MAX}`);
}
