// What a stock role begins with before there are servers, and before the rest of it is loaded.
import { warmThreads } from "../runtime/thread_host.ts";

/** The entry of the threads that fold shards. */
export const STOCK_THREAD = new URL("./worker.ts", import.meta.url);

/** Begins to load the programs of the threads; `startStockRole` takes them over. */
export function warmStock(threads: number): void {
  warmThreads(STOCK_THREAD, threads);
}
