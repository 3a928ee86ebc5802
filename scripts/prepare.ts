// Owns what must be so before any role starts: streams, buckets and mapping, and the tables. Safe to
// run again and beside others.
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../shared/config.ts";
import type { Endpoints } from "../shared/endpoints.ts";
import { OnhandError } from "../shared/errors.ts";
import { migrate } from "../shared/migrate.ts";
import { Database } from "../shared/postgres.ts";
import { connectNats } from "../streams/connection.ts";
import { checkMapping, type MappingCheck } from "../streams/doctor.ts";
import { applyTopology, type Topology } from "../streams/topology.ts";
import { requireNatsVersion, warnOfPostgres, warnOfRedis } from "./given_servers.ts";
import type { LocalServers } from "./servers/local_servers.ts";

/** Servers that run but are still busy with themselves (recovering) are waited for. */
const CONNECT_WAIT_MS = 15_000;

/**
 * Applies migrations and topology, and has our own nats-server map to it.
 * @throws OnhandError from any of them, and `nats_too_old`.
 */
export async function prepareSystem(
  config: Config,
  endpoints: Endpoints,
  servers: Pick<LocalServers, "setMapping">,
  say: (line: string) => void,
): Promise<Topology> {
  // All to their end, so that after a failure nothing is still at work on a server that is stopped.
  const [topology, database] = await Promise.allSettled([
    prepareNats(config, endpoints.nats, servers, say),
    prepareDatabase(config, endpoints.postgres, say),
    config.redisUrl === undefined ? undefined : warnOfRedis(config.redisUrl, say),
  ]);
  if (topology.status === "rejected") throw topology.reason;
  if (database.status === "rejected") throw database.reason;
  return topology.value;
}

/**
 * Shards of a new log on servers of our own, all on this machine: two for each processor, at least 4, at most 64. More
 * make the entries of each smaller, which costs (docs/decisions/0005-shards-of-a-new-log.md).
 */
export function shardsOfNewLog(processors = availableParallelism()): number {
  return Math.min(64, Math.max(4, 2 * processors));
}

async function prepareNats(
  config: Config,
  url: string,
  servers: Pick<LocalServers, "setMapping">,
  say: (line: string) => void,
): Promise<Topology> {
  const nc = await connectNats(url, { name: "onhand up", waitMs: CONNECT_WAIT_MS });
  try {
    requireNatsVersion(nc);
    const { replicas, leaseTtlMs, shards } = config;
    const options = {
      ...(replicas === undefined ? {} : { replicas }),
      ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }),
      ...(shards === undefined ? {} : { shards }),
      ...(config.natsUrl === undefined ? { shardsOfNew: shardsOfNewLog() } : {}),
    };
    const { topology, changed } = await applyTopology(nc, options);
    await servers.setMapping(topology);
    const log = `log of epoch ${topology.epoch} with ${topology.shards} shards`;
    say(changed ? `${log} is made` : log);
    // Our own server maps by now; on one that is not ours a person has to, once.
    if (config.natsUrl !== undefined) sayOfMapping(await checkMapping(nc, topology), say);
    return topology;
  } finally {
    await nc.close();
  }
}

/** Without a mapping a plain publish is kept nowhere, and its sender knows; with a wrong one it is set aside. */
function sayOfMapping({ ok, mapped, found }: MappingCheck, say: (line: string) => void): void {
  const see = 'see "onhand topology doctor"';
  if (ok) return;
  if (!mapped) say(`plain publishes to inv.cmd are not mapped to the log yet: ${see}`);
  else say(`WRONG mapping of inv.cmd: ${found}; plain publishes are set aside or lost: ${see}`);
}

async function prepareDatabase(
  config: Config,
  url: string,
  say: (line: string) => void,
): Promise<void> {
  const database = new Database(url, { connectionsMax: 1, name: "onhand migrate" });
  try {
    const applied = await migrateWhenThere(database);
    if (config.databaseUrl !== undefined) await warnOfPostgres(database, say);
    if (applied.length > 0) say(`database: applied ${applied.join(", ")}`);
  } finally {
    await database.close();
  }
}

/** A Postgres that is just starting refuses connections for a while. */
async function migrateWhenThere(database: Database): Promise<string[]> {
  const until = performance.now() + CONNECT_WAIT_MS;
  for (;;) {
    try {
      return await migrate(database);
    } catch (error) {
      const passing = error instanceof OnhandError && error.retryable;
      if (!passing || performance.now() > until) throw error;
    }
    await sleep(200);
  }
}
