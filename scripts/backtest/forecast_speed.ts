// Owns the speed measures of the forecast bench: the full ensemble, Theta alone, one incremental update.
import { forecastSeries } from "../../actors/forecast/forecast_series.ts";
import { incrementalState, update } from "../../actors/forecast/incremental.ts";
import { theta } from "../../actors/forecast/methods/theta.ts";
import { deseasonalise } from "../../actors/forecast/seasonality.ts";
import { isSound } from "./accuracy.ts";
import { randomOf } from "./random.ts";

export interface SpeedScore {
  readonly name: string;
  readonly perSecond: number;
  readonly must: number;
  readonly aim: number;
  readonly correct: boolean;
  readonly runs: readonly number[];
}

const POINTS = 120;
const RUNS = 3;

/** Each measured in three runs after a warm-up; the middle run counts. */
export function speedScores(): SpeedScore[] {
  const inputs = Array.from({ length: 200 }, (_, i) => demandLike(i));
  let correct = true;
  const full = (i: number) => {
    const values = inputs[i % inputs.length]!;
    const forecast = forecastSeries({ values, season: 7, horizon: 14, leadTime: 7 });
    if (!isSound(forecast)) correct = false;
  };
  const monthly = (i: number) => {
    const values = inputs[i % inputs.length]!.map((value) => value + 50);
    const forecast = forecastSeries({ values, season: 12, horizon: 18, leadTime: 3 });
    if (!isSound(forecast)) correct = false;
  };
  const alone = (i: number) => {
    const flat = deseasonalise(inputs[i % inputs.length]!, 7);
    if (!flat.restore(theta(flat.series, 14)).every(Number.isFinite)) correct = false;
  };
  const states = inputs.map((values) => incrementalState(values, 7));
  const step = (i: number) => {
    const state = states[i % states.length]!;
    update(state, i % 37);
    if (!(state.errorVariance >= 0)) correct = false;
  };
  const score = (
    name: string,
    work: (i: number) => void,
    must: number,
    aim: number,
    batch = 50,
  ) => {
    const runs = measure(work, batch);
    return { name, perSecond: runs[RUNS >> 1]!, must, aim, correct, runs };
  };
  return [
    score("ensemble, 120 daily points", full, 150, 400),
    score("ensemble, 120 monthly points", monthly, 150, 400),
    score("Theta alone, 120 points", alone, 2_000, 2_000),
    score("incremental update", step, 300_000, 300_000, 20_000),
  ];
}

/**
 * Calls a second of processor time over `RUNS` runs of half a second each, sorted: of one core, whatever
 * else the machine does.
 */
function measure(work: (i: number) => void, batch: number): number[] {
  for (let i = 0; i < batch * 2; i++) work(i);
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const start = process.cpuUsage();
    let count = 0;
    let spentMicros = 0;
    while (spentMicros < 500_000) {
      for (let i = 0; i < batch; i++) work(count + i);
      count += batch;
      const { user, system } = process.cpuUsage(start);
      spentMicros = user + system;
    }
    runs.push((count / spentMicros) * 1e6);
  }
  return runs.sort((a, b) => a - b);
}

function demandLike(seed: number): Float64Array {
  const random = randomOf(seed);
  const level = 5 + random() * 50;
  return Float64Array.from({ length: POINTS }, (_, i) => {
    const cycle = 1 + 0.4 * Math.sin((2 * Math.PI * i) / 7);
    return Math.round(level * cycle * (0.5 + random()));
  });
}
