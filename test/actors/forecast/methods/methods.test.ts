// The worked example in the header of every method, and what each does with next to nothing.
import { describe, expect, test } from "vitest";
import {
  gammaQuantile,
  negativeBinomialQuantile,
  normalQuantile,
} from "../../../../actors/forecast/distributions.ts";
import { briefSmoothing } from "../../../../actors/forecast/methods/brief_smoothing.ts";
import { croston } from "../../../../actors/forecast/methods/croston.ts";
import { damped, dampedPath } from "../../../../actors/forecast/methods/damped.ts";
import { doubleSeasonal } from "../../../../actors/forecast/methods/double_seasonal.ts";
import { dynamicTheta } from "../../../../actors/forecast/methods/dynamic_theta.ts";
import { holt } from "../../../../actors/forecast/methods/holt.ts";
import { holtWinters } from "../../../../actors/forecast/methods/holt_winters.ts";
import { imapa } from "../../../../actors/forecast/methods/imapa.ts";
import {
  leadTimeDemand,
  leadTimeQuantile,
} from "../../../../actors/forecast/methods/negative_binomial.ts";
import { sba } from "../../../../actors/forecast/methods/sba.ts";
import { seasonalNaive } from "../../../../actors/forecast/methods/seasonal_naive.ts";
import { fitSes, ses, smooth } from "../../../../actors/forecast/methods/ses.ts";
import { theta } from "../../../../actors/forecast/methods/theta.ts";
import { tsb, tsbUpdate } from "../../../../actors/forecast/methods/tsb.ts";

const series = (...values: number[]) => Float64Array.from(values);
const line = (length: number) => Float64Array.from({ length }, (_, i) => i + 1);
const rounded = (values: readonly number[] | undefined, digits = 2) =>
  values?.map((value) => Number(value.toFixed(digits)));

describe("the brief's smoothing", () => {
  const history = series(120, 115, 130, 145, 140, 155, 160);

  test.each([
    [0.3, [151.62, 157.9, 164.19]],
    [0.2, [144.41, 149.61, 154.8]],
  ])("briefSmoothing() with alpha %f gives the brief's own figures", (alpha, expected) => {
    expect(briefSmoothing(history, 3, alpha)).toEqual(expected);
  });

  test("briefSmoothing() gives zeros for an empty history and never less than zero", () => {
    expect(briefSmoothing(series(), 2)).toEqual([0, 0]);
    expect(briefSmoothing(series(100, 1, 1), 5).every((value) => value >= 0)).toBe(true);
  });
});

describe("smoothing methods", () => {
  test("smooth() runs 1, 2, 3 with alpha 0.5 to 2.25", () => {
    expect(smooth(series(1, 2, 3), 0.5, 1)).toBe(2.25);
  });

  test("fitSes() finds the first level that a direct search finds", () => {
    const y = series(12, 15, 11, 14, 16, 13, 15, 12, 14);
    const fit = fitSes(y);
    const sse = (level0: number) => {
      let level = level0;
      let total = 0;
      for (const value of y) {
        total += (value - level) ** 2;
        level += fit.alpha * (value - level);
      }
      return total;
    };
    expect(sse(fit.level0)).toBeCloseTo(fit.sse, 9);
    expect(sse(fit.level0 + 0.1)).toBeGreaterThan(fit.sse);
    expect(sse(fit.level0 - 0.1)).toBeGreaterThan(fit.sse);
  });

  test("ses() of a constant is that constant", () => {
    expect(rounded(ses(series(5, 5, 5, 5), 2))).toEqual([5, 5]);
  });

  test("dampedPath() halves the trend each step with phi 0.5", () => {
    expect(dampedPath({ level: 10, trend: 2, phi: 0.5 }, 3)).toEqual([11, 11.5, 11.75]);
  });

  test("holt() goes on with a line; damped() bends it down", () => {
    expect(rounded(holt(line(5), 2))).toEqual([6, 7]);
    const bent = damped(line(30), 10);
    expect(bent[0]).toBeGreaterThan(30);
    expect(bent[9]).toBeLessThan(40);
  });

  test("theta() goes on with half a line, dynamicTheta() with all of it", () => {
    // Half of the line at 5 and 6, half of its last level 4.
    expect(rounded(theta(line(4), 2))).toEqual([4.5, 5]);
    expect(rounded(dynamicTheta(line(12), 2), 1)).toEqual([13, 14]);
  });

  test("theta() adds half the slope a step to its smoothing, as in Hyndman and Billah", () => {
    const forecast = theta(series(3, 5, 4, 6, 8, 7, 9, 9, 11, 10), 5);
    const steps = forecast.slice(1).map((value, k) => value - forecast[k]!);
    // Least-squares slope of that series is 69 / 82.5; half of it a step.
    for (const step of steps) expect(step).toBeCloseTo(69 / 82.5 / 2, 9);
  });

  test("seasonalNaive() repeats the last season", () => {
    expect(seasonalNaive(series(1, 2, 3, 4), 3, 2)).toEqual([3, 4, 3]);
    expect(seasonalNaive(series(7), 2, 12)).toEqual([7, 7]);
    expect(seasonalNaive(series(), 2, 12)).toEqual([0, 0]);
  });

  test("holtWinters() goes on with a repeated season, added or multiplied", () => {
    const y = Float64Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 10 : 20));
    expect(rounded(holtWinters(y, 3, 2, "additive"))).toEqual([10, 20, 10]);
    expect(rounded(holtWinters(y, 3, 2, "multiplicative"))).toEqual([10, 20, 10]);
  });

  test("holtWinters() multiplies a season that grows with the level", () => {
    const factors = [0.5, 1, 1.5, 1];
    const y = Float64Array.from({ length: 48 }, (_, i) => (100 + 2 * i) * factors[i % 4]!);
    const forecast = holtWinters(y, 4, 4, "multiplicative")!;
    const actual = [0, 1, 2, 3].map((k) => (100 + 2 * (48 + k)) * factors[k]!);
    forecast.forEach((value, k) => {
      expect(Math.abs(value / actual[k]! - 1)).toBeLessThan(0.03);
    });
  });

  test("holtWinters() does without what it cannot fit", () => {
    expect(holtWinters(line(5), 3, 12, "additive")).toBeUndefined();
    expect(holtWinters(series(0, 1, 0, 1, 0, 1, 0, 1), 3, 2, "multiplicative")).toBeUndefined();
  });

  test("doubleSeasonal() goes on with a cycle within a cycle", () => {
    const day = [0, 2, 5, 1];
    const y = Float64Array.from({ length: 40 }, (_, i) => day[i % 4]! + (i % 8 < 4 ? 0 : 3));
    const actual = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => day[k % 4]! + (k < 4 ? 0 : 3));
    expect(rounded(doubleSeasonal(y, 8, 4, 8), 1)).toEqual(actual);
  });
});

describe("intermittent methods", () => {
  const alternating = series(2, 0, 2, 0, 2);

  test("croston() of 2, 0, 2, 0, 2 with alpha 1 is 1 a step; sba() takes out its bias", () => {
    expect(croston(alternating, 1)).toBe(1);
    expect(sba(alternating, 1)).toBe(0.5);
    const slow = croston(alternating, 0.1);
    // First interval 1, then 1 + 0.1 (2 - 1) = 1.1, then 1.1 + 0.1 (2 - 1.1) = 1.19.
    expect(slow).toBeCloseTo(2 / 1.19, 12);
    expect(sba(alternating, 0.1)).toBeCloseTo((0.95 * 2) / 1.19, 12);
  });

  test("tsbUpdate() lets the probability fade when nothing is sold", () => {
    const state = tsbUpdate({ size: 4, probability: 0.5 }, 0, 0.1, 0.1);
    expect(state.size * state.probability).toBeCloseTo(1.8, 12);
    expect(tsbUpdate({ size: 4, probability: 0.5 }, 6, 0.1, 0.1)).toEqual({
      size: 4.2,
      probability: 0.55,
    });
  });

  test("imapa() of 0, 2, 0, 2, 0, 2 is near 1 a step", () => {
    const y = series(0, 2, 0, 2, 0, 2);
    // Sums of two: level 1 a step. Single steps: from 1 by a fifth of each error.
    let level = 1;
    for (const value of y) level += 0.2 * (value - level);
    expect(imapa(y)).toBeCloseTo((level + 1) / 2, 12);
  });

  test("every intermittent method gives 0 for nothing sold and for nothing known", () => {
    for (const y of [series(), series(0, 0, 0)]) {
      expect([croston(y), sba(y), tsb(y), imapa(y)]).toEqual([0, 0, 0, 0]);
    }
  });
});

describe("distributions", () => {
  test("normalQuantile() agrees with tables", () => {
    expect(normalQuantile(0.95)).toBeCloseTo(1.6448536, 6);
    expect(normalQuantile(0.01)).toBeCloseTo(-2.3263479, 6);
    expect(normalQuantile(0.5)).toBe(0);
  });

  test("gammaQuantile() of mean 10, variance 20 is chi-squared with 10 degrees", () => {
    expect(gammaQuantile(10, 20, 0.95)).toBeCloseTo(18.307, 1);
    expect(gammaQuantile(0, 1, 0.95)).toBe(0);
  });

  test.each([
    // Poisson: P(X <= 5) = 0.916, P(X <= 6) = 0.966.
    [3, 3, 0.95, 6],
    [0, 0, 0.95, 0],
    // Mean 2, variance 4 (size 2, p 1/2): P = 1/4, 1/4, 3/16, 1/8, 5/64, 3/64, 7/256: 0.9375 at 5, 0.9648 at 6.
    [2, 4, 0.95, 6],
    [2, 4, 0.9, 5],
  ])("negativeBinomialQuantile(%f, %f, %f) is %i", (mean, variance, p, expected) => {
    expect(negativeBinomialQuantile(mean, variance, p)).toBe(expected);
  });

  test("leadTimeDemand() scales the variance seen by the forecast", () => {
    const y = series(0, 3, 0, 3);
    const same = leadTimeDemand(y, 1.5, 1, { exponent: 2, inflation: 1 });
    expect(same).toEqual({ mean: 1.5, variance: 3 });
    expect(leadTimeQuantile(same, 0.95)).toBe(5);
    const half = leadTimeDemand(y, 0.75, 1, { exponent: 2, inflation: 1 });
    expect(half).toEqual({ mean: 0.75, variance: 0.75 });
  });
});
