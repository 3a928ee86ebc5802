// Policies of odd series: what sells nothing, once, or for two days; what is new; what is overridden.
import { describe, expect, it } from "vitest";
import type { DailyValues } from "../../../../actors/forecast/live/demand_series.ts";
import {
  type PlanSeriesInput,
  planSeries,
  spanOf,
} from "../../../../actors/forecast/live/plan_series.ts";
import type { Plan } from "../../../../actors/forecast/policy/decide_policy.ts";

const leadTime = { meanDays: 7, sdDays: 0, receiptCount: 5 };
const setting = { mode: "autopilot", method: "fill", coverDays: 14, fillRate: 0.95 } as const;

function values(units: readonly number[]): DailyValues {
  return {
    firstDay: 0,
    units: Float64Array.from(units),
    orders: Float64Array.from(units, (n) => (n > 0 ? 1 : 0)),
    oneOrder: new Uint8Array(units.length),
  };
}

const input = (units: readonly number[], more: Partial<PlanSeriesInput> = {}): PlanSeriesInput => ({
  values: values(units),
  leadTime,
  setting,
  classFill: 0.95,
  calibratedZ: undefined,
  rules: { minimum: 1, multiple: 1 },
  likes: [],
  signalUnits: 0,
  inForce: undefined,
  nowMs: 0,
  ...more,
});

function planOf(units: readonly number[], more: Partial<PlanSeriesInput> = {}): Plan | undefined {
  const decision = planSeries(input(units, more));
  return decision.kind === "change" ? decision.plan : undefined;
}

const ten = Array.from({ length: 60 }, () => 10);
const wavy = Array.from({ length: 60 }, (_, i) => 5 + ((i * 7) % 11));

describe("planSeries()", () => {
  it("covers lead time and review: 10 a day over 7 + 1 days", () => {
    expect(spanOf(leadTime)).toBe(8);
    const plan = planOf(ten) as Plan;
    expect(plan).toMatchObject({ mode: "autopilot", reorderPoint: 80, orderUpTo: 220 });
  });

  it.each<[string, number[], boolean]>([
    ["no point", [], false],
    ["zeros alone", new Array(50).fill(0), false],
    ["unknown days alone", new Array(50).fill(Number.NaN), false],
    ["one point", [4], true],
    ["two points", [4, 0], true],
    ["one spike", [...new Array(40).fill(0), 500, ...new Array(40).fill(0)], true],
    ["gaps", [3, Number.NaN, 4, Number.NaN, Number.NaN, 5, 3, 2], true],
    ["huge", [1e15, 2e15, 1e15], true],
  ])("of %s is finite, whole and in order, or there is none", (_, units, isThere) => {
    const plan = planOf(units);
    expect(plan !== undefined).toBe(isThere);
    if (plan === undefined) return;
    const { safetyStock, reorderPoint, orderUpTo } = plan;
    for (const value of [safetyStock, reorderPoint, orderUpTo]) {
      expect(Number.isSafeInteger(value)).toBe(true);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(2 ** 50);
    }
    expect(safetyStock).toBeLessThanOrEqual(reorderPoint);
    expect(reorderPoint).toBeLessThanOrEqual(orderUpTo);
  });

  it("is the same each time", () => {
    expect(planSeries(input(wavy))).toEqual(planSeries(input(wavy)));
  });

  it("what sells no more gets zeros once, and then nothing more", () => {
    const inForce = planOf(ten) as Plan;
    const zeros = planOf(new Array(50).fill(0), { inForce }) as Plan;
    expect(zeros).toMatchObject({ reorderPoint: 0, orderUpTo: 0, cause: "nothing sells" });
    expect(planOf(new Array(50).fill(0), { inForce: zeros })).toBeUndefined();
  });

  it("a new item borrows from its like, and its own days come to outweigh them", () => {
    const none = planOf([], { likes: [10, 10, 10] }) as Plan;
    expect(none.reorderPoint).toBeGreaterThanOrEqual(80);
    const some = planOf(new Array(14).fill(2), { likes: [10, 10, 10] }) as Plan;
    expect(some.reorderPoint).toBeLessThan(none.reorderPoint);
    expect(some.reorderPoint).toBeGreaterThan(8 * 2);
  });

  it("small changes are not made", () => {
    const inForce = planOf(ten) as Plan;
    expect(planOf([...ten.slice(1), 11], { inForce })).toBeUndefined();
    expect(
      planOf(
        ten.map((n) => 2 * n),
        { inForce },
      ),
    ).toBeDefined();
  });

  it("z calibrated on measured fill is used when there is one, the brief's method when asked for", () => {
    const low = planOf(wavy, {
      setting: { ...setting, method: "calibrated" },
      calibratedZ: 1,
    }) as Plan;
    const high = planOf(wavy, {
      setting: { ...setting, method: "calibrated" },
      calibratedZ: 3,
    }) as Plan;
    expect(high.safetyStock).toBeGreaterThan(2 * low.safetyStock);
    expect(planOf(wavy, { setting: { ...setting, method: "brief" } })?.cause).toContain(
      "z 1.65 (brief)",
    );
  });

  it("an override wins, whatever sells, until it expires", () => {
    const override = { reorderPoint: 3, orderUpTo: 9, reason: "closing down", expiresAtMs: 1_000 };
    const overridden = { setting: { ...setting, override } };
    expect(planOf(ten, overridden)).toMatchObject({
      reorderPoint: 3,
      orderUpTo: 9,
      cause: "override: closing down",
    });
    expect(planOf([], overridden)).toMatchObject({ reorderPoint: 3 });
    expect(planOf(ten, { ...overridden, nowMs: 1_000 })).toMatchObject({ reorderPoint: 80 });
  });

  it("minimum, multiple, shelf life and the most on the shelf hold", () => {
    const rules = { minimum: 100, multiple: 24 };
    expect(planOf(ten, { rules })?.orderUpTo).toBe(80 + 144);
    expect(planOf(ten, { rules: { ...rules, shelfLifeDays: 12 } })?.orderUpTo).toBe(120);
    expect(planOf(ten, { setting: { ...setting, stockMax: 90 } })?.orderUpTo).toBe(90);
  });

  it("signals known ahead add their units", () => {
    expect(planOf(ten, { signalUnits: 40 })?.reorderPoint).toBe(120);
    expect(planOf(ten, { signalUnits: -1_000 })).toBeUndefined();
  });
});
