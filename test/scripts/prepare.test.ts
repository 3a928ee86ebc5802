// What a system on this machine is given before any role starts.
import { expect, test } from "vitest";
import { prepareSystem, shardsOfNewLog } from "../../scripts/prepare.ts";
import { loadConfig } from "../../shared/config.ts";
import { connectNats } from "../../streams/connection.ts";
import { openLeases } from "../../streams/lease.ts";
import { freshDatabase, freshRedis, privateNats } from "../support/servers.ts";

test.each([
  [1, 4],
  [2, 4],
  [4, 8],
  [32, 64],
  [128, 64],
])("a new log on a machine of %i processors has %i shards", (processors, shards) => {
  expect(shardsOfNewLog(processors)).toBe(shards);
});

test("prepareSystem() sets the life of a lease where it is chosen, and keeps it where it is not", async () => {
  const nats = await privateNats({ shards: 2 });
  const fresh = await freshDatabase();
  const endpoints = { nats: nats.url, postgres: fresh.url, redis: await freshRedis() };
  const nc = await connectNats(nats.url, { name: "test" });
  const ttlMs = async (env: Record<string, string>) => {
    const config = loadConfig({ ONHAND_NATS_URL: nats.url, ONHAND_SHARDS: "2", ...env });
    await prepareSystem(config, endpoints, { setMapping: async () => {} }, () => {});
    return (await openLeases(nc)).ttlMs;
  };
  expect(await ttlMs({})).toBe(2_000);
  expect(await ttlMs({ ONHAND_LEASE_TTL_MS: "5000" })).toBe(5_000);
  expect(await ttlMs({})).toBe(5_000);
  await nc.close();
  await nats.stop();
  await fresh.drop();
});
