// Owns asking the parts of the system how they are: NATS, Postgres and Redis by a round trip, the stock
// processes by a question on `onhand.stock.status` that each of them answers with its shards.

import type { NatsConnection } from "@nats-io/transport-node";
import { HEALTH_ANSWER_WAIT_MS, HEALTH_TIMEOUT_MS } from "../shared/limits.ts";
import type { Database } from "../shared/postgres.ts";
import type { Redis } from "../shared/redis.ts";
import { askAll } from "./ask_all.ts";
import type { HealthPort, PartHealth, ShardStatus } from "./ports.ts";
import { processMetrics } from "./process_metrics.ts";
import type { TopologyWatch } from "./topology_watch.ts";

/** Where stock processes are asked which shards they run. */
const STATUS_SUBJECT = "onhand.stock.status";

export function healthOf(
  nc: NatsConnection,
  database: Database,
  redis: Redis,
  shards: number,
  watch: TopologyWatch,
): HealthPort {
  return {
    nats: () => timed(() => nc.flush()),
    postgres: () => timed(() => database.run((sql) => sql`select 1`, HEALTH_TIMEOUT_MS)),
    redis: () => timed(() => redis.ping()),
    topology: async () => isSame(watch, await timed(() => watch.check())),
    shards: () => askShards(nc, shards),
    metrics: processMetrics(nc),
  };
}

/** A record that cannot be read just now is no other one. */
const isSame = ({ fault }: TopologyWatch, read: PartHealth): PartHealth =>
  fault === undefined ? { ...read, ok: true } : { ok: false, detail: fault };

/** How long `work` took; not ok when it fails or takes longer than HEALTH_TIMEOUT_MS. */
async function timed(work: () => Promise<unknown>): Promise<PartHealth> {
  const started = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${HEALTH_TIMEOUT_MS} ms`)),
      HEALTH_TIMEOUT_MS,
    );
  });
  try {
    await Promise.race([work(), late]);
    return { ok: true, latencyMs: Math.round((performance.now() - started) * 1_000) / 1_000 };
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** Asks all stock processes at once; waits until every shard is told of, or for HEALTH_ANSWER_WAIT_MS. */
async function askShards(nc: NatsConnection, shards: number): Promise<ShardStatus[]> {
  const told = new Map<number, ShardStatus>();
  await askAll(nc, STATUS_SUBJECT, HEALTH_ANSWER_WAIT_MS, (data) => {
    for (const status of statusesIn(data)) told.set(status.shard, status);
    return told.size >= shards;
  });
  return unowned(shards, told);
}

function unowned(shards: number, told: ReadonlyMap<number, ShardStatus>): ShardStatus[] {
  return Array.from({ length: shards }, (_, shard) => told.get(shard) ?? { shard });
}

/** The shards a stock process answers with: `{ name, shards: [{ shard, state, lag, halted? }] }`. */
function statusesIn(data: Uint8Array): ShardStatus[] {
  let answer: { name?: unknown; shards?: unknown };
  try {
    answer = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return [];
  }
  if (typeof answer !== "object" || answer === null || !Array.isArray(answer.shards)) return [];
  const owner = String(answer.name ?? "a stock process");
  return answer.shards.flatMap((one: unknown) => {
    const { shard, state, lag, halted, commands } = one as Record<string, unknown>;
    if (typeof shard !== "number") return [];
    return [
      {
        shard,
        owner,
        ...(typeof state === "string" ? { state } : {}),
        ...(typeof lag === "number" ? { lag } : {}),
        ...(typeof commands === "number" ? { commands } : {}),
        ...(typeof halted === "string" ? { halted } : {}),
      },
    ];
  });
}
