// The `onhand` program. It only turns on the cache of compiled sources, which halves the time to load
// them, and hands over: what is imported before that would not be cached.
import * as module from "node:module";
import { join } from "node:path";

const cacheDir = join(import.meta.dirname, "..", ".cache", "compiled");
// Deno has a cache of its own and no such function; where nothing can be written, nothing is cached.
module.enableCompileCache?.(cacheDir);
process.env.NODE_COMPILE_CACHE ??= cacheDir;

const { main } = await import("./dispatcher.ts");
await main(process.argv.slice(2));
