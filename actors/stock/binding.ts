// Owns the stock role of a process: its membership and shards, whatever threads they run in, house-keeping of the
// ledger, and telling how it does.
//
//     const stock = await startStockRole({ config, endpoints });
//     stock.status();                    // each shard here: state, positions, lag
//     await stock.stop();                // drains, checkpoints, releases the leases
//
// On NATS: `onhand.stock.status` is answered with { name, shards } by every stock process, `onhand.stock.metrics`
// with Prometheus text, which the edge joins to its own (http/metrics_text.ts).
import { randomUUID } from "node:crypto";
import type { Config } from "../../shared/config.ts";
import type { Endpoints } from "../../shared/endpoints.ts";
import { Database } from "../../shared/postgres.ts";
import { journalOf, metricsSubject, openLogger, openMetrics } from "../../shared/telemetry.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { openLeases } from "../../streams/lease.ts";
import { readTopology, type Topology } from "../../streams/topology.ts";
import { AckedPublisher } from "../runtime/effect_publisher.ts";
import { keepHouse } from "../runtime/house_keeping.ts";
import type { Journal } from "../runtime/ports.ts";
import { ledgerProjections } from "../runtime/projections/ledger_projections.ts";
import { projectingHost } from "../runtime/projections/projecting_host.ts";
import { realClock } from "../runtime/real_ports.ts";
import { localHost, type ShardHost, type ShardStatus } from "../runtime/shard_host.ts";
import { shardMetrics } from "../runtime/shard_metrics.ts";
import { startSupervisor } from "../runtime/supervisor.ts";
import { threadHost } from "../runtime/thread_host.ts";
import { openStockThread, type StockThreadData } from "./thread.ts";
import { STOCK_THREAD } from "./warm.ts";

export type StockRoleOptions = {
  config: StockThreadData["config"] &
    Pick<Config, "threads" | "window" | "windowGraceMinutes" | "leadTimeDays">;
  endpoints: Pick<Endpoints, "nats" | "postgres" | "redis">;
  /** Default: as recorded on the NATS server. */
  topology?: Topology;
};

export type RunningStock = {
  /** Shards of this process. */
  status(): ShardStatus[];
  /** Prometheus text of this process. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
};

const STATUS_SUBJECT = "onhand.stock.status";
const CONNECT_WAIT_MS = 10_000;

/**
 * Joins the stock processes and begins to take shards. Postgres and Redis may be away; NATS must answer.
 * @throws OnhandError `nats_unreachable`, `topology_missing`
 */
export async function startStockRole(options: StockRoleOptions): Promise<RunningStock> {
  const { config, endpoints } = options;
  const journal = journalOf(openLogger(config.logLevel, "stock"), { name: config.name });
  const name = `onhand stock ${config.name}`;
  const nc = await connectNats(endpoints.nats, { name, waitMs: CONNECT_WAIT_MS });
  const closers: (() => unknown)[] = [() => nc.close()];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const topology = options.topology ?? (await readTopology(nc));
    const database = new Database(endpoints.postgres, { connectionsMax: 2, name });
    closers.push(() => database.close());
    const house = await keepHouse(database, realClock, journal);
    closers.push(() => house.stop());
    const { host: shards, close } = await hostOf(options, topology);
    closers.push(close);
    const host = projected(shards, options, { topology, nc, database, journal });
    closers.push(() => host.close());
    const supervisor = await startSupervisor({
      ...topology,
      name: config.name,
      leases: await openLeases(nc),
      host,
      journal,
    });
    closers.push(() => supervisor.stop());
    const registry = openMetrics("stock", config.name);
    shardMetrics(registry, () => supervisor.status());
    const metrics = () => registry.metrics();
    answer(nc, STATUS_SUBJECT, async () =>
      JSON.stringify({ name: config.name, shards: supervisor.status() }),
    );
    answer(nc, metricsSubject("stock"), metrics);
    return { status: () => supervisor.status(), metrics, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The same host, with projections following the shards it has. */
function projected(
  host: ShardHost,
  { config }: StockRoleOptions,
  parts: { topology: Topology; nc: NatsConnection; database: Database; journal: Journal },
): ShardHost {
  const { topology, nc, database, journal } = parts;
  const publisher = new AckedPublisher(nc);
  const options = {
    database,
    publish: (subject: string, id: string, payload: string) =>
      publisher.publish(subject, payload, id),
    windows: { grain: config.window, graceMs: config.windowGraceMinutes * 60_000 },
    leadTimeDays: config.leadTimeDays,
  };
  return projectingHost(host, {
    epoch: topology.epoch,
    database,
    journal,
    projections: (_shard, isLast) => ledgerProjections(options, isLast),
  });
}

/** The shards' place: worker threads, or this one when there are to be none. */
async function hostOf(
  { config, endpoints }: StockRoleOptions,
  topology: Topology,
): Promise<{ host: ShardHost; close(): Promise<void> }> {
  const { databasePool, commitIntervalMs, checkpointIntervalMs } = config;
  const { keepLogDays, identityDays, logLevel, name, threads } = config;
  const data: StockThreadData = {
    config: {
      name,
      databasePool,
      commitIntervalMs,
      checkpointIntervalMs,
      keepLogDays,
      identityDays,
      logLevel,
    },
    endpoints: { nats: endpoints.nats, postgres: endpoints.postgres, redis: endpoints.redis },
    topology,
    owner: `${name}.${randomUUID().slice(0, 8)}`,
  };
  if (threads > 0) {
    const host = threadHost({ entry: STOCK_THREAD, data, threads });
    return { host, close: () => host.close() };
  }
  const thread = await openStockThread(data);
  const host = localHost(thread.openShard);
  return {
    host,
    async close() {
      await host.close();
      await thread.close();
    },
  };
}

function answer(nc: NatsConnection, subject: string, text: () => Promise<string>): void {
  nc.subscribe(subject, {
    callback: (_error, message) => {
      text().then(
        (reply) => message.respond(reply),
        () => {},
      );
    },
  });
}
