// The whole house in this process for tests of the edge: the real stock role and http role over real
// servers, with a private NATS (streams of its own) and, when asked for, a private Postgres and Redis
// that a test may take away.

import { setTimeout as sleep } from "node:timers/promises";
import { type RunningStock, startStockRole } from "../../../actors/stock/binding.ts";
import { type RunningHttp, startHttpRole } from "../../../http/http_role.ts";
import type { NatsServer } from "../../../scripts/servers/nats.ts";
import type { RunningServer } from "../../../scripts/servers/server_process.ts";
import { loadConfig } from "../../../shared/config.ts";
import { migrate } from "../../../shared/migrate.ts";
import { Database } from "../../../shared/postgres.ts";
import { connectNats, type NatsConnection } from "../../../streams/connection.ts";
import { applyTopology } from "../../../streams/topology.ts";
import {
  freshDatabase,
  freshRedis,
  privateNats,
  privatePostgres,
  privateRedis,
} from "../../support/servers.ts";

export type WholeHouse = {
  url: string;
  endpoints: { nats: string; postgres: string; redis: string };
  nc: NatsConnection;
  nats: NatsServer;
  /** Present when private ones were asked for. */
  postgres: RunningServer | undefined;
  redis: RunningServer | undefined;
  stock: RunningStock;
  http: RunningHttp;
  stop(): Promise<void>;
};

export async function wholeHouse(
  options: { shards?: number; privateServers?: boolean; env?: Record<string, string> } = {},
): Promise<WholeHouse> {
  const { shards = 4, privateServers = false } = options;
  const closers: (() => unknown)[] = [];
  const nats = await privateNats({ shards, epoch: 1 });
  closers.push(() => nats.stop());
  const postgres = privateServers ? await privatePostgres() : undefined;
  const redis = privateServers ? await privateRedis() : undefined;
  closers.push(
    () => postgres?.stop(),
    () => redis?.stop(),
  );
  const postgresUrl = postgres?.url ?? (await freshDatabase()).url;
  const redisUrl = redis?.url ?? (await freshRedis());
  const database = new Database(postgresUrl, { connectionsMax: 1, name: "test migrate" });
  await migrate(database);
  await database.close();
  const nc = await connectNats(nats.url, { name: "test" });
  closers.push(() => nc.close());
  await applyTopology(nc, { shards, effectBytesMax: 16 * 1024 * 1024 });
  const config = loadConfig({
    ONHAND_PORT: "0",
    ONHAND_NAME: "test",
    ONHAND_LOG_LEVEL: "silent",
    ONHAND_THREADS: "0",
    ONHAND_COMMIT_INTERVAL_MS: "50",
    ONHAND_CHECKPOINT_INTERVAL_MS: "1000",
    ...options.env,
  });
  const endpoints = { nats: nats.url, postgres: postgresUrl, redis: redisUrl };
  const stock = await startStockRole({ config, endpoints });
  closers.push(() => stock.stop());
  const http = await startHttpRole({ config, endpoints });
  closers.push(() => http.stop());
  await until(async () => (await fetch(`${http.url}/readyz`)).ok, "ready");
  return {
    url: http.url,
    endpoints,
    nc,
    nats,
    postgres,
    redis,
    stock,
    http,
    async stop() {
      for (const close of closers.reverse()) await close();
    },
  };
}

/** Waits until `condition` holds; faults of it count as no. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  what: string,
  timeoutMs = 15_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const holds = await Promise.resolve(condition()).catch(() => false);
    if (holds) return;
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}

export type Json = Record<string, unknown>;
export type Answered = { status: number; headers: Headers; body: Json };

/** A JSON request to the house. */
export async function call(
  house: Pick<WholeHouse, "url">,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const response = await fetch(house.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const parsed = (await response.json()) as Json;
  return { status: response.status, headers: response.headers, body: parsed };
}
