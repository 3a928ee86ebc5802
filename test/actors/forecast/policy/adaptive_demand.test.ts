import { describe, expect, test } from "vitest";
import { AdaptiveDemand } from "../../../../actors/forecast/policy/adaptive_demand.ts";
import { randomOf } from "../../../../scripts/backtest/random.ts";

describe("AdaptiveDemand", () => {
  test("2 orders and 6 units a day are 42 units in 7 days, without spread", () => {
    const state = new AdaptiveDemand(7);
    for (let day = 0; day < 10; day++) state.add({ units: 6, orders: 2 });
    const { mean, sd } = state.leadTimeDemand();
    expect(mean).toBeCloseTo(42, 9);
    expect(sd).toBeCloseTo(0, 4);
  });

  test("an item that stays as it is leans on its long mean", () => {
    const random = randomOf(1);
    const state = new AdaptiveDemand(7);
    for (let day = 0; day < 300; day++) {
      const orders = Math.floor(random() * 5);
      state.add({ units: orders * 3, orders });
    }
    expect(state.freshShare).toBeLessThan(0.5);
    expect(state.leadTimeDemand().mean).toBeGreaterThan(38);
    expect(state.leadTimeDemand().mean).toBeLessThan(46);
  });

  test("an item whose customers double is followed within weeks, its spread with it", () => {
    const random = randomOf(2);
    const state = new AdaptiveDemand(7);
    const day = (factor: number) => {
      const orders = Math.floor(random() * 5 * factor);
      state.add({ units: orders * 3, orders });
    };
    for (let i = 0; i < 150; i++) day(1);
    const before = state.leadTimeDemand();
    for (let i = 0; i < 50; i++) day(2.5);
    const after = state.leadTimeDemand();
    expect(state.freshShare).toBeGreaterThan(0.7);
    expect(after.mean).toBeGreaterThan(2 * before.mean);
    expect(after.sd).toBeGreaterThan(1.5 * before.sd);
  });

  test("restore() of a snapshot goes on as the state itself, to the bit", () => {
    const random = randomOf(4);
    const state = new AdaptiveDemand(5);
    const day = () => {
      const orders = Math.floor(random() * 6);
      return { orders, units: orders * Math.floor(random() * 4) };
    };
    for (let i = 0; i < 90; i++) state.add(day());
    const again = AdaptiveDemand.restore(JSON.parse(JSON.stringify(state.snapshot())))!;
    for (let i = 0; i < 60; i++) {
      const next = day();
      state.add(next);
      again.add(next);
      expect(again.leadTimeDemand()).toEqual(state.leadTimeDemand());
    }
    expect(JSON.stringify(state.snapshot()).length).toBeLessThan(1_000);
  });

  test.each([
    [{ version: 0 }],
    [{ leadTimeDays: 0 }],
    [{ leadTimeDays: 6 }],
    [{ sums: [1, 2] }],
    [{ units: [1, 2, 3, 4, Number.NaN] }],
  ])("restore() refuses a damaged snapshot: %o", (odd) => {
    const snapshot = new AdaptiveDemand(5).snapshot();
    expect(AdaptiveDemand.restore({ ...snapshot, ...odd })).toBeUndefined();
  });

  test("is finite and not negative whatever comes", () => {
    for (const value of [0, 1, 1e12]) {
      const state = new AdaptiveDemand(3);
      expect(state.leadTimeDemand()).toEqual({ mean: 0, sd: 0 });
      for (let day = 0; day < 80; day++) state.add({ units: day % 9 === 0 ? value : 0, orders: 0 });
      const { mean, sd } = state.leadTimeDemand();
      expect(Number.isFinite(mean) && mean >= 0).toBe(true);
      expect(Number.isFinite(sd) && sd >= 0).toBe(true);
    }
  });
});
