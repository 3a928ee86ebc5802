// Versions of the servers a bench runs on, asked of the programs themselves.

import { postgresHome, postgresVersion } from "../servers/postgres_home.ts";
import { resolveNats, resolveRedis } from "../servers/resolve.ts";

export async function serverVersions(): Promise<Record<string, string>> {
  const [nats, redis] = await Promise.all([resolveNats(), resolveRedis()]);
  return {
    "nats-server": nats.version,
    postgres: postgresVersion(postgresHome()) ?? "unknown",
    redis: redis.version,
  };
}
