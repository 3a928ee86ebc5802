// A worker for broken.test.ts: two shards on real servers, with a machine that breaks an invariant each time.
import { parentPort } from "node:worker_threads";
import { shardOpener } from "../../../actors/runtime/open_shard.ts";
import { serveThread, threadData } from "../../../actors/runtime/thread.ts";
import { Database } from "../../../shared/postgres.ts";
import { connectRedis } from "../../../shared/redis.ts";
import { LevelRegistry } from "../../../shared/registry.ts";
import { connectNats } from "../../../streams/connection.ts";
import { oddMachine } from "./support/odd_machine.ts";

if (parentPort === null) throw new Error("Cannot run: this file is the entry of a worker thread");
type Urls = { natsUrl: string; postgresUrl: string; redisUrl: string };
const { natsUrl, postgresUrl, redisUrl } = await threadData<Urls>(parentPort);
const nc = await connectNats(natsUrl, { name: "thread", waitMs: 5_000 });
const database = new Database(postgresUrl, { connectionsMax: 3, name: "thread" });
const redis = connectRedis(redisUrl, { name: "thread" });
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const openShard = shardOpener({
  nc,
  database,
  registry: new LevelRegistry(redis),
  factory: oddMachine(Number.POSITIVE_INFINITY),
  journal: () => quiet,
  epoch: 1,
  shards: 2,
  owner: "thread",
  identityDays: 90,
  commitIntervalMs: 20,
  checkpointIntervalMs: 200,
  keepLogDays: 7,
});
serveThread(parentPort, openShard, async () => {
  redis.disconnect();
  await database.close();
  await nc.close();
});
