import { expect, test } from "vitest";
import { briefPolicy } from "../../../../actors/forecast/policy/brief_policy.ts";

test("briefPolicy() of 8, 12, 10, 10 a day and 4 days is the header's example", () => {
  const policy = briefPolicy([8, 12, 10, 10], 4);
  expect(policy.averageDailySales).toBe(10);
  expect(policy.salesSd).toBeCloseTo(1.633, 3);
  expect(policy.safetyStock).toBe(6);
  expect(policy.reorderPoint).toBe(46);
});

test("briefPolicy() of nothing is nothing", () => {
  expect(briefPolicy([], 7)).toMatchObject({ safetyStock: 0, reorderPoint: 0 });
});
