// From a till's sales to a reorder point, on real servers: sales -> demand windows -> forecast -> policy command in the
// log -> the stock machine acts on it -> GET /v1/policies and /v1/forecasts show it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningForecast, startForecastRole } from "../../actors/forecast/binding.ts";
import type { WhatIfReport } from "../../scripts/what_if/run.ts";
import { loadConfig } from "../../shared/config.ts";
import type { Command } from "../../shared/messages.ts";
import { Database } from "../../shared/postgres.ts";
import { formatTime } from "../../shared/time.ts";
import { createPublisher, type Publisher } from "../../streams/publisher.ts";
import {
  call,
  type Json,
  until,
  type WholeHouse,
  wholeHouse,
} from "../http/support/whole_house.ts";
import { runOnhand } from "../support/onhand.ts";
import { privateDir } from "../support/servers.ts";

const DAY_MS = 86_400_000;
const SHARDS = 4;
let house: WholeHouse;
let publisher: Publisher;
let database: Database;
const roles: RunningForecast[] = [];

beforeAll(async () => {
  house = await wholeHouse({ shards: SHARDS });
  publisher = createPublisher(house.nc, { epoch: 1, shards: SHARDS });
  database = new Database(house.endpoints.postgres, { connectionsMax: 2, name: "test" });
});
afterAll(async () => {
  for (const role of roles) await role.stop();
  await publisher.close(1_000);
  await database.close();
  await house.stop();
});

async function startForecast(name: string): Promise<RunningForecast> {
  const config = loadConfig({
    ONHAND_NAME: name,
    ONHAND_LOG_LEVEL: "silent",
    ONHAND_FORECAST_THREADS: "1",
    ONHAND_POLICY_MODE: "autopilot",
  });
  const role = await startForecastRole({ config, endpoints: house.endpoints });
  roles.push(role);
  return role;
}

/** `perDay` units a day in the shop at noon over the last `days` days, after a delivery of all of them. */
async function sellDaily(
  sku: string,
  days: number,
  perDay: (day: number) => number,
): Promise<void> {
  const noonMs = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;
  const common = { sku, location: "shop", backfill: true as const };
  const commands: Command[] = [];
  for (let day = days; day >= 1; day--) {
    const qty = perDay(day);
    const at = formatTime(noonMs - day * DAY_MS);
    if (qty > 0) commands.push({ type: "sale", id: `${sku}-${day}`, ...common, qty, at });
  }
  const sold = commands.reduce(
    (sum, command) => sum + ("qty" in command ? Number(command.qty) : 0),
    0,
  );
  const at = formatTime(noonMs - (days + 1) * DAY_MS);
  await publisher.decide({ type: "receipt", id: `${sku}-all`, ...common, qty: sold + 500, at });
  await Promise.all(commands.map((command) => publisher.decide(command)));
}

type View = { location: string; version: number; plan: Json | null; history: Json[] };

async function policyOf(sku: string): Promise<View | undefined> {
  const { status, body } = await call(house, "GET", `/v1/policies/${sku}?location=shop`);
  return status === 200 ? (body.locations as View[])[0] : undefined;
}

test("sales become windows, a forecast, a policy in the log, and a need when stock falls below it", async () => {
  await sellDaily("SKU-A", 60, (day) => 8 + (day % 7));
  await startForecast("planner-1");
  await until(async () => (await policyOf("SKU-A"))?.plan != null, "a plan", 40_000);
  const { plan, version, history } = (await policyOf("SKU-A")) as View;
  // About 11 a day over 7 + 1 days: 88, and some safety.
  expect(plan).toMatchObject({ mode: "autopilot" });
  expect(Number(plan?.reorderPoint)).toBeGreaterThan(80);
  expect(Number(plan?.reorderPoint)).toBeLessThan(140);
  expect(Number(plan?.orderUpTo)).toBeGreaterThan(Number(plan?.reorderPoint));
  expect(String(plan?.cause)).toMatch(/a day/);
  expect(history[0]).toMatchObject({ version, madeBy: "planner", plan });

  await until(async () => {
    const { body } = await call(house, "GET", "/v1/forecasts/SKU-A?location=shop");
    return (body.locations as Json[])?.[0]?.forecast != null;
  }, "a forecast");
  const { body } = await call(house, "GET", "/v1/forecasts/SKU-A?location=shop&days=90");
  const [view] = body.locations as { history: Json[]; forecast: Json }[];
  expect(view?.history.length).toBe(60);
  const mean = view?.forecast.mean as number[];
  expect(mean).toHaveLength(28);
  for (const value of mean) expect(value).toBeGreaterThan(4);

  // The machine has the plan: selling down to the reorder point opens a need.
  const needs: Json[] = [];
  const subscription = house.nc.subscribe("inv.need.shop.SKU-A", {
    callback: (_, message) => void needs.push(message.json<Json>()),
  });
  await publisher.decide({ type: "sale", id: "big", sku: "SKU-A", location: "shop", qty: 480 });
  await until(() => needs.length > 0, "a need");
  expect(needs[0]).toMatchObject({ mode: "autopilot", reorderPoint: plan?.reorderPoint });
  subscription.unsubscribe();
}, 90_000);

describe("onhand replay --what-if", () => {
  const env = () => ({
    ONHAND_NATS_URL: house.endpoints.nats,
    ONHAND_DATABASE_URL: house.endpoints.postgres,
    ONHAND_REDIS_URL: house.endpoints.redis,
  });
  const file = (content: unknown) => {
    const path = join(privateDir("what-if"), "policy.json");
    writeFileSync(path, JSON.stringify(content));
    return path;
  };

  test("tells what other reorder points would have come to", async () => {
    const policy = file({
      rules: [{ sku: "SKU-A", reorderPoint: 200, orderUpTo: 400 }],
      against: [{ reorderPoint: 60, orderUpTo: 200 }],
      warmUpDays: 7,
    });
    const { code, stdout } = await runOnhand(["replay", "--what-if", policy, "--json"], env());
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as WhatIfReport;
    expect(report.commands).toBeGreaterThan(60);
    expect(report.before.demand).toBe(report.after.demand);
    expect(report.after.meanUnits).toBeGreaterThan(report.before.meanUnits + 50);
    expect(report.after.short).toBeLessThanOrEqual(report.before.short);
    expect(report.keys[0]).toMatchObject({ sku: "SKU-A", location: "shop" });
  }, 60_000);

  test.each<[string, unknown, RegExp]>([
    ["a file without rules", {}, /rules/],
    [
      "an order-up-to below the reorder point",
      { rules: [{ reorderPoint: 9, orderUpTo: 3 }] },
      /policy.json/,
    ],
  ])("refuses %s and says why", async (_, content, why) => {
    const { code, stderr } = await runOnhand(["replay", "--what-if", file(content)], env());
    expect([code, stderr]).toEqual([2, expect.stringMatching(why)]);
  });

  test("refuses to count nothing: days at the start that are longer than what happened", async () => {
    const policy = file({ rules: [{ scale: 1 }], warmUpDays: 3_650 });
    const { code, stderr } = await runOnhand(["replay", "--what-if", policy], env());
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/spans .* expected fewer warmUpDays/),
    ]);
  });

  test("refuses a file that is not there", async () => {
    const { code, stderr } = await runOnhand(["replay", "--what-if", "/no/such.json"], env());
    expect([code, stderr]).toEqual([2, expect.stringMatching(/Cannot read/)]);
  });
});
