// A shard on real servers for tests of the runner: its own stream, database and Redis, any number of runners.

import { AckedPublisher } from "../../../../actors/runtime/effect_publisher.ts";
import type { MachineFactory } from "../../../../actors/runtime/machine.ts";
import type { RunnerPorts } from "../../../../actors/runtime/ports.ts";
import { realPorts } from "../../../../actors/runtime/real_ports.ts";
import { Runner } from "../../../../actors/runtime/runner.ts";
import type { RunnerEvents, RunnerOptions } from "../../../../actors/runtime/runner_types.ts";
import { Gate } from "../../../../shared/gate.ts";
import { migrate } from "../../../../shared/migrate.ts";
import { Database } from "../../../../shared/postgres.ts";
import { connectRedis, type Redis, redisReady } from "../../../../shared/redis.ts";
import { LevelRegistry } from "../../../../shared/registry.ts";
import { connectNats, type NatsConnection } from "../../../../streams/connection.ts";
import { createPublisher, type Publisher } from "../../../../streams/publisher.ts";
import { applyTopology } from "../../../../streams/topology.ts";
import { countingMachine } from "../../../support/counting_machine.ts";
import { freshDatabase, freshRedis, privateNats } from "../../../support/servers.ts";

export type House = Awaited<ReturnType<typeof openHouse>>;
export const EPOCH = 1;

export type Started = { runner: Runner; ports: RunnerPorts; ended: string[]; logs: string[] };

export async function openHouse(
  given: { nats?: string; postgres?: string; redis?: string; shards?: number } = {},
) {
  const shards = given.shards ?? 1;
  const server = given.nats === undefined ? await privateNats() : undefined;
  const natsUrl = given.nats ?? (server?.url as string);
  const fresh = given.postgres === undefined ? await freshDatabase() : undefined;
  const postgresUrl = given.postgres ?? (fresh?.url as string);
  const redisUrl = given.redis ?? (await freshRedis());
  const nc = await connectNats(natsUrl, { name: "house", waitMs: 5_000 });
  await applyTopology(nc, { shards });
  const database = new Database(postgresUrl, {
    connectionsMax: 4,
    name: "house",
    timeLimitMs: 5_000,
  });
  await migrate(database);
  const redis: Redis = connectRedis(redisUrl, { name: "house", commandTimeoutMs: 500 });
  await redisReady(redis, 5_000);
  const registry = new LevelRegistry(redis);
  const publisher: Publisher = createPublisher(nc, { epoch: EPOCH, shards });
  const runners: Runner[] = [];
  const connections: NatsConnection[] = [];
  let owners = 0;

  return {
    nc,
    nats: server,
    natsUrl,
    postgresUrl,
    redisUrl,
    database,
    redis,
    registry,
    publisher,
    shards,
    /** Starts a runner of shard 0; `wrap` may put something between it and the world. */
    async start(
      options: Partial<RunnerOptions> & {
        factory?: MachineFactory;
        wrap?: (ports: RunnerPorts) => RunnerPorts;
        events?: RunnerEvents;
      } = {},
    ): Promise<Started> {
      const { factory = countingMachine, wrap = (ports) => ports, events = {}, ...rest } = options;
      const own = await connectNats(natsUrl, { name: "runner", waitMs: 5_000 });
      connections.push(own);
      const shard = rest.shard ?? 0;
      const logs: string[] = [];
      const note = (level: string) => (fields: Record<string, unknown>, text: string) => {
        logs.push(`${level}: ${text} ${JSON.stringify(fields)}`);
      };
      const journal = { info: note("info"), warn: note("warn"), error: note("error") };
      const tables = factory.tables;
      const of = {
        nc: own,
        publisher: new AckedPublisher(own),
        commits: new Gate(1),
        database,
        registry,
        journal,
        tables,
        epoch: EPOCH,
        shard,
        shards,
      };
      const ports = wrap(realPorts(of));
      const ended: string[] = [];
      const runner = new Runner(
        ports,
        factory,
        {
          epoch: EPOCH,
          shard,
          shards,
          identityDays: 90,
          owner: `owner-${++owners}`,
          commitIntervalMs: 20,
          checkpointIntervalMs: 200,
          keepLogDays: 7,
          ...rest,
        },
        {
          ...events,
          onEnd: (state, why) => {
            ended.push(`${state}: ${why.reason}: ${why.message}`);
            events.onEnd?.(state, why);
          },
        },
      );
      runners.push(runner);
      await runner.start();
      return { runner, ports, ended, logs };
    },
    async close(): Promise<void> {
      for (const runner of runners) runner.kill();
      await publisher.close(100);
      for (const connection of connections) await connection.close();
      await nc.close();
      redis.disconnect();
      await database.close();
      await server?.stop();
      await fresh?.drop();
    },
  };
}

/** Waits until `isSo`, at most `limitMs`. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    if (await isSo()) return;
    if (performance.now() > endMs) throw new Error(`Not so after ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
