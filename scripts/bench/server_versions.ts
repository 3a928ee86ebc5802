// Versions of the servers a bench runs on, asked of the programs themselves.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { postgresHome } from "../servers/postgres_home.ts";
import { resolveNats, resolveRedis } from "../servers/resolve.ts";

export async function serverVersions(): Promise<Record<string, string>> {
  const [nats, redis] = await Promise.all([resolveNats(), resolveRedis()]);
  // "postgres (PostgreSQL) 18.4"
  const said = execFileSync(join(postgresHome(), "bin", "postgres"), ["--version"]);
  return {
    "nats-server": nats.version,
    postgres: /[\d.]+/.exec(said.toString())?.[0] ?? said.toString().trim(),
    redis: redis.version,
  };
}
