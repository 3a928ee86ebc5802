import { describe, expect, it } from "vitest";
import {
  type DayOfDemand,
  DemandSeries,
  HISTORY_DAYS_MAX,
  knownDays,
  usualDays,
} from "../../../../actors/forecast/live/demand_series.ts";

const zero = () => 0;

function told(day: number, demand: number, more: Partial<DayOfDemand> = {}): DayOfDemand {
  const version = `0001.${String(day).padStart(14, "0")}.000000001`;
  const open = { minutesOpen: 600, minutesOutOfStock: 0 };
  return { day, demand, lost: 0, orders: 1, largestOrder: demand, ...open, version, ...more };
}

function seriesOf(...days: DayOfDemand[]): DemandSeries {
  const series = new DemandSeries();
  for (const day of days) series.put(day);
  return series;
}

describe("DemandSeries", () => {
  it("values() are the days in order, empty ones as the calendar says, whatever order they came in", () => {
    const series = seriesOf(told(102, 4), told(100, 2));
    expect([...series.values(103, zero).units]).toEqual([2, 0, 4, 0]);
    expect([...series.values(103, (day) => (day === 101 ? Number.NaN : 0)).units]).toEqual([
      2,
      Number.NaN,
      4,
      0,
    ]);
    expect(series.values(103, zero).firstDay).toBe(100);
  });

  it("values() through a day before the first window, or of nothing at all, are empty", () => {
    expect(seriesOf(told(100, 2)).values(90, zero).units).toHaveLength(0);
    expect(new DemandSeries().values(90, zero).units).toHaveLength(0);
  });

  it("take() keeps the highest version of a day", () => {
    const series = seriesOf(told(100, 2, { version: "0001.00000000000005.000000002" }));
    expect(series.take(told(100, 9, { version: "0001.00000000000004.000000009" }))).toBe("same");
    expect(series.take(told(100, 3, { version: "0001.00000000000005.000000003" }))).toBe("changed");
    expect(series.unitsOf(100)).toBe(3);
    expect(series.dataVersion).toBe("0001.00000000000005.000000003");
  });

  it("take() of a day whose version is forgotten asks for Postgres", () => {
    const series = seriesOf(...[100, 101, 102, 103, 104].map((day) => told(day, 1)));
    expect(series.take(told(101, 9))).toBe("old");
    expect(series.take(told(104, 2, { version: "0002.00000000000000.000000001" }))).toBe("changed");
  });

  it("units learnt are those in stock all day would have sold, or nothing can be told", () => {
    const half = { minutesOutOfStock: 300 };
    expect(seriesOf(told(1, 5, half)).unitsOf(1)).toBe(10);
    expect(seriesOf(told(1, 5, { lost: 20, ...half })).unitsOf(1)).toBe(25);
    expect(seriesOf(told(1, 0, { minutesOutOfStock: 590 })).unitsOf(1)).toBeNaN();
    expect(seriesOf(told(1, 0, { lost: 4, minutesOutOfStock: 590 })).unitsOf(1)).toBe(4);
  });

  it("negative sums after returns and voids count as nothing asked for", () => {
    expect(seriesOf(told(1, -7)).unitsOf(1)).toBe(0);
  });

  it("keeps the newest days of 20,000, in bounded memory", () => {
    const series = new DemandSeries();
    for (let day = 0; day < 20_000; day++) series.put(told(day, day % 50));
    const { units, firstDay } = series.values(19_999, zero);
    expect(units).toHaveLength(HISTORY_DAYS_MAX);
    expect(firstDay).toBe(20_000 - HISTORY_DAYS_MAX);
    expect([...units.slice(-2)]).toEqual([19_998 % 50, 19_999 % 50]);
    expect(series.bytes).toBeLessThan(3 * 1024);
    expect(series.put(told(10, 5))).toBe(false);
  });

  it("forget() of a removed window leaves an empty day", () => {
    const series = seriesOf(told(1, 5), told(2, 6));
    series.forget(1);
    series.forget(99);
    expect([...series.values(2, zero).units]).toEqual([0, 6]);
  });
});

describe("knownDays(), usualDays()", () => {
  const usual = Array.from({ length: 20 }, (_, i) => told(i, 2 + (i % 2), { largestOrder: 1 }));

  it("a day made by one large order is held to the usual ones, many who buy are not", () => {
    const bulk = seriesOf(...usual, told(20, 90, { largestOrder: 80 }));
    expect(usualDays(bulk.values(20, zero)).at(-1)).toBeLessThan(20);
    const rush = seriesOf(...usual, told(20, 90, { largestOrder: 3, orders: 40 }));
    expect(usualDays(rush.values(20, zero)).at(-1)).toBe(90);
  });

  it("days that tell nothing are left out of the row, and stay unknown in the series", () => {
    const gap = seriesOf(...usual, told(21, 3));
    const values = gap.values(21, (day) => (day === 20 ? Number.NaN : 0));
    expect(knownDays(values).units).toHaveLength(21);
    expect(usualDays(values)[20]).toBeNaN();
  });
});
