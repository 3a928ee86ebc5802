import { describe, expect, test } from "vitest";
import { forecastSeries } from "../../../actors/forecast/forecast_series.ts";
import {
  intermittentScores,
  isSound,
  maseScale,
  pinball,
  seriesScores,
  smape,
} from "../../../scripts/backtest/accuracy.ts";
import type { SeriesRow } from "../../../scripts/backtest/series_file.ts";

const row = (train: number[], testPart: number[], season: number): SeriesRow => ({
  id: "a",
  source: "",
  frequency: "",
  season,
  horizon: testPart.length,
  train: Float64Array.from(train),
  test: Float64Array.from(testPart),
});

describe("accuracy measures", () => {
  test("smape() of 100 against 110 is 200 x 10 / 210; nothing against nothing is 0", () => {
    expect(smape(Float64Array.of(100), [110])).toBeCloseTo(2000 / 210, 12);
    expect(smape(Float64Array.of(0, 10), [0, 10])).toBe(0);
  });

  test("maseScale() is the mean seasonal difference", () => {
    expect(maseScale(Float64Array.of(1, 3, 2, 6), 1)).toBeCloseTo((2 + 1 + 4) / 3, 12);
    expect(maseScale(Float64Array.of(1, 3, 2, 6), 2)).toBe(2);
    expect(maseScale(Float64Array.of(5, 5, 5), 1)).toBe(1e-9);
  });

  test("pinball() charges 19 times as much for too low as for too high at 95%", () => {
    expect(pinball(12, 10, 0.95)).toBeCloseTo(1.9, 12);
    expect(pinball(10, 12, 0.95)).toBeCloseTo(0.1, 12);
  });

  test("seriesScores() of a series that goes on as it was beats Naive2 by far", () => {
    const week = [10, 12, 14, 16, 30, 40, 5];
    const values = Array.from({ length: 154 }, (_, i) => week[i % 7]! + i * 0.5);
    const scores = seriesScores([row(values.slice(0, 140), values.slice(140), 7)], 7);
    expect(scores.owa).toBeLessThan(0.4);
    expect(scores.sound).toBe(true);
  });

  test("intermittentScores() walks whole lead times only", () => {
    const sparse = Array.from({ length: 60 }, (_, i) => (i % 6 === 0 ? 2 : 0));
    const scores = intermittentScores([row(sparse, [0, 2, 0, 0, 9], 12)], 2);
    expect([0, 0.5, 1]).toContain(scores.coverage);
    expect(scores.pinball).toBeGreaterThan(0);
  });

  test("isSound() sees a number that is not one, a negative and quantiles out of order", () => {
    const good = forecastSeries({ values: [1, 2, 3], season: 1, horizon: 2, leadTime: 2 });
    expect(isSound(good)).toBe(true);
    expect(isSound({ ...good, mean: [Number.NaN, 1] })).toBe(false);
    expect(isSound({ ...good, mean: [-1, 1] })).toBe(false);
    const crossed = { ...good.quantiles, "0.5": [1e9, 1e9] };
    expect(isSound({ ...good, quantiles: crossed })).toBe(false);
  });
});
