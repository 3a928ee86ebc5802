import { expect, it } from "vitest";
import { expected } from "../../../../actors/forecast/incremental.ts";
import { moveOn, outlookOf, readDay } from "../../../../actors/forecast/live/outlook.ts";

const flat = (mean: number, high: number) => ({
  mean: new Array(28).fill(mean),
  middle: new Array(28).fill(mean),
  high: new Array(28).fill(high),
});

it("moveOn() moves what is expected by a share of each day's error: the worked example", () => {
  const outlook = outlookOf(flat(10, 18), 100);
  expect(Math.sqrt(outlook.state.errorVariance)).toBeCloseTo(4.86, 2);
  moveOn(outlook, 100, () => 20);
  expect(outlook.day).toBe(101);
  expect(expected(outlook.state)).toBeCloseTo(11.5, 9);
});

it("outlookOf() keeps the forecast's weekly cycle", () => {
  const mean = Array.from({ length: 28 }, (_, k) => (k % 7 === 0 ? 40 : 10));
  const outlook = outlookOf({ mean, middle: mean, high: mean }, 100);
  expect(expected(outlook.state)).toBeCloseTo(40);
  moveOn(outlook, 100, () => 40);
  expect(expected(outlook.state)).toBeCloseTo(10);
});

it("readDay() is far only when a day under way sold far beyond all that was expected of it", () => {
  const outlook = outlookOf(flat(10, 18), 100);
  expect(readDay(outlook, 0).surprise).toBeLessThan(0);
  expect(readDay(outlook, 16).far).toBe(false);
  expect(readDay(outlook, 40).far).toBe(true);
});

it("of odd forecasts: empty, zero", () => {
  expect(readDay(outlookOf({ mean: [], middle: [], high: [] }, 5), 3).far).toBe(true);
  expect(expected(outlookOf(flat(0, 0), 5).state)).toBe(0);
});
