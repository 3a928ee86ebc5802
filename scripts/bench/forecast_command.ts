// `onhand bench forecast`: prints the table of the forecast bench.
import type { Command } from "commander";
import {
  type CommonOptions,
  newCommand,
  printResult,
  progress,
  ResultIsNo,
  usageError,
} from "../command_line.ts";
import { benchForecast, type ForecastBench, type ForecastLine } from "./forecast.ts";
import { PLANNING_SKUS } from "./planning.ts";

type Options = CommonOptions & { files: string; hostile: string; liveSkus: string };

const HOSTILE_MAX = 10_000_000;
const LIVE_SKUS_MAX = 1_000_000;

export function forecastBenchCommand(): Command {
  return newCommand("forecast", "accuracy, soundness and speed of the forecasts")
    .option(
      "--files <dir>",
      "folder with m4-sample.csv.gz and intermittent.csv.gz (columns series_id, source, frequency, season, horizon, train, test)",
      "data",
    )
    .option("--hostile <count>", "hostile series to try", "2000")
    .option(
      "--live-skus <count>",
      "SKUs whose day closes at once on servers of its own; 0 leaves it out",
      String(PLANNING_SKUS),
    )
    .action(run);
}

async function run(_options: unknown, command: Command): Promise<void> {
  // --json may stand before or after the subcommand's name.
  const options = command.optsWithGlobals<Options>();
  const hostileCount = Number(options.hostile);
  if (!Number.isInteger(hostileCount) || hostileCount < 0 || hostileCount > HOSTILE_MAX) {
    throw usageError(`Cannot use --hostile ${options.hostile}: wanted 0 to ${HOSTILE_MAX}`);
  }
  const liveSkus = Number(options.liveSkus);
  if (!Number.isInteger(liveSkus) || liveSkus < 0 || liveSkus > LIVE_SKUS_MAX) {
    throw usageError(`Cannot use --live-skus ${options.liveSkus}: wanted 0 to ${LIVE_SKUS_MAX}`);
  }
  const bench = await benchForecast({ files: options.files, hostileCount, liveSkus, progress });
  printResult(options, bench, table);
  if (bench.results.some(({ correct }) => !correct.ok)) throw new ResultIsNo();
}

function table({ results }: ForecastBench): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  return results.map((line) => row(line, width)).join("\n");
}

function row({ name, value, unit, better, must, aim, ok, beside }: ForecastLine, width: number) {
  const sign = better === "more" ? ">=" : "<=";
  const shown = Math.abs(value) >= 100 ? Math.round(value).toString() : value.toFixed(4);
  const others = Object.entries(beside).map(([whose, figure]) => `${whose} ${figure.toFixed(3)}`);
  const told = others.length === 0 ? "" : `   beside: ${others.join(", ")}`;
  return `${ok ? "ok  " : "MISS"} ${name.padEnd(width)} ${shown.padStart(10)} ${unit} (must ${sign} ${must}, aim ${sign} ${aim})${told}`;
}
