// F1..F4 of forecast_series.ts: whatever comes in, what goes out is sound.
import { describe, expect, test } from "vitest";
import { forecastSeries } from "../../../actors/forecast/forecast_series.ts";
import { isSound } from "../../../scripts/backtest/accuracy.ts";
import { soundnessScores } from "../../../scripts/backtest/hostile_series.ts";

const steps = { season: 7, horizon: 5, leadTime: 3 };
const repeat = (length: number, value: (i: number) => number) =>
  Float64Array.from({ length }, (_, i) => value(i));

describe("forecastSeries() on bad input", () => {
  test.each([
    ["no point", []],
    ["one point", [4]],
    ["two points", [4, 6]],
    ["all zeros", repeat(60, () => 0)],
    ["one spike", repeat(60, (i) => (i === 30 ? 1e9 : 0))],
    ["negative sums after returns", repeat(60, (i) => -i)],
    ["nothing but gaps", repeat(60, () => Number.NaN)],
    ["gaps", repeat(60, (i) => (i % 5 === 0 ? Number.NaN : 10))],
    ["a season longer than the history", repeat(5, (i) => i)],
    ["the largest doubles", repeat(60, () => Number.MAX_VALUE)],
    ["denormal doubles", repeat(60, () => Number.MIN_VALUE)],
  ])("%s: a sound forecast", (_, values) => {
    const forecast = forecastSeries({ values, ...steps });
    expect(isSound(forecast)).toBe(true);
    expect(forecast.mean).toHaveLength(5);
    expect(forecast.leadTime.steps).toBe(3);
  });

  test("20,000 points: the newest are learnt from, with a warning", () => {
    const values = repeat(20_000, (i) => (i < 15_000 ? 1 : 100 + (i % 7)));
    const forecast = forecastSeries({ values, ...steps });
    expect(isSound(forecast)).toBe(true);
    expect(forecast.mean[0]).toBeGreaterThan(90);
    expect(forecast.warnings).toEqual(["history cut to its newest 2400 points"]);
  });

  test.each([0, -3, 2.5, Number.NaN, Number.POSITIVE_INFINITY, 1e9])(
    "season, horizon and lead time %f: brought into range",
    (odd) => {
      const values = repeat(50, (i) => i % 7);
      const forecast = forecastSeries({ values, season: odd, horizon: odd, leadTime: odd });
      expect(isSound(forecast)).toBe(true);
      expect(forecast.mean.length).toBeGreaterThanOrEqual(1);
      expect(forecast.mean.length).toBeLessThanOrEqual(1000);
    },
  );

  test("2,000 hostile series: finite, in range, in order, repeated to the bit", () => {
    expect(soundnessScores(2_000)).toEqual({ unsound: 0, worst: [] });
  }, 120_000);
});

describe("forecastSeries() on plain input", () => {
  test("goes on with a weekly pattern", () => {
    const week = [10, 12, 14, 16, 30, 40, 5];
    const forecast = forecastSeries({ values: repeat(140, (i) => week[i % 7]!), ...steps });
    forecast.mean.forEach((value, k) => {
      expect(value).toBeCloseTo(week[k % 7]!, 0);
    });
    expect(forecast.leadTime.mean).toBeCloseTo(36, 0);
    expect(forecast.seriesClass).toBe("weekly_cycle");
  });

  test("nothing ever sold is forecast as nothing", () => {
    const forecast = forecastSeries({ values: repeat(90, () => 0), ...steps });
    expect(forecast.mean).toEqual([0, 0, 0, 0, 0]);
    expect(forecast.leadTime.quantiles["0.99"]).toBe(0);
  });

  test("a promotion known ahead raises its step, the lead time and their quantiles", () => {
    const on = repeat(140, (i) => (i % 10 === 3 ? 1 : 0));
    const values = on.map((promoted, i) => 20 + ((i * 7919) % 5) + 30 * promoted);
    const signal = { name: "promotion", past: on, future: [0, 0, 0, 1, 0] };
    const plain = forecastSeries({ values, ...steps, leadTime: 5 });
    const told = forecastSeries({ values, ...steps, leadTime: 5, signals: [signal] });
    expect(told.effects[0]!.effect).toBeGreaterThan(20);
    expect(told.mean[3]! - told.mean[2]!).toBeGreaterThan(15);
    expect(told.mean[2]!).toBeLessThan(plain.mean[2]! + 1);
    expect(told.quantiles["0.95"]![3]!).toBeGreaterThan(told.quantiles["0.95"]![2]! + 15);
    expect(isSound(told)).toBe(true);
    expect(plain.effects).toEqual([]);
  });

  test("tells its method, version and backtest error", () => {
    const values = repeat(100, (i) => 20 + ((i * 7919) % 13));
    const forecast = forecastSeries({ values, ...steps });
    expect(forecast.method).toMatch(/^ensemble:/);
    expect(forecast.version).toBe(1);
    expect(forecast.backtestError).toBeGreaterThan(0);
  });
});
