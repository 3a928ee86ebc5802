// Reads all of the registry in Redis for the benches, for the comparison with the ledger.

import type { Level } from "../../shared/decisions.ts";
import { connectRedis, redisReady } from "../../shared/redis.ts";
import { LevelRegistry } from "../../shared/registry.ts";

export type RegistryReader = {
  all(): AsyncGenerator<Level[]>;
  close(): Promise<void>;
};

/** @throws OnhandError `registry_unavailable`. */
export async function openRegistryReader(url: string): Promise<RegistryReader> {
  const redis = connectRedis(url, { name: "bench", commandTimeoutMs: 60_000 });
  await redisReady(redis, 5_000);
  const registry = new LevelRegistry(redis);
  return {
    all: () => registry.scan(),
    close: async () => {
      redis.disconnect();
    },
  };
}
