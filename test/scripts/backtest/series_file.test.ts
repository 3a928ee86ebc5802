import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseValues, readSeriesFile } from "../../../scripts/backtest/series_file.ts";
import { forecastLine } from "../../../scripts/commands/forecast.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "onhand-series-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function rowsOf(name: string, content: string | Uint8Array) {
  const file = join(folder, name);
  writeFileSync(file, content);
  const rows = [];
  for await (const row of readSeriesFile(file)) rows.push(row);
  return rows;
}

describe("readSeriesFile()", () => {
  const text = "series_id,season,horizon,other,train\na,7,2,x,1;2;;4\nb,,,x,\n";

  test("reads plain and gzip'd files alike; missing values, seasons and horizons", async () => {
    const plain = await rowsOf("plain.csv", text);
    expect(await rowsOf("packed.csv.gz", gzipSync(text))).toEqual(plain);
    expect(plain.map(({ id, season, horizon }) => [id, season, horizon])).toEqual([
      ["a", 7, 2],
      ["b", 1, undefined],
    ]);
    expect([...plain[0]!.train]).toEqual([1, 2, Number.NaN, 4]);
    expect(plain[1]!.train).toHaveLength(0);
  });

  test.each([
    ["no train column", "x.csv", "series_id,b\n1,2\n", /wanted train/],
    ["no rows", "y.csv", "series_id,train\n", /no series/],
    ["a broken gzip", "z.csv.gz", gzipSync(text).subarray(0, 25), /Cannot read/],
  ])("refuses %s", async (_, name, content, message) => {
    await expect(rowsOf(name, content)).rejects.toThrow(message);
  });

  test("refuses a file that is not there", async () => {
    const rows = readSeriesFile(join(folder, "none.csv"));
    await expect(rows.next()).rejects.toThrow(/Cannot read/);
  });

  test("reads a series of 20,000 points", async () => {
    const train = Array.from({ length: 20_000 }, (_, i) => i % 10).join(";");
    const [row] = await rowsOf("long.csv", `series_id,train\na,${train}\n`);
    expect(row!.train).toHaveLength(20_000);
  });
});

test("parseValues() takes what is no number as missing", () => {
  expect([...parseValues("1;x; 3 ;")]).toEqual([1, Number.NaN, 3, Number.NaN]);
});

test("forecastLine() has the fields that are promised", async () => {
  const [row] = await rowsOf(
    "one.csv",
    "series_id,season,horizon,train\na,7,3,1;2;3;4;5;6;7;8;9\n",
  );
  const line = forecastLine(row!, {});
  expect(Object.keys(line)).toEqual(
    expect.arrayContaining(["series_id", "method", "mean", "quantiles", "leadTime", "ms"]),
  );
  expect(line.mean).toHaveLength(3);
  expect(Object.keys(line.quantiles).sort()).toEqual(["0.05", "0.5", "0.95"]);
  expect(line.leadTime.steps).toBe(7);
  expect(forecastLine(row!, { horizon: 5, leadTime: 2 }).leadTime.steps).toBe(2);
});
