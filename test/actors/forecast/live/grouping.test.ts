import { expect, it } from "vitest";
import type { DailyValues } from "../../../../actors/forecast/live/demand_series.ts";
import { calibrationOf, classFills, figuresOf } from "../../../../actors/forecast/live/grouping.ts";

function values(units: readonly number[]): DailyValues {
  return {
    firstDay: 0,
    units: Float64Array.from(units),
    orders: new Float64Array(units.length),
    oneOrder: new Uint8Array(units.length),
  };
}

it("figuresOf() leaves out what is not known", () => {
  const known = figuresOf(values([2, Number.NaN, 4]));
  expect(known).toMatchObject({ perDay: 3, daysKnown: 2 });
  expect(known.monthMean).toBeNaN();
  expect(figuresOf(values([]))).toMatchObject({ perDay: 0, daysKnown: 0 });
  expect(figuresOf(values(new Array(90).fill(2)))).toMatchObject({ monthMean: 60, monthSd: 0 });
});

it("classFills() aim higher where value is high and demand steady", () => {
  const steady = figuresOf(values(new Array(120).fill(2)));
  const wild = figuresOf(values(Array.from({ length: 120 }, (_, t) => (t < 30 ? 8 : 0))));
  const young = figuresOf(values([1, 2, 3]));
  const fills = classFills([
    { figures: steady, unitValue: 1_000 },
    { figures: wild, unitValue: 1 },
    { figures: young, unitValue: 1 },
  ]);
  expect(fills[0]).toBe(0.98);
  expect(fills[1]).toBe(0.9);
  expect(fills.every((fill) => fill >= 0.9 && fill <= 0.98)).toBe(true);
});

it("calibrationOf() says nothing for groups too small, and samples those too large", () => {
  const member = { values: values(new Array(120).fill(2)), unitValue: 1 };
  expect(calibrationOf(new Array(5).fill(member), 8, 0.95)).toBeUndefined();
  const large = calibrationOf(new Array(1_000).fill(member), 8, 0.95);
  expect(large?.items).toHaveLength(200);
  expect(large).toMatchObject({ spanDays: 8, targetFill: 0.95 });
  const short = { values: values([1, 2]), unitValue: 1 };
  expect(calibrationOf(new Array(50).fill(short), 8, 0.95)).toBeUndefined();
});
