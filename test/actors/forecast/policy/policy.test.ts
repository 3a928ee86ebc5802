// The pure parts of a reorder policy: lead time, classes, safety stock, quantity, decision.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { calibrate } from "../../../../actors/forecast/policy/calibration.ts";
import {
  decidePolicy,
  type Override,
  overrideFault,
  type PolicyInput,
} from "../../../../actors/forecast/policy/decide_policy.ts";
import { valueClasses, variationClass } from "../../../../actors/forecast/policy/item_classes.ts";
import { learnLeadTime } from "../../../../actors/forecast/policy/lead_time.ts";
import {
  economicOrderQuantity,
  orderQuantity,
  orderUpTo,
} from "../../../../actors/forecast/policy/order_quantity.ts";
import {
  leadTimeSd,
  unitLoss,
  upperTail,
  zForFill,
} from "../../../../actors/forecast/policy/safety_stock.ts";
import { randomOf } from "../../../../scripts/backtest/random.ts";

describe("learnLeadTime()", () => {
  test("shrinks towards the promise: 10 days promised, 14 and 14 taken, is 11.33", () => {
    const learnt = learnLeadTime([14, 14], { meanDays: 10 });
    expect(learnt.meanDays).toBeCloseTo(34 / 3, 9);
    expect(learnt.receiptCount).toBe(2);
  });

  test("believes many receipts over the promise, and their spread", () => {
    const days = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 18 : 22));
    const { meanDays, sdDays } = learnLeadTime(days, { meanDays: 7 });
    expect(meanDays).toBeGreaterThan(18.9);
    expect(sdDays).toBeCloseTo(2, 0);
  });

  test("takes the promise and a quarter of it before anything came", () => {
    expect(learnLeadTime([], { meanDays: 8 })).toEqual({
      meanDays: 8,
      sdDays: 2,
      receiptCount: 0,
    });
  });

  test("a forgotten order, a negative and a missing one do not spoil it", () => {
    const { meanDays } = learnLeadTime([5, 5, 5, 5, 400, -3, Number.NaN], { meanDays: 5 });
    expect(meanDays).toBeLessThan(7);
  });
});

describe("item classes", () => {
  test("valueClasses() of 80, 15, 5 is A, B, C, in any order", () => {
    expect(valueClasses([80, 15, 5])).toEqual(["A", "B", "C"]);
    expect(valueClasses([5, 80, 15])).toEqual(["C", "A", "B"]);
    expect(valueClasses([0, 0])).toEqual(["C", "C"]);
    expect(valueClasses([])).toEqual([]);
  });

  test.each([
    [10, 4, "X"],
    [10, 8, "Y"],
    [10, 20, "Z"],
    [0, 0, "Z"],
  ])("variationClass(%f, %f) is %s", (mean, sd, expected) => {
    expect(variationClass(mean, sd)).toBe(expected);
  });
});

describe("safety stock", () => {
  test("unitLoss() and upperTail() agree with tables", () => {
    expect(unitLoss(0)).toBeCloseTo(0.39894, 5);
    expect(unitLoss(1)).toBeCloseTo(0.08332, 5);
    expect(unitLoss(-1)).toBeCloseTo(1.08332, 5);
    expect(upperTail(1.6448536)).toBeCloseTo(0.05, 6);
  });

  test("zForFill() of 95% with sd 10 and Q 40 is 0.4929", () => {
    expect(zForFill(0.95, 10, 40)).toBeCloseTo(0.4929, 3);
    expect(zForFill(0.95, 0, 40)).toBe(0);
    expect(zForFill(0.5, 1, 1000)).toBe(-2);
  });

  test("leadTimeSd() adds what a varying lead time adds: 3 and 2 a day x 2 days is 5", () => {
    expect(leadTimeSd(3, 2, 2)).toBe(5);
  });
});

describe("order quantity", () => {
  const rules = { minimum: 1, multiple: 1, coverDays: 7 };

  test("economicOrderQuantity(1200, 50, 3) is 200", () => {
    expect(economicOrderQuantity(1200, 50, 3)).toBe(200);
    expect(economicOrderQuantity(0, 50, 3)).toBe(0);
  });

  test("by cover without costs, by cost with them", () => {
    expect(orderQuantity(3, rules)).toBe(21);
    const costs = { perOrder: 50, holdingPerUnitYear: 3 };
    expect(orderQuantity(1200 / 365, { ...rules, costs })).toBe(200);
    expect(orderQuantity(0, rules)).toBe(1);
  });

  test.each([
    ["whole packs", { multiple: 12 }, 10 + 24],
    ["the minimum", { minimum: 50 }, 60],
    ["what sells in its shelf life", { shelfLifeDays: 8 }, 24],
    ["what the shelf takes", { stockMax: 15 }, 15],
    ["never below the reorder point", { stockMax: 4 }, 10],
  ])("orderUpTo() keeps to %s", (_, more, expected) => {
    expect(orderUpTo(10, 3, { ...rules, ...more })).toBe(expected);
  });
});

describe("calibrate()", () => {
  test("a higher target asks a higher z, and says what was measured", () => {
    const random = randomOf(8);
    const items = Array.from({ length: 20 }, () => {
      const orders = Float64Array.from({ length: 200 }, () => Math.floor(random() * 4));
      return { orders, units: orders.map((n) => n * (1 + Math.floor(random() * 5))), unitValue: 2 };
    });
    const low = calibrate(items, 7, 0.9);
    const high = calibrate(items, 7, 0.98);
    expect(low.reached && high.reached).toBe(true);
    expect(high.z).toBeGreaterThan(low.z);
    expect(high.fillRate).toBeGreaterThanOrEqual(0.98);
  });

  test("too short a past gives the default and says so", () => {
    const units = new Float64Array(20).fill(1);
    const found = calibrate([{ units, orders: units, unitValue: 1 }], 7, 0.95);
    expect(found).toMatchObject({ z: 1.65, reached: false });
  });
});

describe("decidePolicy()", () => {
  const input: PolicyInput = {
    mode: "autopilot",
    demand: { mean: 70, sd: 20 },
    spanDays: 7,
    leadTime: { meanDays: 7, sdDays: 0, receiptCount: 3 },
    service: { kind: "calibrated", z: 1.5 },
    rules: { minimum: 1, multiple: 10, coverDays: 14 },
    nowMs: 1_000,
  };
  const override: Override = {
    reorderPoint: 40,
    orderUpTo: 90,
    reason: "fair next week",
    expiresAtMs: 2_000,
  };

  test("reckons safety stock, reorder point and order-up-to, and says from what", () => {
    expect(decidePolicy(input)).toEqual({
      kind: "change",
      plan: {
        mode: "autopilot",
        safetyStock: 30,
        reorderPoint: 100,
        orderUpTo: 240,
        cause: "10.0 a day, 7.0 days lead time, z 1.50 (calibrated)",
      },
    });
  });

  test("the brief's method is 1.65 sd", () => {
    const decision = decidePolicy({ ...input, service: { kind: "brief" } });
    expect(decision.kind === "change" && decision.plan.safetyStock).toBe(33);
  });

  test("a small change is not made, a change of mode is", () => {
    const first = decidePolicy(input);
    if (first.kind === "keep") throw new Error("expected a change");
    const near = { ...input, demand: { mean: 71, sd: 20 }, inForce: first.plan };
    expect(decidePolicy(near)).toEqual({ kind: "keep" });
    expect(decidePolicy({ ...near, mode: "observe" }).kind).toBe("change");
    expect(decidePolicy({ ...near, demand: { mean: 90, sd: 20 } }).kind).toBe("change");
  });

  test("an override wins until it expires", () => {
    const during = decidePolicy({ ...input, override });
    expect(during).toMatchObject({ plan: { reorderPoint: 40, cause: "override: fair next week" } });
    const after = decidePolicy({ ...input, override, nowMs: 2_000 });
    expect(after).toMatchObject({ plan: { reorderPoint: 100 } });
  });

  test.each([
    [{ reorderPoint: -1 }, /reorderPoint/],
    [{ reorderPoint: 1.5 }, /reorderPoint/],
    [{ reorderPoint: 2 ** 60, orderUpTo: 2 ** 60 }, /reorderPoint/],
    [{ orderUpTo: 3 }, /below/],
    [{ orderUpTo: Number.NaN }, /orderUpTo/],
    [{ reason: " " }, /reason/],
    [{ expiresAtMs: 1_000 }, /expiry/],
  ])("overrideFault() refuses %o", (odd, message) => {
    expect(overrideFault({ ...override, ...odd }, 1_000)).toMatch(message);
    expect(overrideFault(override, 1_000)).toBeUndefined();
  });

  test("P1 holds for any numbers that come", () => {
    const odd = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e9 }), fc.constant(0));
    fc.assert(
      fc.property(
        odd,
        odd,
        odd,
        fc.double({ min: -2, max: 9, noNaN: true }),
        (mean, sd, days, z) => {
          const decision = decidePolicy({
            ...input,
            demand: { mean, sd },
            leadTime: { meanDays: 7, sdDays: days, receiptCount: 1 },
            service: { kind: "calibrated", z },
          });
          if (decision.kind === "keep") throw new Error("expected a change");
          const { safetyStock, reorderPoint, orderUpTo: level } = decision.plan;
          for (const value of [safetyStock, reorderPoint, level]) {
            expect(Number.isInteger(value) && value >= 0 && value <= 2 ** 50).toBe(true);
            expect(Object.is(value, -0)).toBe(false);
          }
          expect(safetyStock).toBeLessThanOrEqual(reorderPoint);
          expect(reorderPoint).toBeLessThanOrEqual(level);
        },
      ),
      // A demand beyond all counting: cover of it overflowed to a level of 0.
      { numRuns: 500, examples: [[8.988465674311579e307, 0, 0, 0]] },
    );
  });
});
