// The backtest on small sales whose answers can be reckoned by hand, and on seeded ones as a whole.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { simulate } from "../../../actors/forecast/policy/simulate.ts";
import { capped, dailyDemand, sellingDays } from "../../../scripts/backtest/daily_demand.ts";
import {
  change,
  type ItemFrontier,
  KNOBS,
  readAt,
  readAtKnob,
  resample,
} from "../../../scripts/backtest/frontier.ts";
import { randomOf } from "../../../scripts/backtest/random.ts";
import { reportHtml } from "../../../scripts/backtest/report.ts";
import { type BacktestSettings, runBacktest } from "../../../scripts/backtest/run_backtest.ts";
import { readSales, type SaleLine } from "../../../scripts/backtest/sales_file.ts";
import { outputOf } from "../../../scripts/commands/backtest.ts";

const DAY_MS = 86_400_000;
const sale = (day: number, qty: number, more: Partial<SaleLine> = {}): SaleLine => ({
  atMs: Date.UTC(2024, 0, 1) + day * DAY_MS,
  sku: "A",
  location: "shop",
  qty,
  unitPrice: 2,
  ...more,
});

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "onhand-backtest-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("readSales()", () => {
  test("reads columns in any order, counts what it cannot use", async () => {
    const file = join(folder, "sales.csv");
    writeFileSync(
      file,
      [
        "sku,qty,extra,timestamp,unit_price,location",
        "a1,3,x,2024-01-01T08:00:00,1.5,shop",
        "a1,-1,x,2024-01-02 09:30:00,1.5,shop",
        "a1,two,x,2024-01-02T09:30:00,1.5,shop",
        ",2,x,2024-01-02T09:30:00,1.5,shop",
        "a1,2,x,yesterday,1.5,shop",
        "a1,2,x,2024-01-03T23:59:00+05:00,,shop",
        "a1,2,x,2024-01-03T23:59:00+05:00,1,shop",
      ].join("\n"),
    );
    const { lines, skipped } = await readSales(file);
    expect(lines.map(({ sku, qty, atMs }) => [sku, qty, new Date(atMs).toISOString()])).toEqual([
      ["A1", 3, "2024-01-01T08:00:00.000Z"],
      ["A1", -1, "2024-01-02T09:30:00.000Z"],
      // The wall time of the file counts, not the zone.
      ["A1", 2, "2024-01-03T23:59:00.000Z"],
    ]);
    expect(skipped).toEqual({
      "qty is no number": 1,
      "no sku": 1,
      "timestamp is no time": 1,
      "unit_price is no number": 1,
    });
  });

  test.each([
    ["a file without its columns", "a,b\n1,2\n", /wanted also timestamp, sku/],
    ["an empty file", "", /no sales/],
    ["a file of headers only", "timestamp,sku,location,qty,unit_price\n", /no sales/],
  ])("refuses %s", async (_, text, message) => {
    const file = join(folder, "bad.csv");
    writeFileSync(file, text);
    await expect(readSales(file)).rejects.toThrow(message);
  });

  test("refuses a file that is not there", async () => {
    await expect(readSales(join(folder, "none.csv"))).rejects.toThrow(/Cannot read/);
  });
});

describe("dailyDemand()", () => {
  test("sums by day, drops the last day, counts orders", () => {
    const demand = dailyDemand([sale(0, 3), sale(0, 2), sale(2, 4), sale(3, 9)]);
    expect(demand.firstDay).toBe("2024-01-01");
    expect(demand.dayCount).toBe(3);
    expect([...demand.skus[0]!.daily]).toEqual([5, 0, 4]);
    expect([...demand.skus[0]!.orders]).toEqual([2, 0, 1]);
    expect(demand.skus[0]!.price).toBe(2);
  });

  test("leaves out a sale taken back within a day, keeps one returned later", () => {
    const demand = dailyDemand([
      sale(0, 74_215),
      sale(0, -74_215, { atMs: Date.UTC(2024, 0, 1) + 960_000 }),
      sale(0, 5),
      sale(2, -5),
      sale(3, 1),
    ]);
    expect([...demand.skus[0]!.daily]).toEqual([5, 0, 0]);
    expect(demand.cancelledLines).toBe(2);
  });

  test("leaves out adjustments: no price, no sale", () => {
    const demand = dailyDemand([sale(0, 5, { unitPrice: 0 }), sale(0, 2), sale(1, 1)]);
    expect([...demand.skus[0]!.daily]).toEqual([2]);
  });

  test("capped() holds days to the percentile of the known selling days", () => {
    const daily = Float64Array.from([0, 1, 2, 3, 100, 0, 50]);
    expect([...capped(daily, 0.5, 7)]).toEqual([0, 1, 2, 3, 3, 0, 3]);
    expect([...capped(daily, 0.5, 3)]).toEqual([0, 1, 2, 2, 2, 0, 2]);
    expect(sellingDays(daily, 5)).toBe(4);
  });
});

describe("simulate()", () => {
  test("goods ordered at the end of day t are there at the start of day t + lead time", () => {
    // Level 4: starts with 4. Day 1 sells 3 (1 left, 3 ordered for day 3), day 2 asks 2, sells 1
    // (0 left, 1 ordered for day 4), day 3 gets 3 and sells 2 (1 left, 2 ordered for day 5).
    const seen: number[] = [];
    const result = simulate(
      Float64Array.from([0, 3, 2, 2]),
      () => 4,
      1,
      2,
      (_, onHand) => seen.push(onHand),
    );
    expect(seen).toEqual([1, 0, 1]);
    expect(result).toEqual({ stock: 2 / 3, sold: 6, asked: 7, stockoutDays: 1, orders: 3 });
  });

  test("units are conserved and lost demand is the only difference", () => {
    const random = randomOf(5);
    for (let run = 0; run < 50; run++) {
      const daily = Float64Array.from({ length: 60 }, () => Math.floor(random() * 9));
      const level = Math.floor(random() * 60);
      const result = simulate(daily, () => level, 10, 1 + (run % 9));
      const asked = daily.subarray(10).reduce((a, b) => a + b, 0);
      expect(result.asked).toBe(asked);
      expect(result.sold).toBeLessThanOrEqual(asked);
      if (result.stockoutDays === 0) expect(result.sold).toBe(asked);
      else expect(result.sold).toBeLessThan(asked);
      expect(result.stock).toBeLessThanOrEqual(level);
    }
  });
});

describe("frontier", () => {
  const front = (factor: number): ItemFrontier => ({
    asked: 100,
    stock: Float64Array.from(KNOBS, (_, k) => factor * (10 + k)),
    sold: Float64Array.from(KNOBS, (_, k) => 100 * (1 - 0.5 ** (1 + k / 4))),
    stockoutDays: new Float64Array(KNOBS.length),
    orders: new Float64Array(KNOBS.length),
  });

  test("readAt() reads between two knobs, and says when none reaches it", () => {
    // Knob 4 sells 75, knob 5 sells 100 (1 - 0.5^2.25) = 78.98; 77 lies 0.5027 of the way.
    const share = (77 - 75) / (100 * (1 - 0.5 ** 2.25) - 75);
    const reading = readAt(front(1), 0.77)!;
    expect(reading.inventoryValue).toBeCloseTo(14 + share, 9);
    expect(readAtKnob(front(1), reading.z).fillRate).toBeCloseTo(0.77, 9);
    expect(readAt(front(1), 0.9999)).toBeUndefined();
  });

  test("change() of twice the stock at the same fill is +100%, whatever is drawn", () => {
    const chosen = [0, 1, 2];
    const options = { fillRate: 0.8, draws: 50 };
    const one = resample([front(1), front(1), front(1)], chosen, options);
    const two = resample([front(2), front(2), front(2)], chosen, options);
    expect(change(two, one).inventoryValueChangePct).toBeCloseTo(100, 9);
    expect(change(two, one).low).toBeCloseTo(100, 9);
    expect(change(one, two).high).toBeCloseTo(-50, 9);
  });

  test("change() is null where nothing was chosen or reached", () => {
    const options = { fillRate: 0.8, draws: 20 };
    const none = resample([front(1)], [], options);
    expect(change(none, none).inventoryValueChangePct).toBeNull();
  });
});

describe("runBacktest()", () => {
  const settings: BacktestSettings = {
    leadTimeDays: 5,
    targetFill: 0.9,
    firstDays: undefined,
    sellingDaysMin: 10,
    draws: 40,
  };
  const random = randomOf(3);
  const lines: SaleLine[] = [];
  for (let item = 0; item < 30; item++) {
    for (let day = 0; day <= 200; day++) {
      const growth = item % 2 === 0 ? 1 : 1 + day / 100;
      for (let order = 0; order < 3 * growth; order++) {
        if (random() < 0.5) continue;
        lines.push(sale(day, 1 + Math.floor(random() * 4), { sku: `S${item}` }));
      }
    }
  }
  const demand = dailyDemand(lines);
  const result = runBacktest(demand, settings);

  test("reads every policy at the same fill, in all three kinds of demand", () => {
    expect(result.kinds.map(({ demand: kind }) => kind)).toEqual([
      "capped",
      "cappedByFirstPart",
      "raw",
    ]);
    for (const kind of result.kinds) {
      for (const policy of kind.policies) expect(policy.atTargetFill?.fillRate).toBe(0.9);
      expect(kind.policies[0]!.againstStatic.inventoryValueChangePct).toBe(0);
      const { low, high, inventoryValueChangePct } = kind.headline;
      expect(low!).toBeLessThanOrEqual(inventoryValueChangePct!);
      expect(high!).toBeGreaterThanOrEqual(inventoryValueChangePct!);
    }
  });

  test("gains where demand drifts", () => {
    expect(result.kinds[2]!.headline.high!).toBeLessThan(0);
  });

  test("gives the same result again, to the bit", () => {
    expect(JSON.stringify(runBacktest(demand, settings))).toBe(JSON.stringify(result));
  });

  test("does not look ahead: later days do not change an earlier stock", () => {
    const cut = dailyDemand(lines.filter(({ atMs }) => atMs < Date.UTC(2024, 0, 1) + 171 * DAY_MS));
    const shorter = runBacktest(cut, { ...settings, firstDays: 100 });
    const longer = runBacktest(demand, { ...settings, firstDays: 100 });
    // Same knob, same days: the frontier differs only by the days that follow. Compare as-promised knobs,
    // which come from the first part alone.
    expect(shorter.kinds[2]!.policies.map((p) => p.asPromised?.z)).toEqual(
      longer.kinds[2]!.policies.map((p) => p.asPromised?.z),
    );
  });

  test("refuses what is too short, and items nobody knows", () => {
    expect(() => runBacktest(dailyDemand(lines.slice(0, 60)), settings)).toThrow(/wanted at least/);
    expect(() => runBacktest(demand, { ...settings, sellingDaysMin: 5000 })).toThrow(/no item/);
  });

  test("prints its summary and writes a page that stands alone", () => {
    const output = outputOf(result, {}, "x.html");
    expect(output.summary).toMatchObject({
      inventoryValueChangePct: expect.any(Number),
      low: expect.any(Number),
      high: expect.any(Number),
      stable: { skuCount: expect.any(Number) },
      againstBrief: { inventoryValueChangePct: expect.any(Number) },
    });
    expect(output.policies.map(({ name }) => name)).toEqual([
      "static",
      "brief",
      "brief90",
      "onhand",
    ]);
    const page = reportHtml(result, "<sales> & co.csv");
    expect(page).toContain("&lt;sales&gt; &amp; co.csv");
    expect(page.match(/<svg/g)).toHaveLength(7);
    expect(page).not.toMatch(/(src|href)=|NaN|undefined|Infinity/);
  });
});
