// Every role as a process of its own under a NATS user that may do what its role needs and nothing else
// (streams/permissions.ts): the whole journey works, and the server refuses nobody anything.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../scripts/servers/port.ts";
import { migrate } from "../../shared/migrate.ts";
import { Database } from "../../shared/postgres.ts";
import { StockClient } from "../../streams/client.ts";
import { connectNats } from "../../streams/connection.ts";
import {
  adminPermissions,
  edgePermissions,
  forecastPermissions,
  stockPermissions,
  tillPermissions,
} from "../../streams/permissions.ts";
import { applyTopology } from "../../streams/topology.ts";
import { type FreshDatabase, freshDatabase, freshRedis, privateNats } from "../support/servers.ts";

const SHARDS = 2;
const LOCATION = "store-3";
const ONHAND = fileURLToPath(new URL("../../scripts/onhand.ts", import.meta.url));
let nats: Awaited<ReturnType<typeof privateNats>>;
let fresh: FreshDatabase;
let redisUrl: string;
let http: string;
const processes: ChildProcess[] = [];

const urlOf = (user: string) => nats.url.replace("//", `//${user}:secret@`);

beforeAll(async () => {
  const permissions = {
    admin: adminPermissions(),
    stock: stockPermissions(),
    edge: edgePermissions(),
    forecast: forecastPermissions(),
    till: tillPermissions(LOCATION),
  };
  const users = Object.entries(permissions).map(([user, permissions]) => ({
    user,
    password: "secret",
    permissions,
  }));
  [nats, fresh, redisUrl] = await Promise.all([
    privateNats({ shards: SHARDS, users }),
    freshDatabase(),
    freshRedis(),
  ]);
  const admin = await connectNats(urlOf("admin"), { name: "admin" });
  await applyTopology(admin, { shards: SHARDS });
  await admin.close();
  const database = new Database(fresh.url, { connectionsMax: 1, name: "test" });
  await migrate(database);
  await database.close();
  const port = await freePort();
  http = `http://127.0.0.1:${port}`;
  run("stock", "stock", {});
  run("forecast", "forecast", {});
  run("http", "edge", { ONHAND_PORT: String(port) });
});
afterAll(async () => {
  for (const child of processes) child.kill("SIGKILL");
  await nats.stop();
  await fresh.drop();
});

function run(role: string, user: string, env: Record<string, string>): void {
  const child = spawn(process.execPath, [ONHAND, "run", role, "--name", `${role}-1`], {
    env: {
      ...process.env,
      ONHAND_NATS_URL: urlOf(user),
      ONHAND_DATABASE_URL: fresh.url,
      ONHAND_REDIS_URL: redisUrl,
      ONHAND_LOG_LEVEL: "error",
      ...env,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  processes.push(child);
}

async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + 25_000;
  for (;;) {
    const found = await ask().catch(() => undefined);
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`Not so: ${what}; refused: ${refusals()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What the server refused to anybody. */
const refusals = () =>
  readFileSync(nats.logFile, "utf8").match(/.*(?:Violation|not permitted).*/gi) ?? [];

const get = async (path: string) => {
  const response = await fetch(http + path);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

async function post(path: string, body: unknown) {
  const response = await fetch(http + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("each role works whole with no more than its own permissions", async () => {
  await until("ready", async () => ((await get("/readyz")).status === 200 ? true : undefined));

  const till = await StockClient.connect(urlOf("till"), { location: LOCATION, channel: "pos" });
  const receipt = await till.decide({ type: "receipt", sku: "SKU-1", qty: 10 });
  expect(receipt).toMatchObject({ outcome: "applied" });
  await till.close();

  const sale = { type: "sale", id: "s-1", sku: "SKU-1", location: LOCATION, qty: 2 };
  expect((await post("/v1/commands", sale)).body).toMatchObject({ outcome: "applied" });
  const lines = [
    { sku: "SKU-1", location: LOCATION, qty: 1 },
    { sku: "SKU-2", location: LOCATION, qty: 1 },
  ];
  expect((await post("/v1/holds", { lines, ttlMs: 60_000, channel: "web" })).status).toBe(409);
  expect((await get("/v1/stock/SKU-1?consistency=strong")).status).toBe(200);

  const metrics = await (await fetch(`${http}/metrics`)).text();
  for (const role of ["stock", "forecast", "http"])
    expect(metrics).toContain(`role="${role}",process="${role}-1"`);

  const policy = await fetch(`${http}/v1/policies/SKU-1?location=${LOCATION}`);
  expect([200, 404]).toContain(policy.status);
  await policy.body?.cancel();
  // The planner owns the series once its window was published; until then it says that it knows none.
  const whatIf = await post("/v1/forecasts/what-if", { sku: "SKU-1", location: LOCATION });
  expect(whatIf.status, JSON.stringify(whatIf.body)).not.toBe(503);

  await until("the demand window is published and its partition knows it", async () => {
    const { status } = await get(`/v1/forecasts/SKU-1?location=${LOCATION}`);
    return status === 200 ? true : undefined;
  });
  expect(refusals()).toEqual([]);
}, 120_000);
