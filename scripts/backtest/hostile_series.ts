// Owns the hostile series: seeded, each a kind of input that broke a forecaster somewhere (constant, zero,
// short, spikes, gaps, huge, tiny, negative, steps, alternating), and the check that forecasts stay sound.
import { type ForecastInput, forecastSeries } from "../../actors/forecast/forecast_series.ts";
import { isSound } from "./accuracy.ts";
import { randomOf } from "./random.ts";

const KINDS = [
  "constant",
  "zero",
  "spike",
  "spikes",
  "gaps",
  "huge",
  "tiny",
  "negative",
  "step",
  "alternating",
  "explosive",
  "walk",
  "infinite",
  "all gaps",
  "seasonal zeros",
] as const;

/** The hostile input with this number: always the same. */
export function hostileInput(index: number): ForecastInput & { readonly kind: string } {
  const random = randomOf(index);
  const kind = KINDS[index % KINDS.length]!;
  const roll = random();
  const length =
    roll < 0.15 ? Math.floor(random() * 8) : roll < 0.9 ? 8 + Math.floor(random() * 150) : 400;
  const level = 10 ** (random() * 6 - 1);
  const values = new Float64Array(length);
  let walk = level;
  for (let i = 0; i < length; i++) {
    walk += (random() - 0.5) * level;
    values[i] = hostileValue(kind, i, length, level, walk, random);
  }
  const season = [1, 2, 7, 12, 24, 52, 365][Math.floor(random() * 7)]!;
  const horizon = 1 + Math.floor(random() * 30);
  return { kind, values, season, horizon, leadTime: 1 + Math.floor(random() * 14) };
}

function hostileValue(
  kind: (typeof KINDS)[number],
  i: number,
  length: number,
  level: number,
  walk: number,
  random: () => number,
): number {
  switch (kind) {
    case "constant":
      return level;
    case "zero":
      return 0;
    case "spike":
      return i === length >> 1 ? level * 1e6 : 0;
    case "spikes":
      return random() < 0.05 ? level * 1000 : Math.floor(random() * 3);
    case "gaps":
      return random() < 0.3 ? Number.NaN : walk;
    case "huge":
      return random() * 10 ** (random() * 308);
    case "tiny":
      return random() * 10 ** (-random() * 320);
    case "negative":
      return -random() * level;
    case "step":
      return i < length - 3 ? level : level * 1e5;
    case "alternating":
      return i % 2 === 0 ? level : 0;
    case "explosive":
      return 1.5 ** Math.min(i, 1000);
    case "walk":
      return Math.round(Math.abs(walk));
    case "infinite":
      return random() < 0.1 ? Number.POSITIVE_INFINITY : level;
    case "all gaps":
      return Number.NaN;
    case "seasonal zeros":
      return i % 7 < 2 ? 0 : Math.round(level * random());
  }
}

/** Forecasts `count` hostile series twice; counts those that are unsound, out of range or not repeated. */
export function soundnessScores(count: number, from = 0): { unsound: number; worst: string[] } {
  let unsound = 0;
  const worst: string[] = [];
  for (let index = from; index < from + count; index++) {
    const { kind, ...input } = hostileInput(index);
    const fault = faultOf(input);
    if (fault === undefined) continue;
    unsound++;
    if (worst.length < 20) worst.push(`${index} (${kind}): ${fault}`);
  }
  return { unsound, worst };
}

function faultOf(input: ForecastInput): string | undefined {
  try {
    const forecast = forecastSeries(input);
    if (!isSound(forecast)) return "not finite, negative or quantiles out of order";
    let most = 0;
    for (const value of Array.from(input.values)) {
      if (Number.isFinite(value)) most = Math.max(most, value);
    }
    const bound = 5 * most;
    if (forecast.mean.some((value) => value > bound)) return "a step above its bound";
    const sums = Object.values(forecast.leadTime.quantiles);
    if (sums.some((value) => value > bound * forecast.leadTime.steps))
      return "a sum above its bound";
    const again = JSON.stringify(forecastSeries(input));
    return again === JSON.stringify(forecast) ? undefined : "not repeated to the bit";
  } catch (error) {
    return `threw ${String(error)}`;
  }
}
