// Routes about the system itself: alive, ready, metrics, and the figures the page shows.

import { z } from "zod";
import { joinMetrics } from "../metrics_text.ts";
import type { Edge, PartHealth, ShardStatus } from "../ports.ts";
import { reply, replyJson } from "../reply.ts";
import type { Route } from "../route.ts";

const PartAnswer = z.strictObject({
  ok: z.boolean(),
  latencyMs: z.number().optional(),
  detail: z.string().optional(),
});
const ShardAnswer = z.strictObject({
  shard: z.int(),
  owner: z.string().optional(),
  state: z.enum(["opening", "running", "draining", "halted"]).optional(),
  halted: z.string().optional().describe("why it is halted: a person must look"),
  lag: z.int().optional().describe("entries of the log not applied yet"),
  commands: z.int().optional().describe("decided since the shard runs there"),
});
const ReadyAnswer = z
  .strictObject({
    ready: z.boolean(),
    parts: z.record(z.string(), PartAnswer),
    shards: z.strictObject({
      total: z.int(),
      owned: z.int(),
      list: z.array(ShardAnswer),
    }),
  })
  .meta({ id: "Ready" });
const StatusAnswer = z
  .strictObject({
    ...ReadyAnswer.shape,
    epoch: z.int(),
    commandsPerSecond: z.number().describe("decided by all shards, since the last look"),
    decisionsPerSecond: z.number(),
    decisionMs: z.strictObject({ p50: z.number(), p99: z.number() }),
    levelsPerSecond: z.number(),
    readers: z.int(),
    uptimeS: z.number(),
  })
  .meta({ id: "Status" });

export function systemRoutes(edge: Edge): Route[] {
  return [alive(), ready(edge), status(edge), metrics(edge)];
}

function alive(): Route {
  return {
    method: "GET",
    path: "/healthz",
    name: "healthz",
    tag: "system",
    summary: "This process is alive",
    answers: { 200: { description: "alive", schema: z.strictObject({ alive: z.literal(true) }) } },
    handle: (c) => replyJson(c, 200, { alive: true }),
  };
}

function ready(edge: Edge): Route {
  return {
    method: "GET",
    path: "/readyz",
    name: "readyz",
    tag: "system",
    summary:
      "Whether writes can be decided: NATS answers with the log of this edge, and every shard has an owner",
    description:
      "503 when not. Redis or Postgres away is told but does not make it unready: writes and " +
      "(stale) reads go on.",
    answers: {
      200: { description: "ready", schema: ReadyAnswer },
      503: { description: "not ready", schema: ReadyAnswer },
    },
    async handle(c) {
      const state = await readiness(edge);
      return replyJson(c, state.ready ? 200 : 503, state);
    },
  };
}

function status(edge: Edge): Route {
  const rate = commandRate();
  return {
    method: "GET",
    path: "/v1/status",
    name: "getStatus",
    tag: "system",
    summary: "Health of parts and shards, and this edge's own figures of the last ten seconds",
    answers: { 200: { description: "status", schema: StatusAnswer } },
    async handle(c) {
      const state = await readiness(edge);
      const figures = edge.metrics.figures(performance.now());
      return replyJson(c, 200, {
        ...state,
        epoch: edge.decider.epoch,
        commandsPerSecond: rate(state.shards.list, performance.now()),
        ...figures,
        uptimeS: Math.round(process.uptime()),
      });
    },
  };
}

function metrics(edge: Edge): Route {
  return {
    method: "GET",
    path: "/metrics",
    name: "metrics",
    tag: "system",
    summary: "Metrics for Prometheus: of this edge and of the stock and forecast processes",
    description:
      "The processes are asked over NATS; those that answered before are waited for, half a second at most. " +
      "Those that do not answer are left out. Each sample names its `role` and `process`.",
    answers: { 200: { description: "metrics", contentType: "text/plain" } },
    async handle(c) {
      const { registry } = edge.metrics;
      const texts = await Promise.all([registry.metrics(), edge.health.metrics()]);
      return reply(c, 200, registry.contentType, joinMetrics(texts.flat()));
    },
  };
}

async function readiness(edge: Edge) {
  const [nats, postgres, redis, topology, list] = await Promise.all([
    safely(edge.health.nats()),
    safely(edge.health.postgres()),
    safely(edge.health.redis()),
    safely(edge.health.topology()),
    edge.health.shards().catch((): ShardStatus[] => []),
  ]);
  const owned = list.filter(isAtWork).length;
  const total = edge.decider.shards;
  return {
    ready: nats.ok && topology.ok && owned === total,
    parts: { nats, postgres, redis, topology },
    shards: { total, owned, list },
  };
}

/** Commands per second of all shards between two looks at least a second apart; a shard that moved counts 0. */
function commandRate(): (list: readonly ShardStatus[], nowMs: number) => number {
  let last: { atMs: number; byShard: Map<number, number> } | undefined;
  let perSecond = 0;
  return (list, nowMs) => {
    const sinceMs = last === undefined ? 0 : nowMs - last.atMs;
    if (last !== undefined && sinceMs < 1_000) return perSecond;
    let decided = 0;
    for (const { shard, commands = 0 } of list) {
      decided += Math.max(0, commands - (last?.byShard.get(shard) ?? commands));
    }
    perSecond = sinceMs === 0 ? 0 : Math.round((decided * 10_000) / sinceMs) / 10;
    last = { atMs: nowMs, byShard: new Map(list.map((one) => [one.shard, one.commands ?? 0])) };
    return perSecond;
  };
}

/** Whether somebody decides for the shard now. */
function isAtWork({ owner, state }: ShardStatus): boolean {
  return owner !== undefined && (state === "running" || state === "draining");
}

async function safely(part: Promise<PartHealth>): Promise<PartHealth> {
  try {
    return await part;
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
