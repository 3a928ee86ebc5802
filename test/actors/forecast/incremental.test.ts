import { expect, test } from "vitest";
import { expected, incrementalState, update } from "../../../actors/forecast/incremental.ts";

const week = [10, 12, 14, 16, 30, 40, 5];

test("update() keeps the cycle and follows a new level", () => {
  const history = Float64Array.from({ length: 140 }, (_, i) => week[i % 7]! + ((i * 31) % 3));
  const state = incrementalState(history, 7);
  expect(expected(state)).toBeCloseTo(11, 0);
  for (let i = 140; i < 280; i++) update(state, 2 * (week[i % 7]! + 1));
  expect(expected(state)).toBeCloseTo(22, -1);
  expect(expected(state)).toBeGreaterThan(18);
  expect(state.updates).toBe(140);
});

test("update() with a missing window only moves the cycle on", () => {
  const state = incrementalState(
    Float64Array.from({ length: 70 }, (_, i) => week[i % 7]!),
    7,
  );
  const level = state.level;
  update(state, Number.NaN);
  expect(state.level).toBe(level);
  expect(state.slot).toBe(1);
  expect(expected(state)).toBeCloseTo(12, 0);
});

test("expected() is never negative, from nothing, from zeros, after returns", () => {
  for (const history of [[], [0, 0, 0], [5]]) {
    const state = incrementalState(history, 7);
    for (const value of [-5, 0, 0, 3, -1e9, 0]) update(state, value);
    expect(expected(state)).toBeGreaterThanOrEqual(0);
    expect(Number.isFinite(state.errorVariance)).toBe(true);
  }
});
