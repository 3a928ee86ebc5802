// Real `onhand run forecast` processes on real servers: they share the partitions; one is killed with -9 and the
// others take its series over and go on deciding.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Command } from "../../shared/messages.ts";
import { FORECAST_STATUS_SUBJECT } from "../../shared/planning.ts";
import { formatTime } from "../../shared/time.ts";
import { createPublisher, type Publisher } from "../../streams/publisher.ts";
import {
  call,
  type Json,
  until,
  type WholeHouse,
  wholeHouse,
} from "../http/support/whole_house.ts";

const SHARDS = 4;
const SKUS = Array.from({ length: 12 }, (_, i) => `SKU-${i}`);
const DAY_MS = 86_400_000;
const ONHAND = fileURLToPath(new URL("../../scripts/onhand.ts", import.meta.url));
let house: WholeHouse;
let publisher: Publisher;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  house = await wholeHouse({ shards: SHARDS });
  publisher = createPublisher(house.nc, { epoch: 1, shards: SHARDS });
});
afterAll(async () => {
  for (const child of processes) child.kill("SIGKILL");
  await publisher.close(500);
  await house.stop();
});

function runForecast(name: string): ChildProcess {
  const child = spawn(process.execPath, [ONHAND, "run", "forecast", "--name", name], {
    env: {
      ...process.env,
      ONHAND_NATS_URL: house.endpoints.nats,
      ONHAND_DATABASE_URL: house.endpoints.postgres,
      ONHAND_REDIS_URL: house.endpoints.redis,
      ONHAND_FORECAST_THREADS: "1",
      ONHAND_LOG_LEVEL: "error",
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  processes.push(child);
  return child;
}

/** Which process says it runs which partitions. */
async function owners(): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const inbox = `_INBOX.test${Math.random()}`;
  const subscription = house.nc.subscribe(inbox, {
    callback: (_, message) => {
      if (message.data.length === 0) return;
      const told = message.json<{ name: string; shards: { shard: number; state: string }[] }>();
      for (const { shard, state } of told.shards)
        if (state === "running") found.set(shard, told.name);
    },
  });
  house.nc.publish(FORECAST_STATUS_SUBJECT, "", { reply: inbox });
  await new Promise((resolve) => setTimeout(resolve, 150));
  subscription.unsubscribe();
  return found;
}

async function sell(sku: string, days: number, qty: number, prefix: string): Promise<void> {
  const noonMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2;
  const commands: Command[] = Array.from({ length: days }, (_, day) => ({
    type: "sale",
    id: `${prefix}-${day}`,
    sku,
    location: "shop",
    qty,
    at: formatTime(noonMs - day * DAY_MS),
    backfill: true,
  }));
  await Promise.all(commands.map((command) => publisher.decide(command)));
}

async function reorderPoint(sku: string): Promise<number> {
  const { body, status } = await call(house, "GET", `/v1/policies/${sku}?location=shop`);
  if (status !== 200) return 0;
  const [view] = body.locations as { plan: Json | null }[];
  return Number(view?.plan?.reorderPoint ?? 0);
}

test("forecast processes share partitions; when one is killed -9 another takes over and goes on", async () => {
  for (const sku of SKUS) await sell(sku, 40, 3, "first");
  const first = runForecast("alpha");
  runForecast("beta");
  await until(
    async () => {
      const found = await owners();
      return found.size === SHARDS && new Set(found.values()).size === 2;
    },
    "both run some",
    60_000,
  );
  await until(
    async () => {
      const points = await Promise.all(SKUS.map(reorderPoint));
      return points.every((point) => point >= 20);
    },
    "every SKU has a plan",
    60_000,
  );
  const before = await Promise.all(SKUS.map(reorderPoint));

  const metrics = await (await fetch(`${house.url}/metrics`)).text();
  for (const name of ["alpha", "beta"])
    expect(metrics).toMatch(
      new RegExp(`^onhand_forecast_partitions\\{role="forecast",process="${name}"\\} [1-9]`, "m"),
    );

  // PUT and what-if reach the owner, whichever it is.
  const put = await call(house, "PUT", "/v1/policies/SKU-1?location=shop", { mode: "recommend" });
  expect(put.status).toBe(200);
  expect(put.body).toMatchObject({ decided: true, locations: [{ plan: { mode: "recommend" } }] });
  const asked = { sku: "SKU-2", location: "shop", demandFactor: 3 };
  const answer = await call(house, "POST", "/v1/forecasts/what-if", asked);
  expect(answer.status).toBe(200);
  expect((answer.body.plan as Json).reorderPoint).toBeGreaterThan(2 * before[2]!);

  first.kill("SIGKILL");
  await until(
    async () => {
      const found = await owners();
      return found.size === SHARDS && [...found.values()].every((name) => name === "beta");
    },
    "beta runs all",
    60_000,
  );
  for (const sku of SKUS) await sell(sku, 14, 30, "second");
  await until(
    async () => {
      const points = await Promise.all(SKUS.map(reorderPoint));
      return points.every((point, i) => point > 2 * before[i]!);
    },
    "every SKU is planned anew",
    60_000,
  );
}, 240_000);
