// Owns the http role of a process: connections, publisher, live feed, NATS services and the listener,
// wired together and taken apart again.
//
//     const http = await startHttpRole({ config, endpoints });
//     …                                  // answers at http.url
//     await http.stop();

import type { Config } from "../shared/config.ts";
import type { Endpoints } from "../shared/endpoints.ts";
import { OnhandError } from "../shared/errors.ts";
import { HTTP_READ_TIMEOUT_MS, HTTP_STOP_GRACE_MS } from "../shared/limits.ts";
import { Database } from "../shared/postgres.ts";
import { connectRedis } from "../shared/redis.ts";
import { LevelRegistry } from "../shared/registry.ts";
import { connectNats } from "../streams/connection.ts";
import { createPublisher, type Publisher } from "../streams/publisher.ts";
import { toToken } from "../streams/subjects.ts";
import { readTopology, type Topology } from "../streams/topology.ts";
import { createApp } from "./app.ts";
import { isLoopback } from "./cross_site.ts";
import { measured } from "./decide.ts";
import { edgeLog } from "./edge_log.ts";
import { withFirstLines } from "./first_lines.ts";
import { healthOf } from "./health.ts";
import { ledgerReads } from "./ledger_reads.ts";
import { startLiveFeed } from "./live_feed.ts";
import { LiveHub } from "./live_hub.ts";
import { masterData } from "./master_data.ts";
import { EdgeMetrics } from "./metrics.ts";
import { plannerPort } from "./planner.ts";
import type { DecidePort, Edge, RegistryPort } from "./ports.ts";
import { serveHttp } from "./serve.ts";
import { startServices } from "./services.ts";
import { TopologyWatch } from "./topology_watch.ts";

export type HttpRoleOptions = {
  config: Pick<
    Config,
    | "host"
    | "port"
    | "httpToken"
    | "httpHosts"
    | "httpDeadlineMs"
    | "databasePool"
    | "logLevel"
    | "name"
  >;
  endpoints: Pick<Endpoints, "nats" | "postgres" | "redis">;
  /** Default: as recorded on the NATS server. */
  topology?: Topology;
};

export type RunningHttp = {
  /** Where it answers, without a slash at the end. */
  url: string;
  port: number;
  /** Lets requests under way end, closes live feeds and connections. */
  stop(): Promise<void>;
};

/** Connections to NATS are waited for so long at the start, ms. */
const CONNECT_WAIT_MS = 10_000;

/**
 * Starts the edge. Postgres and Redis may be away; NATS must answer.
 * @throws OnhandError `nats_unreachable`, `topology_missing`, `port_taken`, `cannot_listen`
 */
export async function startHttpRole(options: HttpRoleOptions): Promise<RunningHttp> {
  const { config, endpoints } = options;
  const log = edgeLog(config.logLevel, config.name);
  const name = `onhand http ${config.name}`;
  const nc = await connectNats(endpoints.nats, { name, waitMs: CONNECT_WAIT_MS });
  const closers: (() => unknown)[] = [() => nc.close()];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const topology = options.topology ?? (await readTopology(nc));
    const watch = new TopologyWatch(nc, topology, log);
    closers.push(() => watch.stop());
    const publisher = createPublisher(nc, topology);
    closers.push(() => publisher.close(HTTP_STOP_GRACE_MS));
    const redis = connectRedis(endpoints.redis, { name });
    closers.push(() => redis.disconnect());
    const database = new Database(withTimeout(endpoints.postgres), {
      connectionsMax: config.databasePool,
      name,
    });
    closers.push(() => database.close());
    const hub = new LiveHub(topology);
    const metrics = new EdgeMetrics(config.name, () => hub.stats);
    const registry = registryPort(new LevelRegistry(redis), topology.epoch);
    const ledger = ledgerReads(database, topology);
    const edge: Edge = {
      decider: withFirstLines(measured(decidePort(publisher, topology, watch), metrics), ledger),
      registry,
      ledger,
      master: masterData(database),
      planner: plannerPort(nc, database, topology),
      hub,
      health: healthOf(nc, database, redis, topology.shards, watch),
      metrics,
      log,
      deadlineMs: config.httpDeadlineMs,
      token: config.httpToken,
      isLocal: isLoopback(config.host),
      hosts: config.httpHosts,
    };
    // Learns whom to wait for, so that the first who asks for metrics need not. A role that starts later (`onhand up` starts
    // forecast after this one) is waited for once.
    void edge.health.metrics();
    const app = createApp(edge);
    const feed = startLiveFeed(nc, { hub, registry, ...topology, log });
    closers.push(() => feed.stop());
    const services = await startServices(nc, { app, token: config.httpToken, log });
    closers.push(() => services.stop());
    const server = await serveHttp(app, config);
    closers.push(() => {
      feed.stop();
      return server.stop(HTTP_STOP_GRACE_MS);
    });
    return { url: urlOf(config.host, server.port), port: server.port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function decidePort(
  publisher: Publisher,
  { epoch, shards }: Topology,
  watch: TopologyWatch,
): DecidePort {
  return {
    epoch,
    shards,
    async decide(command, deadlineMs) {
      watch.requireSame();
      if (deadlineMs === undefined) return publisher.decide(command);
      const decision = await publisher.decide(command, { deadlineMs });
      if (!("status" in decision)) return decision;
      const message = `Cannot tell the decision of ${decision.id}: none within ${deadlineMs} ms`;
      const fields = { sent: true, id: decision.id };
      throw new OnhandError("decision_timeout", message, { retryable: true, fields });
    },
  };
}

function registryPort(registry: LevelRegistry, epoch: number): RegistryPort {
  return {
    levels: (keys) =>
      registry.levels(
        keys.map(({ sku, location }) => ({
          skuToken: toToken(sku),
          locationToken: toToken(location),
        })),
      ),
    ofSku: (sku) => registry.ofSku(toToken(sku)),
    watermark: (shard) => registry.watermark({ epoch, shard }),
  };
}

/** Postgres itself ends statements that take too long: postgres.js passes the parameter on. */
function withTimeout(url: string): string {
  const parsed = new URL(url);
  parsed.searchParams.set("statement_timeout", String(HTTP_READ_TIMEOUT_MS - 500));
  return parsed.href;
}

function urlOf(host: string, port: number): string {
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}
