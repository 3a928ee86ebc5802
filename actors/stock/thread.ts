// Owns what one thread that runs stock shards needs: connections to NATS, Postgres and Redis, and the
// stock machine bound to the runner.
import type { Config } from "../../shared/config.ts";
import type { Endpoints } from "../../shared/endpoints.ts";
import { Database } from "../../shared/postgres.ts";
import { connectRedis } from "../../shared/redis.ts";
import { LevelRegistry } from "../../shared/registry.ts";
import { journalOf, openLogger } from "../../shared/telemetry.ts";
import { connectNats } from "../../streams/connection.ts";
import type { Topology } from "../../streams/topology.ts";
import { shardOpener } from "../runtime/open_shard.ts";
import type { OpenShard } from "../runtime/shard_host.ts";
import { stockMachine } from "./machine.ts";

/** Crosses into the thread: plain values only. */
export type StockThreadData = {
  config: Pick<
    Config,
    | "name"
    | "databasePool"
    | "commitIntervalMs"
    | "checkpointIntervalMs"
    | "keepLogDays"
    | "identityDays"
    | "logLevel"
  >;
  endpoints: Pick<Endpoints, "nats" | "postgres" | "redis">;
  topology: Topology;
  /** This start of this process among all that ever were. */
  owner: string;
};

/** Servers that are just starting are waited for so long, in ms. */
const CONNECT_WAIT_MS = 10_000;

/** Connects and says how a shard is opened here. @throws OnhandError `nats_unreachable` */
export async function openStockThread(data: StockThreadData): Promise<{
  openShard: OpenShard;
  close(): Promise<void>;
}> {
  const { config, endpoints, topology } = data;
  const name = `onhand stock ${config.name}`;
  const nc = await connectNats(endpoints.nats, { name, waitMs: CONNECT_WAIT_MS });
  const database = new Database(endpoints.postgres, { connectionsMax: config.databasePool, name });
  const redis = connectRedis(endpoints.redis, { name });
  const logger = openLogger(config.logLevel, "stock");
  const openShard = shardOpener({
    ...config,
    ...topology,
    nc,
    database,
    registry: new LevelRegistry(redis),
    factory: stockMachine,
    journal: (fields) => journalOf(logger, fields),
    // Several threads of one process never share a shard, but its runners follow each other.
    owner: `${data.owner}.${threadNumber()}`,
  });
  return {
    openShard,
    async close() {
      redis.disconnect();
      await database.close();
      await nc.close();
    },
  };
}

let threads = 0;
function threadNumber(): string {
  return `${process.pid}-${Date.now().toString(36)}-${++threads}`;
}
