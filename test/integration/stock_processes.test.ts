// Real `onhand run stock` processes on real servers: they share the shards, one is killed in the middle of a
// stream of commands, and at the end every command stands in the ledger once and everything agrees.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifySystem } from "../../scripts/verify/verify_system.ts";
import type { Decision } from "../../shared/decisions.ts";
import type { Command } from "../../shared/messages.ts";
import { migrate } from "../../shared/migrate.ts";
import { Database } from "../../shared/postgres.ts";
import { connectRedis, type Redis, redisReady } from "../../shared/redis.ts";
import { LevelRegistry } from "../../shared/registry.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { createPublisher, type Publisher } from "../../streams/publisher.ts";
import { applyTopology } from "../../streams/topology.ts";
import { type FreshDatabase, freshDatabase, freshRedis, privateNats } from "../support/servers.ts";

const SHARDS = 4;
const ONHAND = fileURLToPath(new URL("../../scripts/onhand.ts", import.meta.url));
let nats: Awaited<ReturnType<typeof privateNats>>;
let fresh: FreshDatabase;
let redisUrl: string;
let nc: NatsConnection;
let database: Database;
let redis: Redis;
let publisher: Publisher;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  [nats, fresh, redisUrl] = await Promise.all([privateNats(), freshDatabase(), freshRedis()]);
  nc = await connectNats(nats.url, { name: "test" });
  await applyTopology(nc, { shards: SHARDS, leaseTtlMs: 1_000 });
  database = new Database(fresh.url, { connectionsMax: 4, name: "test" });
  await migrate(database);
  redis = connectRedis(redisUrl, { name: "test" });
  await redisReady(redis, 5_000);
  publisher = createPublisher(nc, { epoch: 1, shards: SHARDS });
});
afterAll(async () => {
  for (const child of processes) child.kill("SIGKILL");
  await publisher.close(100);
  redis.disconnect();
  await database.close();
  await nc.close();
  await nats.stop();
  await fresh.drop();
});

function runStock(name: string): ChildProcess {
  const child = spawn(
    process.execPath,
    [ONHAND, "run", "stock", "--name", name, "--threads", "1"],
    {
      env: {
        ...process.env,
        ONHAND_NATS_URL: nats.url,
        ONHAND_DATABASE_URL: fresh.url,
        ONHAND_REDIS_URL: redisUrl,
        ONHAND_COMMIT_INTERVAL_MS: "30",
        ONHAND_CHECKPOINT_INTERVAL_MS: "300",
        ONHAND_LOG_LEVEL: "error",
      },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  processes.push(child);
  return child;
}

/** Which process says it runs which shards. */
async function owners(): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const inbox = `_INBOX.test${Math.random()}`;
  const subscription = nc.subscribe(inbox, {
    callback: (_, message) => {
      if (message.data.length === 0) return;
      const { name, shards } = message.json<{
        name: string;
        shards: { shard: number; state: string }[];
      }>();
      for (const { shard, state } of shards) if (state === "running") found.set(shard, name);
    },
  });
  nc.publish("onhand.stock.status", "", { reply: inbox });
  await new Promise((resolve) => setTimeout(resolve, 150));
  subscription.unsubscribe();
  return found;
}

async function until(what: string, isSo: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`Not so after ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const verify = () =>
  verifySystem({
    nc,
    database,
    registry: new LevelRegistry(redis),
    topology: { epoch: 1, shards: SHARDS },
    identityDays: 90,
    repair: false,
    say: () => {},
  });

test("stock processes share shards, survive a kill -9 and a drain, and lose or repeat nothing", async () => {
  const first = runStock("alpha");
  await until("alpha runs all", async () => (await owners()).size === SHARDS);
  let stop = false;
  let sent = 0;
  const decisions: Decision[] = [];
  const callers = Array.from({ length: 16 }, async (_, caller) => {
    for (let i = 0; !stop; i++) {
      const n = sent++;
      const command = {
        type: i % 10 === 0 ? "receipt" : "sale",
        id: `c${caller}-${i}`,
        sku: `SKU-${n % 50}`,
        location: `L${n % 3}`,
        qty: 1 + (n % 3),
      } as Command;
      decisions.push(await publisher.decide(command));
    }
  });
  const second = runStock("beta");
  await until("both run some", async () => new Set((await owners()).values()).size === 2);
  first.kill("SIGKILL");
  await until("beta runs all", async () => {
    const found = await owners();
    return found.size === SHARDS && [...found.values()].every((name) => name === "beta");
  });
  runStock("gamma");
  await until("gamma joins", async () => new Set((await owners()).values()).has("gamma"));
  second.kill("SIGTERM");
  await until("beta has drained", async () => second.exitCode !== null);
  expect(second.exitCode).toBe(0);
  await until("gamma runs all", async () => (await owners()).size === SHARDS);
  await new Promise((resolve) => setTimeout(resolve, 300));
  stop = true;
  await Promise.all(callers);
  expect(decisions.length).toBe(sent);
  // A caller whose decision was lost with its process asked again: `duplicate` repeats the first answer.
  expect(
    decisions.every(({ outcome, first: was }) => outcome === "applied" || was === "applied"),
  ).toBe(true);
  await until("all is committed", async () => {
    const [row] = await database.sql<{ n: number }[]>`
      select count(*)::int as n from stock_transaction where cause = 'command'`;
    return row?.n === sent;
  });
  const [ids] = await database.sql<{ n: number }[]>`
    select count(distinct (sku, location, id))::int as n from stock_transaction`;
  expect(ids?.n).toBe(sent);
  expect((await verify()).differences).toEqual([]);
}, 240_000);
