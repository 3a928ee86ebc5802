import { describe, expect, it } from "vitest";
import { KeyMeter } from "../../../scripts/what_if/figures.ts";
import type { Happened } from "../../../scripts/what_if/ledger_commands.ts";
import {
  faultsOfFile,
  PolicyFileSchema,
  type Rule,
  ruleFor,
} from "../../../scripts/what_if/policy_file.ts";
import { runSandbox, type SandboxOptions } from "../../../scripts/what_if/sandbox.ts";

const DAY_MS = 86_400_000;
const START_MS = Date.parse("2026-01-01T09:00:00Z");
const place = { sku: "A", location: "york" };

/** Ten a day for 100 days, one at a time, and a delivery of 70 each week, as it really was. */
function history(perDay = 10, days = 100): Happened[] {
  const all: Happened[] = [];
  for (let day = 0; day < days; day++) {
    const ms = START_MS + day * DAY_MS;
    if (day % 7 === 0)
      all.push({
        ms,
        command: { type: "receipt", id: `r${day}`, ...place, qty: 7 * perDay, backfill: true },
      });
    for (let i = 0; i < perDay; i++)
      all.push({
        ms: ms + i * 60_000,
        command: { type: "sale", id: `s${day}-${i}`, ...place, qty: 1, backfill: true },
      });
  }
  return all;
}

const base: SandboxOptions = {
  supply: "needs",
  leadTimeDays: 5,
  warmUpDays: 28,
  rules: [],
  topology: { epoch: 1, shard: 0, shards: 1 },
  categoryOf: () => "Shirts",
};

function figuresOf(rules: readonly Rule[], more: Partial<SandboxOptions> = {}, of = history()) {
  const [only] = runSandbox(of, { ...base, rules, ...more });
  return only!.figures;
}

describe("runSandbox()", () => {
  it("a higher reorder point keeps more stock and leaves less short", () => {
    const low = figuresOf([{ reorderPoint: 20, orderUpTo: 120 }]);
    const high = figuresOf([{ reorderPoint: 80, orderUpTo: 180 }]);
    expect(low.demand).toBe(high.demand);
    expect(low.demand).toBeGreaterThan(700);
    // Twenty left and five days to wait: thirty short an order, less what was left over.
    expect(low.short).toBeGreaterThan(50);
    expect(high.short).toBe(0);
    expect(high.stockoutDays).toBe(0);
    expect(high.meanUnits).toBeGreaterThan(low.meanUnits + 30);
    expect(high.orders).toBeGreaterThan(5);
  });

  it("commands that came without an id, and so have the log's, count like others; so does what voids them", () => {
    let seq = 0;
    const minted = history().map(({ ms, command }) => ({
      ms,
      command: { ...command, id: `@1.0.${++seq}.0` },
    }));
    const last = minted.at(-1) as Happened;
    const of = { type: "void", id: "v", ...place, of: String(last.command.id), reason: "mistake" };
    const rules = [{ reorderPoint: 80, orderUpTo: 180 }];
    const figures = figuresOf(rules);
    expect(figuresOf(rules, {}, minted)).toEqual(figures);
    const voided = figuresOf(rules, {}, [...minted, { ms: last.ms + 60_000, command: of }]);
    expect(voided.demand).toBe(figures.demand - 1);
  });

  it("computed rules learn from what sold and serve what they aim at", () => {
    for (const method of ["adaptive", "brief"] as const) {
      const figures = figuresOf([{ method, coverDays: 7 }]);
      expect(1 - figures.short / figures.demand).toBeGreaterThan(0.95);
      expect(figures.meanUnits).toBeGreaterThan(10);
      expect(figures.meanUnits).toBeLessThan(150);
    }
  });

  it("without a rule the plans of the log hold; a scale makes more or less of them", () => {
    const plan = { mode: "autopilot", reorderPoint: 80, orderUpTo: 180 };
    const command = { type: "policy", id: "p1", ...place, plan, ifVersion: 0 };
    const withPlan = [{ ms: START_MS, command }, ...history()];
    const own = figuresOf([], {}, withPlan);
    expect(own.short).toBe(0);
    expect(own.orders).toBeGreaterThan(5);
    const less = figuresOf([{ scale: 0.25 }], {}, withPlan);
    expect(less.short).toBeGreaterThan(50);
    expect(figuresOf([{ scale: 1 }], {}, withPlan)).toEqual(own);
  });

  it("with the goods as they came only the needs differ", () => {
    const supply = { supply: "log" } as const;
    const low = figuresOf([{ reorderPoint: 0, orderUpTo: 5 }], supply);
    const high = figuresOf([{ reorderPoint: 60, orderUpTo: 90 }], supply);
    expect(high.orders).toBeGreaterThan(low.orders);
    expect({ ...high, orders: 0, unitsOrdered: 0 }).toEqual({ ...low, orders: 0, unitsOrdered: 0 });
  });

  it("orders what it sells: goods are never late, and a need that is restated or withdrawn is no other order", () => {
    const rules = [{ reorderPoint: 60, orderUpTo: 90 }];
    // From a full shelf of 90: an order of 30 with every 30th of 1,000 sold.
    const needs = figuresOf(rules, { warmUpDays: 0 });
    expect(needs).toMatchObject({ orders: 33, unitsOrdered: 990, demand: 1_000, short: 0 });
    // Goods come once a week, and are sold to the last: once a week the reorder point is reached.
    const log = figuresOf(rules, { warmUpDays: 0, supply: "log" });
    expect(log).toMatchObject({ orders: 15, unitsOrdered: 15 * 30, demand: 1_000, short: 0 });
  });

  it("a lead time may be any part of days", () => {
    const rules = [{ reorderPoint: 60, orderUpTo: 90 }];
    const of = (leadTimeDays: number) => figuresOf(rules, { leadTimeDays });
    expect(of(9 / 7).orders).toBe(of(1).orders);
  });

  it("a key first heard of in the line of an order starts as others do, and its demand counts once", () => {
    const lines = [place, { ...place, sku: "B" }].map((one) => ({ ...one, qty: 3 }));
    const hold = {
      type: "hold",
      id: "h",
      ...place,
      hold: "h",
      lines,
      ttlMs: null,
      backorder: true,
    };
    const sale = { type: "sale", id: "s", ...place, qty: 1 };
    const of = [
      { ms: START_MS, command: hold },
      { ms: START_MS + DAY_MS, command: sale },
    ];
    const rules = [{ reorderPoint: 10, orderUpTo: 40 }];
    const results = runSandbox(of, { ...base, rules, warmUpDays: 0 });
    expect(results.map(({ figures }) => figures)).toMatchObject([
      { demand: 4, short: 0, meanUnits: 40 },
      { demand: 3, short: 0, meanUnits: 40 },
    ]);
  });

  it("is the same each time, and counts nothing of an empty history", () => {
    const rules = [{ method: "adaptive" }] as const;
    expect(figuresOf(rules)).toEqual(figuresOf(rules));
    expect(runSandbox([], base)).toEqual([]);
  });

  it("holds refused for want of stock are short", () => {
    const hold = (day: number): Happened => ({
      ms: START_MS + day * DAY_MS,
      command: {
        type: "hold",
        id: `h${day}`,
        ...place,
        hold: `h${day}`,
        qty: 30,
        ttlMs: null,
        channel: "web",
      },
    });
    const holds = Array.from({ length: 60 }, (_, day) => hold(day));
    const figures = figuresOf([{ reorderPoint: 10, orderUpTo: 40 }], { warmUpDays: 0 }, holds);
    expect(figures.short).toBeGreaterThan(100);
    expect(figures.demand).toBe(60 * 30);
  });
});

describe("KeyMeter", () => {
  it("weighs units by the time they lay there, and counts days without any", () => {
    const meter = new KeyMeter(0);
    meter.level(0, { onHand: 10, available: 10 });
    meter.level(1 * DAY_MS, { onHand: 0, available: 0 });
    meter.level(3 * DAY_MS, { onHand: 4, available: 4 });
    expect(meter.end(4 * DAY_MS)).toMatchObject({ meanUnits: 14 / 4, stockoutDays: 3 });
  });
});

describe("PolicyFileSchema", () => {
  it("fills in what is left out and names what is wrong", () => {
    expect(PolicyFileSchema.parse({ rules: [{ scale: 0.8 }] })).toMatchObject({
      supply: "needs",
      leadTimeDays: 7,
      warmUpDays: 28,
    });
    for (const bad of [
      {},
      { rules: [] },
      { rules: [{ reorderPoint: 9, orderUpTo: 3 }] },
      { rules: [{ reorderPoint: -1, orderUpTo: 3 }] },
      { rules: [{ method: "magic" }] },
      { rules: [{ scale: 1, reorderPiont: 3 }] },
      { rules: [{ scale: 1 }], leadTimeDays: 9_999 },
    ])
      expect(PolicyFileSchema.safeParse(bad).success).toBe(false);
  });

  it("a rule that is none is told what one says", () => {
    for (const rule of [{ sku: "A" }, { method: "magic" }, 7]) {
      const { error } = PolicyFileSchema.safeParse({ rules: [{ scale: 1 }, rule] });
      expect(faultsOfFile(error!)).toEqual([
        "rules.1: expected reorderPoint and orderUpTo, or scale, or method (adaptive or brief)",
      ]);
    }
  });

  it("the first rule that fits holds", () => {
    const rules: Rule[] = [
      { sku: "A-*", scale: 2 },
      { category: "Hats", scale: 3 },
      { location: "york", scale: 4 },
    ];
    const key = { sku: "A-1", location: "york", category: "Hats" };
    expect(ruleFor(rules, key)).toBe(rules[0]);
    expect(ruleFor(rules, { ...key, sku: "B" })).toBe(rules[1]);
    expect(ruleFor(rules, { sku: "B", location: "york", category: "" })).toBe(rules[2]);
    expect(ruleFor(rules, { sku: "B", location: "leeds", category: "" })).toBeUndefined();
  });
});
