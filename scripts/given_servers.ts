// Owns what is asked of servers that are not ours before a system starts on them: their version. A nats-server that is
// too old is refused, for a log on it is not safe; of an old Postgres or Redis a person is told.
import { OnhandError } from "../shared/errors.ts";
import type { Database } from "../shared/postgres.ts";
import { connectRedis, redisReady } from "../shared/redis.ts";
import type { NatsConnection } from "../streams/connection.ts";
import { checkVersion } from "../streams/doctor.ts";
import { POSTGRES_MAJOR_MIN } from "./servers/postgres_home.ts";
import { REDIS_VERSION_MIN } from "./servers/resolve.ts";
import { compareVersions, parseVersion } from "./servers/version.ts";

const REDIS_WAIT_MS = 2_000;

/** @throws OnhandError `nats_too_old` */
export function requireNatsVersion(nc: NatsConnection): void {
  const { ok, found, wanted, mend } = checkVersion(nc);
  if (ok) return;
  const message = `Cannot use NATS: its version is ${found}, expected ${wanted}. ${mend}`;
  throw new OnhandError("nats_too_old", message, { fields: { version: found } });
}

/** Says so when this Postgres is too old. */
export async function warnOfPostgres(
  database: Database,
  say: (line: string) => void,
): Promise<void> {
  const rows = await database.run(
    (sql) => sql<{ found: string }[]>`
    select current_setting('server_version') as found`,
  );
  const found = rows[0]?.found ?? "";
  if (Number.parseInt(found, 10) < POSTGRES_MAJOR_MIN)
    say(`Postgres ${found} is older than ${POSTGRES_MAJOR_MIN}, the oldest supported`);
}

/** Says so when the Redis at `url` is too old; one that is away may come later, and is not waited for. */
export async function warnOfRedis(url: string, say: (line: string) => void): Promise<void> {
  const redis = connectRedis(url, { name: "onhand up" });
  try {
    await redisReady(redis, REDIS_WAIT_MS);
    const found = parseVersion(await redis.info("server"));
    if (found !== undefined && compareVersions(found, REDIS_VERSION_MIN) < 0)
      say(`Redis ${found} is older than ${REDIS_VERSION_MIN}, the oldest supported`);
  } catch {
    // The roles tell of a Redis that does not answer.
  } finally {
    redis.disconnect();
  }
}
