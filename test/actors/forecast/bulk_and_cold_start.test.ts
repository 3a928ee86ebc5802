import { describe, expect, test } from "vitest";
import { bulkLimit, uncensored, withoutBulk } from "../../../actors/forecast/bulk.ts";
import { coldStart } from "../../../actors/forecast/cold_start.ts";
import { prepare, VALUE_MAX } from "../../../actors/forecast/prepare.ts";

describe("withoutBulk()", () => {
  const daily = Float64Array.of(1, 2, 0, 2, 3, 2, 2, 0, 1, 2, 3, 90);

  test("holds a bulk day to the limit of the header's example", () => {
    expect(bulkLimit(daily)).toBeCloseTo(50.85, 9);
    const { series, bulkDays } = withoutBulk(daily);
    expect(bulkDays).toEqual([11]);
    expect(series[11]).toBeCloseTo(50.85, 9);
    expect([...series.subarray(0, 11)]).toEqual([...daily.subarray(0, 11)]);
  });

  test("leaves alone an item that sells in like lots, and one hardly known", () => {
    expect(withoutBulk(new Float64Array(30).fill(12)).bulkDays).toEqual([]);
    expect(withoutBulk(Float64Array.of(1, 1, 1, 500)).bulkDays).toEqual([]);
  });
});

describe("uncensored()", () => {
  test.each([
    [10, 600, 300, 20],
    [10, 600, 0, 10],
    [0, 600, 600, Number.NaN],
    [3, 600, 500, Number.NaN],
    [0, 0, 0, Number.NaN],
    [5, 0, 0, 5],
    [5, null, null, 5],
  ])("%f sold, open %s minutes, out of stock %s: %f", (demand, open, out, expected) => {
    expect(uncensored(demand, open, out)).toBe(expected);
  });
});

describe("coldStart()", () => {
  test("7 own days of 4 beside likes of 10 is 8 a day", () => {
    const estimate = coldStart(new Float64Array(7).fill(4), [9, 10, 11]);
    expect(estimate.perDay).toBe(8);
    expect(estimate.ownShare).toBeCloseTo(1 / 3, 9);
  });

  test("nothing known is nothing; likes only is their median; unlike likes widen the spread", () => {
    expect(coldStart([], [])).toEqual({ perDay: 0, sdPerDay: 0, ownShare: 0 });
    expect(coldStart([], [1, 5, 9]).perDay).toBe(5);
    expect(coldStart([], [1, 5, 9]).sdPerDay).toBeGreaterThan(coldStart([], [5, 5, 5]).sdPerDay);
    expect(coldStart([4, 4], []).perDay).toBe(4);
  });
});

describe("prepare()", () => {
  test("drops leading gaps, fills others by season or line, clips and says so", () => {
    const { series, warnings } = prepare(
      [Number.NaN, 2, Number.NaN, 6, -1, Number.POSITIVE_INFINITY, 1e300],
      1,
    );
    expect([...series]).toEqual([2, 4, 6, 0, VALUE_MAX / 2, VALUE_MAX]);
    expect(warnings).toHaveLength(2);
    expect([...prepare([1, 2, 3, Number.NaN, 5], 3).series]).toEqual([1, 2, 3, 1, 5]);
    expect(prepare([], 7).series).toHaveLength(0);
  });
});
