// Owns what is asked of servers that are not ours before a system starts on them: their version, and Postgres' room for
// locks. A nats-server that is too old is refused, for a log on it is not safe; of the others a person is told.
import { OnhandError } from "../shared/errors.ts";
import type { Database } from "../shared/postgres.ts";
import { connectRedis, redisReady } from "../shared/redis.ts";
import type { NatsConnection } from "../streams/connection.ts";
import { checkVersion } from "../streams/doctor.ts";
import { POSTGRES_LOCKS, POSTGRES_MAJOR_MIN } from "./servers/postgres_home.ts";
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

/**
 * Most locks of a look-up, as a multiple of `max_locks_per_transaction`. With Postgres' defaults 78 of 100 sessions could look
 * up at once at 8 times, 13 at 44.
 */
const LOCKS_TIMES_MAX = 16;

/** Says so when this Postgres is too old, or has little room for the locks of a look-up in all of the ledger. */
export async function warnOfPostgres(
  database: Database,
  say: (line: string) => void,
): Promise<void> {
  const [row] = await database.run(
    (sql) => sql<{ found: string; setting: number; locks: number }[]>`
      select current_setting('server_version') as found,
        current_setting('max_locks_per_transaction')::int4 as setting,
        (select count(*) + count(distinct relid) from pg_partition_tree('stock_transaction')
          join pg_index on indrelid = relid) as locks`,
  );
  const { found = "", setting = 0, locks = 0 } = row ?? {};
  if (Number.parseInt(found, 10) < POSTGRES_MAJOR_MIN)
    say(`Postgres ${found} is older than ${POSTGRES_MAJOR_MIN}, the oldest supported`);
  if (locks > LOCKS_TIMES_MAX * setting)
    say(
      `a look-up in the ledger takes ${locks} locks, and Postgres' max_locks_per_transaction is ${setting}: ` +
        `set it to ${Math.max(POSTGRES_LOCKS, 2 * setting)}`,
    );
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
