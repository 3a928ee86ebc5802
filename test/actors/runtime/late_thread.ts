// A worker for thread_host.test.ts: the first one started hangs before it is ready, later ones do not.

import { parentPort } from "node:worker_threads";
import { emptyStatus } from "../../../actors/runtime/shard_host.ts";
import { serveThread, threadData } from "../../../actors/runtime/thread.ts";

if (parentPort === null) throw new Error("Cannot run: this file is the entry of a worker thread");
const isFirst = Atomics.add(await threadData<Int32Array>(parentPort), 0, 1) === 0;
if (isFirst) setInterval(() => {}, 1_000);
else
  serveThread(
    parentPort,
    async (shard) => ({
      status: () => ({ ...emptyStatus(shard), state: "running" }),
      drain: async () => {},
      abandon: async () => {},
    }),
    async () => {},
  );
