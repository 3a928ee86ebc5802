// The entry of a worker thread that runs stock shards: connections of its own, the stock machine, and the
// supervisor's requests.
import { parentPort } from "node:worker_threads";
import { serveThread, threadData } from "../runtime/thread.ts";
import { openStockThread, type StockThreadData } from "./thread.ts";

if (parentPort === null) throw new Error("Cannot run: this file is the entry of a worker thread");
const { openShard, close } = await openStockThread(await threadData<StockThreadData>(parentPort));
serveThread(parentPort, openShard, close);
