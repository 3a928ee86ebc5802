// Our ARIMA beside what R prints for its own examples (help page of `arima`, R 4), and its guards.
import { describe, expect, test } from "vitest";
import { fitArima, forecastArima } from "../../../../actors/forecast/methods/arima.ts";
import {
  type ArimaOrder,
  difference,
  differencingWeights,
  expand,
  stationary,
} from "../../../../actors/forecast/methods/arima_polynomials.ts";
import { leastSquares } from "../../../../actors/forecast/methods/least_squares.ts";

/** Luteinising hormone in blood samples, R's `lh` (Diggle 1990). */
const LH = Float64Array.of(
  2.4,
  2.4,
  2.4,
  2.2,
  2.1,
  1.5,
  2.3,
  2.3,
  2.5,
  2.0,
  1.9,
  1.7,
  2.2,
  1.8,
  3.2,
  3.2,
  2.7,
  2.2,
  2.2,
  1.9,
  1.9,
  1.8,
  2.7,
  3.0,
  2.3,
  2.0,
  2.0,
  2.9,
  2.9,
  2.7,
  2.7,
  2.3,
  2.6,
  2.4,
  1.8,
  1.7,
  1.5,
  1.4,
  2.1,
  3.3,
  3.5,
  3.5,
  3.1,
  2.6,
  2.1,
  3.4,
  3.0,
  2.9,
);
/** Accidental deaths in the USA 1973-1978, R's `USAccDeaths` (Brockwell and Davis 1991). */
const DEATHS = Float64Array.of(
  9007,
  8106,
  8928,
  9137,
  10017,
  10826,
  11317,
  10744,
  9713,
  9938,
  9161,
  8927,
  7750,
  6981,
  8038,
  8422,
  8714,
  9512,
  10120,
  9823,
  8743,
  9129,
  8710,
  8680,
  8162,
  7306,
  8124,
  7870,
  9387,
  9556,
  10093,
  9620,
  8285,
  8466,
  8160,
  8034,
  7717,
  7461,
  7767,
  7925,
  8623,
  8945,
  10078,
  9179,
  8037,
  8488,
  7874,
  8647,
  7792,
  6957,
  7726,
  8106,
  8890,
  9299,
  10625,
  9302,
  8314,
  8850,
  8265,
  8796,
  7836,
  6892,
  7791,
  8192,
  9115,
  9434,
  10484,
  9827,
  9110,
  9070,
  8633,
  9240,
);
/** Level of Lake Huron 1875-1972 in feet, R's `LakeHuron`. */
const HURON = Float64Array.of(
  580.38,
  581.86,
  580.97,
  580.8,
  579.79,
  580.39,
  580.42,
  580.82,
  581.4,
  581.32,
  581.44,
  581.68,
  581.17,
  580.53,
  580.01,
  579.91,
  579.14,
  579.16,
  579.55,
  579.67,
  578.44,
  578.24,
  579.1,
  579.09,
  579.35,
  578.82,
  579.32,
  579.01,
  579.0,
  579.8,
  579.83,
  579.72,
  579.89,
  580.01,
  579.37,
  578.69,
  578.19,
  578.67,
  579.55,
  578.92,
  578.09,
  579.37,
  580.13,
  580.14,
  579.51,
  579.24,
  578.66,
  578.86,
  578.05,
  577.79,
  576.75,
  576.75,
  577.82,
  578.64,
  580.58,
  579.48,
  577.38,
  576.9,
  576.94,
  576.24,
  576.84,
  576.85,
  576.9,
  577.79,
  578.18,
  577.51,
  577.23,
  578.42,
  579.61,
  579.05,
  579.26,
  579.22,
  579.38,
  579.1,
  577.95,
  578.12,
  579.75,
  580.85,
  580.41,
  579.96,
  579.61,
  578.76,
  578.18,
  577.21,
  577.13,
  579.1,
  578.25,
  577.91,
  576.89,
  575.96,
  576.8,
  577.68,
  578.38,
  578.52,
  579.74,
  579.31,
  579.89,
  579.96,
);

const order = (p: number, d: number, q: number, seasonal = [0, 0, 0], season = 1): ArimaOrder => ({
  p,
  d,
  q,
  seasonalP: seasonal[0]!,
  seasonalD: seasonal[1]!,
  seasonalQ: seasonal[2]!,
  season,
});
const ML = { method: "ml", constant: true, evaluationsMax: 2000 } as const;

describe("fitArima() and R's arima()", () => {
  test("lh, order (1,0,0): ar1 0.5739, intercept 2.4133, sigma^2 0.1975, log likelihood -29.38", () => {
    const fit = fitArima(LH, order(1, 0, 0), ML)!;
    expect(fit.ar[0]).toBeCloseTo(0.5739, 3);
    expect(fit.constant).toBeCloseTo(2.4133, 3);
    expect(fit.sigma2).toBeCloseTo(0.1975, 4);
    expect(fit.logLikelihood).toBeCloseTo(-29.38, 2);
  });

  test("lh, order (3,0,0): ar 0.6448, -0.0634, -0.2198, intercept 2.3931, sigma^2 0.1787", () => {
    const fit = fitArima(LH, order(3, 0, 0), ML)!;
    [0.6448, -0.0634, -0.2198].forEach((value, i) => {
      expect(Math.abs(fit.ar[i]! - value)).toBeLessThan(5e-4);
    });
    expect(fit.constant).toBeCloseTo(2.3931, 3);
    expect(fit.sigma2).toBeCloseTo(0.1787, 4);
    expect(fit.logLikelihood).toBeCloseTo(-27.09, 2);
  });

  test("lh, order (3,0,0) by CSS: ar 0.6578, -0.0658, -0.2348, intercept 2.3918, sigma^2 0.1905", () => {
    const fit = fitArima(LH, order(3, 0, 0), { ...ML, method: "css" })!;
    [0.6578, -0.0658, -0.2348].forEach((value, i) => {
      expect(Math.abs(fit.ar[i]! - value)).toBeLessThan(5e-4);
    });
    expect(fit.constant).toBeCloseTo(2.3918, 3);
    expect(fit.sigma2).toBeCloseTo(0.1905, 3);
  });

  test("lh, order (3,0,0), predicted: 2.460173, 2.270829, 2.198597; errors 0.4226823, 0.5029332", () => {
    const fit = fitArima(LH, order(3, 0, 0), ML)!;
    const { mean, se } = forecastArima(fit, 3);
    [2.460173, 2.270829, 2.198597].forEach((value, k) => {
      expect(mean[k]).toBeCloseTo(value, 3);
    });
    [0.4226823, 0.5029332].forEach((value, k) => {
      expect(se[k]).toBeCloseTo(value, 3);
    });
  });

  test("USAccDeaths, (0,1,1)(0,1,1)12: ma1 -0.4303, sma1 -0.5528, sigma^2 99347, log likelihood -425.44", () => {
    const fit = fitArima(DEATHS, order(0, 1, 1, [0, 1, 1], 12), { ...ML, constant: false })!;
    expect(fit.ma[0]).toBeCloseTo(-0.4303, 3);
    expect(fit.seasonalMa[0]).toBeCloseTo(-0.5528, 3);
    expect(Math.abs(fit.sigma2 / 99_347 - 1)).toBeLessThan(2e-3);
    expect(fit.logLikelihood).toBeCloseTo(-425.44, 1);
  });

  test("USAccDeaths, the airline model, predicted: 8336.061, 7531.829, 8314.644", () => {
    const fit = fitArima(DEATHS, order(0, 1, 1, [0, 1, 1], 12), { ...ML, constant: false })!;
    const { mean, se } = forecastArima(fit, 3);
    [8336.061, 7531.829, 8314.644].forEach((value, k) => {
      expect(Math.abs(mean[k]! - value)).toBeLessThan(5);
    });
    expect(Math.abs(se[0]! - 315.4)).toBeLessThan(3);
  });

  test("LakeHuron, (2,0,0) on the year: ar 1.0048, -0.2913, intercept 579.0993, slope -0.0216", () => {
    const years = Float64Array.from(HURON, (_, i) => 1875 + i - 1920);
    const fit = fitArima(HURON, order(2, 0, 0), { ...ML, regressors: [years] })!;
    expect(fit.ar[0]).toBeCloseTo(1.0048, 3);
    expect(fit.ar[1]).toBeCloseTo(-0.2913, 3);
    expect(fit.constant).toBeCloseTo(579.0993, 2);
    expect(fit.regressorCoefficients[0]).toBeCloseTo(-0.0216, 3);
    expect(fit.sigma2).toBeCloseTo(0.4566, 3);
    expect(fit.logLikelihood).toBeCloseTo(-101.2, 1);
  });
});

describe("fitArima() and what it stands on", () => {
  test("a regressor known ahead moves the forecast by its effect", () => {
    const promotion = Float64Array.from({ length: 100 }, (_, t) => (t % 10 === 3 ? 1 : 0));
    const y = promotion.map((on, t) => 20 + 30 * on + ((t * 7919) % 5));
    const options = { method: "css", constant: true, regressors: [promotion] } as const;
    const fit = fitArima(y, order(1, 0, 0), options)!;
    expect(fit.regressorCoefficients[0]).toBeCloseTo(30, -1);
    const { mean } = forecastArima(fit, 2, [[1, 0]]);
    expect(mean[0]! - mean[1]!).toBeCloseTo(30, -1);
  });

  test("a drift goes on: (0,1,0) with constant on a line", () => {
    const fit = fitArima(
      Float64Array.from({ length: 20 }, (_, t) => 5 + 2 * t),
      order(0, 1, 0),
      ML,
    )!;
    expect(forecastArima(fit, 3).mean.map(Math.round)).toEqual([45, 47, 49]);
  });

  test("too short a series is refused; odd ones end in finite numbers", () => {
    expect(fitArima(LH.subarray(0, 5), order(1, 1, 1), ML)).toBeUndefined();
    const constant = fitArima(new Float64Array(40).fill(5), order(1, 0, 1), {
      ...ML,
      method: "css",
    })!;
    expect(forecastArima(constant, 3).mean.map((value) => Math.round(value * 1e6) / 1e6)).toEqual([
      5, 5, 5,
    ]);
  });

  test("stationary() stays inside the region for any free numbers", () => {
    for (const free of [[0.3], [3, -3], [9, 9, 9], [-50, 50, 0.1]]) {
      const ar = stationary(free);
      let w = ar.map(() => 1);
      for (let t = 0; t < 3000; t++) {
        w = [ar.reduce((sum, c, i) => sum + c * w[i]!, 0), ...w.slice(0, -1)];
      }
      expect(Math.abs(w[0]!)).toBeLessThan(1e6);
    }
    expect(stationary([Math.atanh(0.5), Math.atanh(-0.25)])).toEqual([
      expect.closeTo(0.5 + 0.25 * 0.5, 12),
      expect.closeTo(-0.25, 12),
    ]);
  });

  test("expand() multiplies seasonal factors: (1 - 0.5B)(1 - 0.4B^2) and (1 + 0.3B)(1 + 0.2B^2)", () => {
    const { phi, theta } = expand(
      { ar: [0.5], ma: [0.3], seasonalAr: [0.4], seasonalMa: [0.2] },
      2,
    );
    expect([...phi].map((v) => Number(v.toFixed(9)))).toEqual([0.5, 0.4, -0.2]);
    expect([...theta].map((v) => Number(v.toFixed(9)))).toEqual([0.3, 0.2, 0.06]);
  });

  test("difference() undoes a line and a season", () => {
    const weights = differencingWeights(order(0, 1, 0, [0, 1, 0], 4));
    const y = Float64Array.from({ length: 20 }, (_, t) => 3 * t + [1, 5, 2, 9][t % 4]!);
    expect([...difference(y, weights)].every((value) => Math.abs(value) < 1e-9)).toBe(true);
  });

  test("leastSquares() solves y = 2a - 3b and gives collinear columns nothing", () => {
    const a = Float64Array.of(1, 2, 3, 4);
    const b = Float64Array.of(1, 0, 1, 0);
    const y = a.map((value, i) => 2 * value - 3 * b[i]!);
    const { coefficients, sse } = leastSquares(y, [a, b]);
    expect(coefficients[0]).toBeCloseTo(2, 9);
    expect(coefficients[1]).toBeCloseTo(-3, 9);
    expect(sse).toBeLessThan(1e-9);
    expect(leastSquares(a, [a, a]).coefficients[1]).toBe(0);
  });
});
