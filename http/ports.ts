// What the edge needs of the rest of the house, as it needs it: so that routes can be tried with
// doubles, and run with the real thing. http_role.ts wires the real ones.

import type { Decision, Level } from "../shared/decisions.ts";
import type { Command } from "../shared/messages.ts";
import type { LedgerReads } from "./ledger_reads.ts";
import type { LiveHub } from "./live_hub.ts";
import type { MasterData } from "./master_data.ts";
import type { EdgeMetrics } from "./metrics.ts";
import type { PlannerPort } from "./planner.ts";

/** The log, as a place that decides. */
export type DecidePort = {
  readonly epoch: number;
  readonly shards: number;
  /**
   * Sends a command that carries its id, and waits for its decision.
   * @throws OnhandError with `fields.sent` true when it may stand in the log and no decision came in
   * time; otherwise it is surely not stored (streams/publish_error.ts).
   */
  decide(command: Command, deadlineMs?: number): Promise<Decision>;
};

export type LevelKey = { sku: string; location: string };

/** The registry of levels. @throws OnhandError `registry_unavailable` */
export type RegistryPort = {
  levels(keys: readonly LevelKey[]): Promise<(Level | undefined)[]>;
  /** All locations of a SKU, in no particular order. */
  ofSku(sku: string): Promise<Level[]>;
  /** Up to which sequence the levels of a shard of the current epoch are in the registry. */
  watermark(shard: number): Promise<number>;
};

/** Who works on which shard, as the stock processes tell. */
export type ShardStatus = {
  shard: number;
  owner?: string;
  /** opening | running | draining | halted */
  state?: string;
  /** Why it is halted. */
  halted?: string;
  /** Entries of the log it has not applied yet. */
  lag?: number;
  /** Commands it has decided since it runs where it runs. */
  commands?: number;
};

/** One part of the system: does it answer, and how fast. */
export type PartHealth = { ok: boolean; latencyMs?: number; detail?: string };

export type HealthPort = {
  nats(): Promise<PartHealth>;
  postgres(): Promise<PartHealth>;
  redis(): Promise<PartHealth>;
  /** Whether the log is the one this edge was started for. */
  topology(): Promise<PartHealth>;
  /** One entry for each shard of the current epoch; without `owner` when nobody works on it. */
  shards(): Promise<ShardStatus[]>;
  /** Metrics of the stock and forecast processes that answer, each as Prometheus text. Never throws. */
  metrics(): Promise<string[]>;
};

export type EdgeLog = {
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
};

/** Everything routes use. */
export type Edge = {
  decider: DecidePort;
  registry: RegistryPort;
  ledger: LedgerReads;
  master: MasterData;
  planner: PlannerPort;
  hub: LiveHub;
  health: HealthPort;
  metrics: EdgeMetrics;
  log: EdgeLog;
  /** How long a request waits for a decision before 202, ms. */
  deadlineMs: number;
  /** Bearer token that writes need, when set. */
  token: string | undefined;
  /** Whether it listens on loopback: then, without a token, it is written to by a name of this machine only. */
  isLocal: boolean;
  /** Other names, without port, by which pages (on loopback all) may write without a token. */
  hosts: readonly string[];
};
