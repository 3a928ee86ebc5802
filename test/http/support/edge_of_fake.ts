// An edge over the fake stock actor and a real (empty, migrated) database, for contract tests of routes.

import type { Hono } from "hono";
import { createApp } from "../../../http/app.ts";
import { measured } from "../../../http/decide.ts";
import { withFirstLines } from "../../../http/first_lines.ts";
import { ledgerReads } from "../../../http/ledger_reads.ts";
import { LiveHub } from "../../../http/live_hub.ts";
import { masterData } from "../../../http/master_data.ts";
import { EdgeMetrics } from "../../../http/metrics.ts";
import { plannerPort } from "../../../http/planner.ts";
import type { Edge } from "../../../http/ports.ts";
import { migrate } from "../../../shared/migrate.ts";
import { Database } from "../../../shared/postgres.ts";
import type { NatsConnection } from "../../../streams/connection.ts";
import { freshDatabase } from "../../support/servers.ts";
import { FakeStockActor } from "./fake_stock_actor.ts";

export type EdgeOfFake = {
  actor: FakeStockActor;
  edge: Edge;
  app: Hono;
  database: Database;
  /** Errors the edge logged. */
  errors: string[];
  stop(): Promise<void>;
};

export async function edgeOfFake(
  options: { token?: string; shards?: number } = {},
): Promise<EdgeOfFake> {
  const fresh = await freshDatabase();
  const database = new Database(fresh.url, { connectionsMax: 2, name: "test edge" });
  await migrate(database);
  const actor = new FakeStockActor(options.shards);
  const hub = new LiveHub({ epoch: actor.epoch, shards: actor.shards });
  const metrics = new EdgeMetrics("edge-1", () => hub.stats);
  const errors: string[] = [];
  const well = async () => ({ ok: true, latencyMs: 0.1 });
  const ledger = ledgerReads(database, actor);
  const edge: Edge = {
    decider: withFirstLines(measured(actor, metrics), ledger),
    registry: actor,
    ledger,
    master: masterData(database),
    planner: plannerOf(database, actor),
    hub,
    metrics,
    health: {
      nats: well,
      postgres: well,
      redis: well,
      topology: well,
      shards: async () =>
        Array.from({ length: actor.shards }, (_, shard) => ({
          shard,
          owner: "fake",
          state: "running",
          lag: 0,
        })),
      metrics: async () => [],
    },
    log: { warn: () => {}, error: (_fields, message) => errors.push(message) },
    deadlineMs: 300,
    token: options.token,
    isLocal: true,
    hosts: [],
  };
  const app = createApp(edge);
  return {
    actor,
    edge,
    app,
    database,
    errors,
    async stop() {
      hub.close();
      await database.close();
      await fresh.drop();
    },
  };
}

/** The real reads and settings; no forecast process answers. */
function plannerOf(database: Database, topology: { epoch: number; shards: number }) {
  const nobody = { request: () => Promise.reject(new Error("no responders")) };
  return plannerPort(nobody as unknown as NatsConnection, database, topology);
}

/** A request with a JSON body; text and bytes are sent as they are. */
export function send(
  app: Hono,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const raw = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return Promise.resolve(
    app.request(path, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: raw as BodyInit,
    }),
  );
}
