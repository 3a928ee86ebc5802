// Owns what tests know of servers. One set (NATS, Redis, Postgres) serves a whole run and is started
// by global_setup.ts; tests that kill, freeze or reconfigure a server start a private one here. All
// of them die with the process that started them, and their files with the run.
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { inject } from "vitest";
import { type NatsServer, type StartNatsOptions, startNats } from "../../scripts/servers/nats.ts";
import { freePort } from "../../scripts/servers/port.ts";
import { type StartPostgresOptions, startPostgres } from "../../scripts/servers/postgres.ts";
import { type StartRedisOptions, startRedis } from "../../scripts/servers/redis.ts";
import { ServerError } from "../../scripts/servers/server_error.ts";
import type { RunningServer } from "../../scripts/servers/server_process.ts";
import { dockerNats, dockerPostgres, dockerRedis } from "./docker_servers.ts";

/** Addresses of the run's shared servers, and a directory for the files of private ones. */
export type SharedServers = {
  nats: string;
  redis: string;
  postgres: string;
  runDir: string;
  mode: "local" | "docker";
};

declare module "vitest" {
  export interface ProvidedContext {
    servers: SharedServers;
  }
}

/** How many numbered databases the shared Redis has; freshRedis() hands them out. */
export const REDIS_DATABASES = 4_096;

/** The shared servers. Its NATS is for tests that make their own subjects and clean up streams. */
export function sharedServers(): SharedServers {
  const servers = inject("servers");
  if (!servers) throw new Error("No shared servers: this test needs test/support/global_setup.ts");
  return servers;
}

/** A database of one's own on the shared Postgres. */
export type FreshDatabase = { url: string; name: string; drop(): Promise<void> };

/**
 * Makes a new, empty database (about 50 ms). `drop` ends its connections and removes it; a test that
 * forgets leaves it to the end of the run.
 */
export async function freshDatabase(): Promise<FreshDatabase> {
  const name = `t_${randomBytes(8).toString("hex")}`;
  await asAdmin(`create database ${name}`);
  const url = new URL(sharedServers().postgres);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    name,
    drop: () => asAdmin(`drop database if exists ${name} with (force)`),
  };
}

/** The address of an empty numbered database on the shared Redis. Pub/sub is shared by all. */
export async function freshRedis(): Promise<string> {
  const { Redis } = await import("ioredis");
  const url = new URL(sharedServers().redis);
  const client = new Redis(url.href);
  try {
    const number = await client.incr("next-database");
    if (number >= REDIS_DATABASES) throw new Error(`No Redis database left of ${REDIS_DATABASES}`);
    url.pathname = `/${number}`;
    return url.href;
  } finally {
    client.disconnect();
  }
}

/** A nats-server of one's own, its streams in a fresh directory unless `dir` is given. */
export function privateNats(options: Partial<StartNatsOptions> = {}): Promise<NatsServer> {
  if (inDocker()) return dockerNats(sharedServers().runDir, options);
  return onFreePort(options.port, (port) =>
    startNats({ dir: options.dir ?? privateDir("nats"), ...options, port }),
  );
}

/** A redis-server of one's own. */
export function privateRedis(options: Partial<StartRedisOptions> = {}): Promise<RunningServer> {
  if (inDocker()) return dockerRedis(sharedServers().runDir, options);
  return onFreePort(options.port, (port) =>
    startRedis({ dir: options.dir ?? privateDir("redis"), ...options, port }),
  );
}

/** A Postgres of one's own (about 0.7 s: it makes a cluster). */
export function privatePostgres(
  options: Partial<StartPostgresOptions> = {},
): Promise<RunningServer> {
  if (inDocker()) return dockerPostgres(sharedServers().runDir, options);
  return onFreePort(options.port, (port) =>
    startPostgres({ dir: options.dir ?? privateDir("postgres"), ...options, port }),
  );
}

/** A directory that is removed at the end of the run. */
export function privateDir(name = "dir"): string {
  return mkdtempSync(join(sharedServers().runDir, `${name}-`));
}

/** Tries again on another port when somebody took the one that was free a moment ago. */
export async function onFreePort<T>(
  given: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(given ?? (await freePort()));
    } catch (error) {
      const taken = error instanceof ServerError && error.code === "port_taken";
      if (!taken || given !== undefined || attempt >= 5) throw error;
    }
  }
}

function inDocker(): boolean {
  return sharedServers().mode === "docker";
}

async function asAdmin(statement: string): Promise<void> {
  const sql = postgres(sharedServers().postgres, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
