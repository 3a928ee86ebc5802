// A worker for thread_host.test.ts: shards that do nothing, except 13, which kills its thread.

import { parentPort } from "node:worker_threads";
import { emptyStatus } from "../../../actors/runtime/shard_host.ts";
import { serveThread, threadData } from "../../../actors/runtime/thread.ts";

if (parentPort === null) throw new Error("Cannot run: this file is the entry of a worker thread");
await threadData(parentPort);
serveThread(
  parentPort,
  async (shard, onEnd) => {
    if (shard === 12) throw new Error("shard 12 cannot be restored");
    if (shard === 13) setTimeout(() => process.exit(9), 20);
    if (shard === 14) setTimeout(() => onEnd({ shard, reason: "fenced", detail: "by test" }), 20);
    return {
      status: () => ({ ...emptyStatus(shard), state: "running", commands: shard }),
      drain: async () => {},
      abandon: async () => {},
    };
  },
  async () => {},
);
