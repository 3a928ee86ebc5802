// The forecast bench: accuracy of the forecasts on held-out points, beside R's or published figures,
// their soundness, and their speed. Reads the evaluation files whose folder is given; measures only:
// nothing in the methods was chosen by what this prints.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { OnhandError } from "../../shared/errors.ts";
import { intermittentScores, seriesScores } from "../backtest/accuracy.ts";
import { speedScores } from "../backtest/forecast_speed.ts";
import { soundnessScores } from "../backtest/hostile_series.ts";
import { readSeriesFile, type SeriesRow } from "../backtest/series_file.ts";
import { machineFacts } from "./machine_facts.ts";
import { benchPlanning, benchSeriesMemory } from "./planning.ts";
import {
  type BenchResult,
  type Correctness,
  type Durability,
  judge,
  type MachineFacts,
} from "./result.ts";

export type ForecastLine = BenchResult & {
  /** Figures of others for the same quantity, labelled with whose they are. */
  readonly beside: Readonly<Record<string, number>>;
};

export interface ForecastBench {
  readonly machine: MachineFacts;
  readonly durability: Readonly<Record<string, Durability>>;
  readonly results: readonly ForecastLine[];
}

export interface BenchOptions {
  /** Folder with `m4-sample.csv.gz` and `intermittent.csv.gz`. */
  readonly files: string;
  /** Hostile series to try. */
  readonly hostileCount: number;
  /** SKUs whose day closes at once on real servers; 0 leaves that part out. */
  readonly liveSkus: number;
  readonly progress?: (line: string) => void;
}

/** Runs the whole bench. Throws OnhandError `usage` when a file is missing. */
export async function benchForecast(options: BenchOptions): Promise<ForecastBench> {
  const progress = options.progress ?? (() => {});
  const machine = machineFacts({ node: process.version });
  const results: ForecastLine[] = [];
  const regular = await load(join(options.files, "m4-sample.csv.gz"));
  for (const group of GROUPS) {
    progress(`forecasting ${group.frequency} series`);
    const rows = regular.filter((row) => row.frequency === group.frequency);
    results.push(...groupLines(group, rows));
  }
  const sparse = await load(join(options.files, "intermittent.csv.gz"));
  for (const group of INTERMITTENT) {
    progress(`forecasting ${group.source} series`);
    const rows = sparse.filter((row) => row.source === group.source);
    const scores = intermittentScores(rows, group.leadTime);
    results.push(atMost(group, scores.pinball, scores.sound));
    results.push(...coverage(`${groupName(group.name)}, coverage`, scores.coverage, scores.sound));
  }
  progress(`trying ${options.hostileCount} hostile series`);
  const hostile = soundnessScores(options.hostileCount);
  const name = `unsound forecasts of ${options.hostileCount} hostile series`;
  const none = { name, unit: "series", most: 0, aim: 0, beside: {} };
  results.push(atMost(none, hostile.unsound, true));
  progress("measuring speed");
  for (const { name: what, must, aim, correct, runs } of speedScores()) {
    const target = { unit: "per second per core", better: "more", must, aim } as const;
    const figure = { runs, correct: soundness(correct), durability: "none" } as const;
    results.push({ ...judge(what, target, figure, false), beside: {} });
  }
  results.push(await memoryLine());
  if (options.liveSkus > 0) results.push(...(await liveLines(options.liveSkus, progress)));
  const durability = Object.fromEntries(results.map((line) => [line.name, line.durability]));
  return { machine, durability, results };
}

async function memoryLine(): Promise<ForecastLine> {
  const bytes = await benchSeriesMemory();
  const correct = { ok: Number.isFinite(bytes), what: "every series kept, with a year of days" };
  const target = { unit: "KB", better: "less", must: 8, aim: 3 } as const;
  const figure = { runs: [bytes / 1024], correct, durability: "none" } as const;
  return { ...judge("memory of a series in the working set", target, figure, false), beside: {} };
}

async function liveLines(skus: number, progress: (line: string) => void): Promise<ForecastLine[]> {
  const { policiesS, forecastsS, startS, correct } = await benchPlanning(progress, skus);
  const line = (name: string, seconds: number, must: number, aim: number): ForecastLine => {
    const target = { unit: "s", better: "less", must, aim } as const;
    const durability = "survives a process crash" as const;
    return { ...judge(name, target, { runs: [seconds], correct, durability }, false), beside: {} };
  };
  const what = `${skus.toLocaleString("en-US")} SKUs close a day at once`;
  return [
    line(`${what}: windows to policies in the log`, policiesS, 120, 30),
    line(`${what}: windows to forecasts kept`, forecastsS, 120, 60),
    line(`${what}: a process started afresh to all policies`, startS, 120, 30),
  ];
}

function groupLines(group: (typeof GROUPS)[number], rows: readonly SeriesRow[]): ForecastLine[] {
  const scores = seriesScores(rows, group.leadTime);
  const name = groupName(group.name);
  const againstTheta = {
    name: `${name}, MASE above Theta's`,
    unit: "MASE",
    most: 0.01,
    aim: 0,
    beside: { "Theta, ours": scores.thetaMase },
  };
  return [
    atMost(group, group.measure === "owa" ? scores.owa : scores.mase, scores.sound),
    atMost(againstTheta, scores.mase - scores.thetaMase, scores.sound),
    ...coverage(`${name}, steps below the 95% quantile`, scores.below95, scores.sound),
  ];
}

/** The group without its measure. */
function groupName(name: string): string {
  return name.slice(0, name.indexOf(")") + 1);
}

/** What others reach on the same series; from the project's page of measured facts. */
const GROUPS = [
  {
    name: "M4 weekly (200 series), OWA",
    frequency: "weekly",
    leadTime: 4,
    measure: "owa",
    unit: "OWA",
    most: 0.82,
    aim: 0.78,
    beside: { "R auto.arima": 0.887, "R ets": 0.94, "R thetaf": 0.981, naive2: 1 },
  },
  {
    name: "M3 monthly (500 series), OWA",
    frequency: "monthly",
    leadTime: 3,
    measure: "owa",
    unit: "OWA",
    most: 0.825,
    aim: 0.81,
    beside: { "R thetaf": 0.827, "R ets": 0.87, "M3 THETA (published)": 0.837, naive2: 1 },
  },
  {
    name: "M4 hourly (100 series), OWA",
    frequency: "hourly",
    leadTime: 24,
    measure: "owa",
    unit: "OWA",
    most: 0.65,
    aim: 0.58,
    beside: { "R ets": 0.765, "R thetaf": 1.002, "M4 winner, all hourly (published)": 0.44 },
  },
  {
    name: "retail daily (300 series), MASE",
    frequency: "daily",
    leadTime: 7,
    measure: "mase",
    unit: "MASE",
    most: 1.09,
    aim: 1.06,
    beside: { "R thetaf": 1.081 },
  },
] as const;

const INTERMITTENT = [
  {
    name: "carparts (1,230 series), scaled pinball 95% of 3 months",
    source: "carparts",
    leadTime: 3,
    unit: "scaled pinball",
    most: 0.44,
    aim: 0.42,
    beside: { "normal Z sd sqrt(L), SES": 0.5166, "empirical quantile": 0.5333 },
  },
  {
    name: "retail slow movers (600 series), scaled pinball 95% of 7 days",
    source: "UCI-OnlineRetail",
    leadTime: 7,
    unit: "scaled pinball",
    most: 1.05,
    aim: 1.0,
    beside: { "normal Z sd sqrt(L), SES": 1.1194, "empirical quantile": 1.1978 },
  },
] as const;

async function load(file: string): Promise<SeriesRow[]> {
  if (!existsSync(file)) {
    throw new OnhandError("usage", `Cannot bench forecasts: ${file} is not there`);
  }
  const rows: SeriesRow[] = [];
  for await (const row of readSeriesFile(file)) rows.push(row);
  return rows;
}

function soundness(ok: boolean): Correctness {
  return { ok, what: "every forecast finite, not negative, its quantiles in order" };
}

function atMost(
  group: {
    readonly name: string;
    readonly unit: string;
    readonly most: number;
    readonly aim: number;
    readonly beside: Readonly<Record<string, number>>;
  },
  value: number,
  sound: boolean,
): ForecastLine {
  const target = { unit: group.unit, better: "less", must: group.most, aim: group.aim } as const;
  const figure = { runs: [value], correct: soundness(sound), durability: "none" } as const;
  return { ...judge(group.name, target, figure, false), beside: group.beside };
}

/** A share that should lie between two limits: one line for either. */
function coverage(name: string, value: number, sound: boolean): ForecastLine[] {
  const figure = { runs: [value], correct: soundness(sound), durability: "none" } as const;
  const low = { unit: "share", better: "more", must: 0.91, aim: 0.93 } as const;
  const high = { unit: "share", better: "less", must: 0.98, aim: 0.97 } as const;
  return [
    { ...judge(`${name}, at least`, low, figure, false), beside: {} },
    { ...judge(`${name}, at most`, high, figure, false), beside: {} },
  ];
}
