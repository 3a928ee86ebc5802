// Owns a private system for a bench: its own servers in a temporary directory, the stock role (and
// the HTTP role when asked) as processes of their own. Everything is gone when it is closed.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { loadConfig } from "../../shared/config.ts";
import type { Decision } from "../../shared/decisions.ts";
import { OnhandError } from "../../shared/errors.ts";
import type { Command } from "../../shared/messages.ts";
import { Database } from "../../shared/postgres.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import type { Topology } from "../../streams/declarations.ts";
import { partition } from "../../streams/partition.ts";
import { createPublisher, type Publisher } from "../../streams/publisher.ts";
import { stockStream, toToken } from "../../streams/subjects.ts";
import { prepareSystem, shardsOfNewLog } from "../prepare.ts";
import { type LocalServers, startLocalServers } from "../servers/local_servers.ts";
import { freePort } from "../servers/port.ts";
import { type RoleProcess, startRole, waitReady } from "./role_process.ts";

export type BenchSystemOptions = {
  /** Force each write of the log to disk before its ack. */
  sync?: "default" | "always";
  shards?: number;
  /** Also start the HTTP role. */
  http?: boolean;
  /** Settings for the stock role, such as ONHAND_CHECKPOINT_INTERVAL_MS. */
  stockEnv?: Record<string, string>;
  /** Directory for CPU profiles of the stock and HTTP processes, written when they stop. */
  profileDir?: string;
  say: (line: string) => void;
};

const PROBE_WAIT_MS = 500;

/** Starts servers and roles and waits until every shard decides. @throws OnhandError, ServerError. */
export async function openBenchSystem(options: BenchSystemOptions): Promise<BenchSystem> {
  const dir = mkdtempSync(join(tmpdir(), "onhand-bench-"));
  const shards = options.shards ?? shardsOfNewLog();
  let servers: LocalServers | undefined;
  try {
    servers = await startLocalServers({
      dir,
      shards,
      sync: options.sync ?? "default",
      say: () => {},
    });
    const { nats, postgres, redis } = servers;
    const addresses = { nats, postgres, redis };
    const config = loadConfig({}, { data: dir, shards });
    const topology = await prepareSystem(config, addresses, servers, () => {});
    const nc = await connectNats(nats, { name: "bench" });
    const database = new Database(postgres, {
      connectionsMax: 3,
      name: "bench",
      timeLimitMs: 300_000,
    });
    const system = new BenchSystem(options, dir, servers, topology, nc, database);
    await system.startStock();
    if (options.http === true) await system.startHttp();
    return system;
  } catch (error) {
    await servers?.stop();
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

export class BenchSystem {
  readonly dir: string;
  readonly servers: LocalServers;
  readonly topology: Topology;
  readonly nc: NatsConnection;
  readonly database: Database;
  http = "";
  stock: RoleProcess | undefined;
  forecast: RoleProcess | undefined;
  readonly #options: BenchSystemOptions;
  #httpRole: RoleProcess | undefined;
  #starts = 0;

  constructor(
    options: BenchSystemOptions,
    dir: string,
    servers: LocalServers,
    topology: Topology,
    nc: NatsConnection,
    database: Database,
  ) {
    this.#options = options;
    this.dir = dir;
    this.servers = servers;
    this.topology = topology;
    this.nc = nc;
    this.database = database;
  }

  /** Starts the stock role and waits until every shard has decided a tick. */
  async startStock(env: Record<string, string> = {}): Promise<void> {
    const role = this.spawnStock(env);
    await waitReady(role, "onhand run stock", () => this.#decidesEverywhere());
  }

  /** Starts the stock role and does not wait. */
  spawnStock(env: Record<string, string> = {}): RoleProcess {
    this.#starts++;
    this.stock = startRole({
      role: "stock",
      logFile: join(this.dir, "log", "stock.log"),
      env: {
        ...this.#env(),
        ONHAND_NAME: `bench-stock-${this.#starts}`,
        ...this.#options.stockEnv,
        ...env,
      },
      ...this.#profileArgs(),
    });
    return this.stock;
  }

  #profileArgs(): { nodeArgs?: string[] } {
    const { profileDir } = this.#options;
    if (profileDir === undefined) return {};
    return { nodeArgs: ["--cpu-prof", `--cpu-prof-dir=${profileDir}`] };
  }

  /** Starts a forecast role and does not wait. */
  spawnForecast(env: Record<string, string> = {}): RoleProcess {
    this.forecast = startRole({
      role: "forecast",
      logFile: join(this.dir, "log", "forecast.log"),
      env: { ...this.#env(), ONHAND_NAME: "bench-forecast", ...env },
    });
    return this.forecast;
  }

  async startHttp(): Promise<void> {
    const port = await freePort();
    const role = startRole({
      role: "http",
      logFile: join(this.dir, "log", "http.log"),
      env: { ...this.#env(), ONHAND_NAME: "bench-http", ONHAND_PORT: String(port) },
      ...this.#profileArgs(),
    });
    this.#httpRole = role;
    this.http = `http://127.0.0.1:${port}`;
    await waitReady(role, "onhand run http", async () => {
      const response = await fetch(`${this.http}/readyz`);
      return response.ok;
    });
  }

  publisher(options: { mode?: "bundle" | "single"; via?: "log" | "cmd" } = {}): Publisher {
    return createPublisher(this.nc, { ...this.topology, ...options });
  }

  /** Sends all, bundled, and waits until all are decided. @throws OnhandError when one is refused. */
  async decideAll(commands: Iterable<Command>): Promise<void> {
    const publisher = this.publisher();
    const decided: Promise<void>[] = [];
    const check = (decision: Decision) => {
      if (decision.outcome === "applied") return;
      throw new OnhandError("bench_failed", `Cannot bench: found ${JSON.stringify(decision)}`);
    };
    for (const command of commands) {
      decided.push(publisher.decide(command).then(check));
      if (decided.length >= 16_384) await Promise.all(decided.splice(0));
    }
    await Promise.all(decided);
    await publisher.close();
  }

  /** Last sequence of each shard's log. */
  async logEnds(): Promise<number[]> {
    const jsm = await jetstreamManager(this.nc);
    const { epoch, shards } = this.topology;
    const names = Array.from({ length: shards }, (_, shard) => stockStream(epoch, shard));
    const infos = await Promise.all(names.map((name) => jsm.streams.info(name)));
    return infos.map((info) => info.state.last_seq);
  }

  /** Committed (or checkpointed) sequence of each shard. */
  async positions(what: "committed" | "checkpoint" = "committed"): Promise<number[]> {
    const rows = await this.database.run(
      (sql) => sql<{ shard: number; committed: number; checkpoint: number }[]>`
        select shard, committed_seq as committed, checkpoint_seq as checkpoint
        from shard where epoch = ${this.topology.epoch}`,
    );
    const positions = new Array<number>(this.topology.shards).fill(0);
    for (const row of rows) positions[row.shard] = row[what];
    return positions;
  }

  /** Waits until commits (or checkpoints) have reached `ends`. @throws OnhandError after the limit. */
  async waitFor(
    ends: readonly number[],
    what: "committed" | "checkpoint" = "committed",
    timeoutMs = 300_000,
  ): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const positions = await this.positions(what);
      if (ends.every((end, shard) => (positions[shard] ?? 0) >= end)) return;
      if (performance.now() > untilMs)
        throw new OnhandError(
          "bench_failed",
          `Cannot bench: ${what} is ${positions}, wanted ${ends}, after ${timeoutMs / 1000} s`,
        );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until the windows of all that is committed are made: what opens a bench is no part of it. */
  async waitForWindows(timeoutMs = 120_000): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const [found] = await this.database.run(
        (sql) => sql<{ behind: number }[]>`
          select count(*)::int as behind from shard s
          left join projection p on p.epoch = s.epoch and p.shard = s.shard and p.name = 'demand-windows'
          where s.epoch = ${this.topology.epoch} and coalesce(p.seq, 0) < s.committed_seq`,
      );
      if (found?.behind === 0) return;
      if (performance.now() > untilMs)
        throw new OnhandError(
          "bench_failed",
          `Cannot bench: windows of ${found?.behind} shards are behind after ${timeoutMs / 1000} s`,
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** The processes of the system by what they are. */
  pids(): [string, number][] {
    const roles: [string, number | undefined][] = [
      ["stock", this.stock?.pid],
      ["http", this.#httpRole?.pid],
    ];
    const servers = this.servers.own.map((server): [string, number] => [server.kind, server.pid]);
    return [
      ...roles.flatMap(([name, pid]): [string, number][] => (pid ? [[name, pid]] : [])),
      ...servers,
    ];
  }

  /** One SKU of each shard that no bench sells. */
  probeSkus(): string[] {
    const skus: string[] = [];
    for (let i = 0; skus.filter(Boolean).length < this.topology.shards; i++) {
      const sku = `PROBE-${i}`;
      skus[partition(toToken(sku), this.topology.shards)] ??= sku;
    }
    return skus;
  }

  async close(): Promise<void> {
    await this.#httpRole?.stop();
    await this.forecast?.stop();
    await this.stock?.stop();
    await this.nc.close();
    await this.database.close();
    await this.servers.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #decidesEverywhere(): Promise<boolean> {
    const publisher = this.publisher();
    try {
      const ticks = this.probeSkus().map((sku) =>
        publisher.decide({ type: "tick", sku, location: "probe" }, { deadlineMs: PROBE_WAIT_MS }),
      );
      return (await Promise.all(ticks)).every((decision) => !("status" in decision));
    } finally {
      await publisher.close(0);
    }
  }

  #env(): Record<string, string> {
    return {
      ONHAND_NATS_URL: this.servers.nats,
      ONHAND_DATABASE_URL: this.servers.postgres,
      ONHAND_REDIS_URL: this.servers.redis,
      ONHAND_DATA: this.dir,
      ONHAND_LOG_LEVEL: "warn",
    };
  }
}
