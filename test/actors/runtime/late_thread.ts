// A worker for thread_host.test.ts: the first one started hangs before it is ready, later ones do not.

import { parentPort, workerData } from "node:worker_threads";
import { emptyStatus } from "../../../actors/runtime/shard_host.ts";
import { serveThread } from "../../../actors/runtime/thread.ts";

const isFirst = Atomics.add(workerData as Int32Array, 0, 1) === 0;
if (isFirst) setInterval(() => {}, 1_000);
else if (parentPort !== null)
  serveThread(
    parentPort,
    async (shard) => ({
      status: () => ({ ...emptyStatus(shard), state: "running" }),
      drain: async () => {},
      abandon: async () => {},
    }),
    async () => {},
  );
