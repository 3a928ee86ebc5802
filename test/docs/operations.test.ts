// docs/OPERATIONS.md names what the code has: settings, halts, metrics.
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { settingsTable } from "../../shared/settings.ts";

const ROOT = new URL("../../", import.meta.url);
const text = readFileSync(new URL("docs/OPERATIONS.md", ROOT), "utf8");

it("docs/OPERATIONS.md lists every setting as the code knows it", () => {
  expect(text).toContain(settingsTable());
});

it("docs/OPERATIONS.md tells of every code a shard halts with, and of no other", () => {
  const runtime = readdirSync(new URL("actors/runtime/", ROOT))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `actors/runtime/${file}`);
  const sources = [...runtime, "streams/reader.ts"].map((file) =>
    readFileSync(new URL(file, ROOT), "utf8"),
  );
  const halts =
    /(?:halt|onHalt|fault)\(\s*"(\w+)"|reason: "(log_\w+)"|error\.code === "(\w+)"\)\s*this\.halt/g;
  const codes = sources.flatMap((source) =>
    [...source.matchAll(halts)].map((found) => found.slice(1).find(Boolean)),
  );
  const rows = text.split("### A shard that halted")[1]?.split("###")[0] ?? "";
  const told = [...rows.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, code]) => code),
  );
  expect(told.sort()).toEqual([...new Set(codes)].sort());
});

it("docs/OPERATIONS.md lists every metric, and no other", () => {
  const sources = [
    "http/metrics.ts",
    "actors/runtime/shard_metrics.ts",
    "actors/forecast/live/forecast_metrics.ts",
  ].map((file) => readFileSync(new URL(file, ROOT), "utf8"));
  const told = [...text.matchAll(/^\| (`onhand_[^|]+) \|/gm)].flatMap(([, names = ""]) =>
    [...names.matchAll(/`(onhand_[a-z_]+)`/g)].map(([, name]) => name),
  );
  const made = [...sources.join("").matchAll(/"(onhand_[a-z_]+)"/g)].map(([, name]) => name);
  expect(told.sort()).toEqual(made.sort());
});
