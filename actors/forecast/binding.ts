// Owns the forecast role of a process: its membership and partitions, the worker threads that fit, what it follows,
// and telling how it does.
//
//     const forecast = await startForecastRole({ config, endpoints });
//     forecast.status();                 // each partition here: state, what waits
//     await forecast.stop();             // ends what is under way, releases the leases
//
// Partitions are shared among the forecast processes as shards are among the stock processes: the same supervisor,
// leases and hashing. A process that dies loses nothing: what it knew stands in Postgres, and what it sent is known
// again by its id.
//
// On NATS: `onhand.forecast.status` is answered with { name, shards } by every forecast process,
// `onhand.forecast.metrics` with Prometheus text.
import type { Config } from "../../shared/config.ts";
import type { Endpoints } from "../../shared/endpoints.ts";
import { Gate } from "../../shared/gate.ts";
import { LOADS_AT_ONCE } from "../../shared/limits.ts";
import { FORECAST_STATUS_SUBJECT } from "../../shared/planning.ts";
import { Database } from "../../shared/postgres.ts";
import {
  journalOf,
  metricsSubject,
  openLogger,
  openMetrics,
  type Registry,
} from "../../shared/telemetry.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { openLeases } from "../../streams/lease.ts";
import { partition } from "../../streams/partition.ts";
import { createPublisher } from "../../streams/publisher.ts";
import { toToken } from "../../streams/subjects.ts";
import { readTopology, type Topology } from "../../streams/topology.ts";
import { AckedPublisher } from "../runtime/effect_publisher.ts";
import { localHost, type RunningShard, type ShardStatus } from "../runtime/shard_host.ts";
import { startSupervisor } from "../runtime/supervisor.ts";
import { forecastAlerts } from "./live/alerts.ts";
import { followDemand } from "./live/demand_feed.ts";
import { forecastMetrics } from "./live/forecast_metrics.ts";
import { forgetOldForecasts } from "./live/house_keeping.ts";
import { ForecastPartition } from "./live/partition.ts";
import type { PartitionContext } from "./live/partition_context.ts";
import { answerAsOwner, startPlannerService } from "./live/planner_service.ts";
import { PolicySettings } from "./live/policy_settings.ts";
import { SignalBook } from "./live/signal_book.ts";
import { Watcher } from "./live/watcher.ts";
import { RefitPool } from "./refit_pool.ts";

export type ForecastRoleOptions = {
  config: Pick<
    Config,
    | "name"
    | "databasePool"
    | "logLevel"
    | "forecastThreads"
    | "forecastKeepDays"
    | "leadTimeDays"
    | "policyMode"
    | "coverDays"
  >;
  endpoints: Pick<Endpoints, "nats" | "postgres">;
  /** Default: as recorded on the NATS server. */
  topology?: Topology;
};

export type RunningForecast = {
  /** Partitions of this process. */
  status(): ShardStatus[];
  /** Prometheus text of this process. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
};

const CONNECT_WAIT_MS = 10_000;

/** What all partitions of a process share. */
type Shared = Omit<PartitionContext, "shard"> & {
  nc: NatsConnection;
  topology: Topology;
  partitions: Map<number, ForecastPartition>;
};

/**
 * Joins the forecast processes and begins to take partitions. NATS and Postgres must answer.
 * @throws OnhandError `nats_unreachable`, `topology_missing`, `database_unavailable`
 */
export async function startForecastRole(options: ForecastRoleOptions): Promise<RunningForecast> {
  const { config } = options;
  const closers: (() => unknown)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const registry = openMetrics("forecast", config.name);
    const shared = await openShared(options, closers, registry);
    const { nc, journal, settings, signals, database, partitions, nowMs, topology } = shared;
    const of = { database, settings, signals, journal, nowMs, partitions: () => partitions };
    const watcher = new Watcher(of);
    await watcher.start();
    closers.push(() => watcher.stop());
    const house = forgetOldForecasts(database, {
      keepDays: config.forecastKeepDays,
      journal,
      nowMs,
    });
    closers.push(() => house.stop());
    const loads = new Gate(LOADS_AT_ONCE);
    const host = localHost((shard) => loads.run(() => openPartition(shard, shared, watcher)));
    closers.push(() => host.close());
    const supervisor = await startSupervisor({
      ...topology,
      name: config.name,
      leases: await openLeases(nc, "forecast"),
      host,
      journal,
    });
    closers.push(() => supervisor.stop());
    const service = await startPlannerService(nc, topology);
    closers.push(() => service.stop());
    const status = () => supervisor.status();
    const metrics = () => registry.metrics();
    const told = async () => JSON.stringify({ name: config.name, shards: status() });
    answer(nc, FORECAST_STATUS_SUBJECT, told);
    answer(nc, metricsSubject("forecast"), metrics);
    return { status, metrics, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Connections, worker threads, and the stream of demand windows. */
async function openShared(
  { config, endpoints, ...options }: ForecastRoleOptions,
  closers: (() => unknown)[],
  registry: Registry,
): Promise<Shared> {
  const journal = journalOf(openLogger(config.logLevel, "forecast"), { name: config.name });
  const name = `onhand forecast ${config.name}`;
  const nc = await connectNats(endpoints.nats, { name, waitMs: CONNECT_WAIT_MS });
  closers.push(() => nc.close());
  const topology = options.topology ?? (await readTopology(nc));
  const database = new Database(endpoints.postgres, { connectionsMax: config.databasePool, name });
  closers.push(() => database.close());
  const publisher = createPublisher(nc, topology);
  closers.push(() => publisher.close());
  const pool = new RefitPool({ workerCount: config.forecastThreads });
  closers.push(() => pool.close());
  const partitions = new Map<number, ForecastPartition>();
  const feed = await followDemand(nc, {
    shards: topology.shards,
    journal,
    taker: (shard) => {
      const found = partitions.get(shard);
      return found === undefined ? undefined : (message) => found.onWindow(message);
    },
    onCut: () => {
      for (const one of partitions.values()) one.reloadAll();
    },
  });
  closers.push(() => feed.stop());
  const counted = forecastMetrics(registry, {
    partitions: () => partitions.values(),
    fitsWaiting: () => pool.waiting,
    streamLag: () => feed.lag,
  });
  const nowMs = () => Date.now();
  const tell = forecastAlerts({
    database,
    publisher: new AckedPublisher(nc),
    journal,
    epoch: topology.epoch,
    shardOf: (sku) => partition(toToken(sku), topology.shards),
    nowMs,
  });
  const { policyMode: mode, coverDays, leadTimeDays } = config;
  return {
    nc,
    topology,
    database,
    publisher,
    pool,
    journal,
    partitions,
    nowMs,
    leadTimeDays,
    settings: new PolicySettings({ mode, method: "calibrated", coverDays }),
    signals: new SignalBook(),
    alert: (kind, of, text) => {
      counted.alert(kind);
      tell(kind, of, text);
    },
  };
}

/** Opens a partition; it is told of windows from before its history is read, and answers once it is there. */
async function openPartition(
  shard: number,
  shared: Shared,
  watcher: Watcher,
): Promise<RunningShard> {
  const { nc, topology, partitions } = shared;
  const opened = new ForecastPartition({ ...shared, shard });
  partitions.set(shard, opened);
  const gone = () => {
    if (partitions.get(shard) === opened) partitions.delete(shard);
  };
  try {
    await opened.open();
  } catch (error) {
    gone();
    throw error;
  }
  const owner = answerAsOwner(nc, topology.epoch, opened, () => watcher.lookAtSettings());
  const end = async () => {
    owner.stop();
    await opened.drain().finally(gone);
  };
  return { status: () => opened.status(), drain: end, abandon: end };
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
