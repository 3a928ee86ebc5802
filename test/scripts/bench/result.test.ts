// How figures are judged: medians, percentiles, and that a wrong run is never ok.

import { describe, expect, test } from "vitest";
import {
  type BenchReport,
  judge,
  median,
  percentile,
  reportTable,
  type Target,
} from "../../../scripts/bench/result.ts";
import { TARGETS } from "../../../scripts/bench/targets.ts";
import { poissonArrivals, SKUS, zipfSequence } from "../../../scripts/bench/workload.ts";

const RATE: Target = { unit: "x/s", better: "more", must: 100, aim: 200 };
const TIME: Target = { unit: "ms", better: "less", must: 10, aim: 5 };
const right = { ok: true, what: "all there" };
const durability = "survives a process crash" as const;

describe("judge()", () => {
  test.each([
    ["a rate at its must", RATE, [100], false, true],
    ["a rate below", RATE, [99], false, false],
    ["a quick rate at half", RATE, [50], true, true],
    ["a quick rate below half", RATE, [49], true, false],
    ["a time at its must", TIME, [10], false, true],
    ["a time above", TIME, [10.1], false, false],
    ["a quick time at twice", TIME, [20], true, true],
    ["a median that reaches although one run does not", RATE, [300, 20, 150], false, true],
    ["no runs", RATE, [], false, false],
  ])("of %s", (_name, target, runs, quick, ok) => {
    expect(judge("x", target, { runs, correct: right, durability }, quick).ok).toBe(ok);
  });
  test("is never ok when the run was not correct", () => {
    const correct = { ok: false, what: "sent 10, ledger 9" };
    const result = judge("x", RATE, { runs: [1e6], correct, durability }, false);
    expect(result.ok).toBe(false);
    expect(result.correct).toEqual(correct);
  });
});

test("median() and percentile() take the rank they say", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  expect([percentile(sorted, 0.5), percentile(sorted, 0.99), percentile(sorted, 1)]).toEqual([
    50, 99, 100,
  ]);
  expect(percentile(new Float64Array(0), 0.5)).toBeNaN();
});

test("reportTable() shows what is not ok and why", () => {
  const correct = { ok: false, what: "sent 10, ledger 9" };
  const report: BenchReport = {
    machine: {
      cpu: "c",
      cores: 2,
      memoryGb: 8,
      kernel: "Linux 6",
      versions: { node: "24" },
      startedAt: "2026-01-01T00:00:00Z",
      loadAtStart: 0.1,
    },
    durability: {},
    quick: false,
    results: [judge("firehose", RATE, { runs: [1e6], correct, durability, speed: 231_417 }, false)],
  };
  expect(reportTable(report)).toContain("firehose: sent 10, ledger 9");
  expect(reportTable(report)).toContain("1,000,000 x/s");
  expect(reportTable(report)).toContain("231,417/s");
});

test("every target aims beyond its must", () => {
  for (const [name, { better, must, aim }] of Object.entries(TARGETS))
    expect([name, better === "more" ? aim > must : aim < must]).toEqual([name, true]);
});

describe("workload", () => {
  test("zipfSequence() draws the first SKU about one time in ten, and is repeatable", () => {
    const sequence = zipfSequence(1, 100_000);
    expect(zipfSequence(1, 100_000)).toEqual(sequence);
    const first = sequence.filter((sku) => sku === 0).length / sequence.length;
    expect(first).toBeCloseTo(1 / 9.79, 2); // 1 / H(10,000)
    expect(Math.max(...sequence)).toBeLessThan(SKUS);
  });
  test("poissonArrivals() come at the rate, and unevenly", () => {
    const arrivals = poissonArrivals(1, 2000, 20_000);
    expect(arrivals.at(-1)).toBeGreaterThan(9_500);
    expect(arrivals.at(-1)).toBeLessThan(10_500);
    const gaps = arrivals.subarray(1).map((ms, i) => ms - (arrivals[i] ?? 0));
    expect(gaps.filter((gap) => gap > 1).length / gaps.length).toBeCloseTo(Math.exp(-2), 1);
  });
});
