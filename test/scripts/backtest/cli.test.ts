// `onhand forecast` and `onhand backtest` as a person calls them: exit codes, lines, the report.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomOf } from "../../../scripts/backtest/random.ts";

const ONHAND = new URL("../../../scripts/onhand.ts", import.meta.url).pathname;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "onhand-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Run = { code: number; stdout: string; stderr: string };

function onhand(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [ONHAND, ...args], { cwd: folder }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, stdout, stderr });
    });
  });
}

test("onhand forecast prints one JSON line a series", async () => {
  writeFileSync(join(folder, "s.csv"), "series_id,season,horizon,train\na,7,3,1;2;3\nb,12,2,\n");
  const { code, stdout } = await onhand("forecast", "s.csv", "--json");
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines.map(({ series_id, mean }) => [series_id, mean.length])).toEqual([
    ["a", 3],
    ["b", 2],
  ]);
}, 30_000);

test.each([
  [["forecast", "none.csv"], /Cannot read none.csv/],
  [["forecast", "s.csv", "--horizon", "0"], /--horizon 0/],
  [["backtest", "none.csv"], /Cannot read none.csv/],
  [["backtest", "none.csv", "--target-fill", "2"], /--target-fill 2/],
  [["backtest", "none.csv", "--lead-time", "x"], /--lead-time x/],
])(
  "onhand %j ends with 2 and a plain word",
  async (args, message) => {
    const { code, stderr } = await onhand(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/at .*\.ts:/);
  },
  30_000,
);

test("onhand backtest prints its summary and writes its report", async () => {
  const random = randomOf(1);
  const rows = ["timestamp,sku,location,qty,unit_price"];
  for (let day = 0; day < 160; day++) {
    const date = new Date(Date.UTC(2024, 0, 1 + day)).toISOString().slice(0, 10);
    for (let sku = 0; sku < 8; sku++) {
      if (random() < 0.7)
        rows.push(`${date}T10:00:00,S${sku},shop,${1 + Math.floor(random() * 5)},3`);
    }
  }
  writeFileSync(join(folder, "sales.csv"), rows.join("\n"));
  const { code, stdout, stderr } = await onhand(
    ...["backtest", "sales.csv", "--json", "--lead-time", "3", "--draws", "20"],
  );
  expect(code).toBe(0);
  const output = JSON.parse(stdout);
  expect(output.summary.inventoryValueChangePct).toEqual(expect.any(Number));
  expect(output.summary.stable.skuCount).toBeGreaterThan(0);
  expect(output.policies).toHaveLength(4);
  expect(stderr).toMatch(/replaying \d0%/);
  expect(readFileSync(join(folder, "backtest.html"), "utf8")).toContain("<svg");

  const nowhere = ["backtest", "sales.csv", "--json", "--draws", "20", "--report", "no/where.html"];
  const unwritten = await onhand(...nowhere);
  expect(unwritten.code).toBe(1);
  expect(JSON.parse(unwritten.stdout).policies).toHaveLength(4);
}, 30_000);
