// Reads the registry in Redis for the benches: the version of one key as fast as may be, and all of it
// for the comparison with the ledger.

import type { Level } from "../../shared/messages.ts";
import { connectRedis, redisReady } from "../../shared/redis.ts";
import { LevelRegistry } from "../../shared/registry.ts";
import { VERSION_LENGTH } from "../../shared/version.ts";
import { toToken } from "../../streams/subjects.ts";

export type RegistryReader = {
  /** The version that stands there now, unparsed; undefined when there is none. */
  version(sku: string, location: string): Promise<string | undefined>;
  all(): AsyncGenerator<Level[]>;
  close(): Promise<void>;
};

/** @throws OnhandError `registry_unavailable`. */
export async function openRegistryReader(url: string): Promise<RegistryReader> {
  const redis = connectRedis(url, { name: "bench", commandTimeoutMs: 60_000 });
  await redisReady(redis, 5_000);
  const registry = new LevelRegistry(redis);
  return {
    version: async (sku, location) => {
      const value = await redis.hget(`onhand:stock:${toToken(sku)}`, toToken(location));
      return value?.slice(0, VERSION_LENGTH);
    },
    all: () => registry.scan(),
    close: async () => {
      redis.disconnect();
    },
  };
}
