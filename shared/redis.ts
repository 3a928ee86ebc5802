// Owns connections to Redis: quick reconnects, no queue while it is away (callers are told at once and
// decide themselves), one typed error.

import { Redis } from "ioredis";
import { describeError, OnhandError } from "./errors.ts";

export type { Redis };

const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 1_000;

/** How to connect; times in milliseconds. */
export type RedisOptions = { name: string; commandTimeoutMs?: number };

/**
 * Connects in the background and for ever; commands sent while it is away fail at once.
 * @param url `redis://host:port[/db]`
 */
export function connectRedis(url: string, { name, commandTimeoutMs = 2_000 }: RedisOptions): Redis {
  const redis = new Redis(url, {
    connectionName: name,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(RECONNECT_MS_MIN * attempt, RECONNECT_MS_MAX),
  });
  // Each failed attempt is an event; who uses the connection learns of it by its own call.
  redis.on("error", () => {});
  return redis;
}

/** Waits until `redis` answers. @throws OnhandError `registry_unavailable` after `timeoutMs`, with what was wrong last */
export async function redisReady(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === "ready") return;
  let why = `no answer in ${timeoutMs} ms`;
  const onError = (error: unknown) => {
    why = describeError(error);
  };
  redis.on("error", onError);
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => {
      redis.off("ready", done);
      const { host, port } = redis.options;
      const message = `Cannot reach Redis at ${host}:${port}: ${why}`;
      reject(new OnhandError("registry_unavailable", message, { retryable: true }));
    }, timeoutMs);
    const done = () => {
      clearTimeout(late);
      resolve();
    };
    redis.once("ready", done);
  }).finally(() => redis.off("error", onError));
}

/** Redis's refusal or absence as an operating error. */
export function redisError(action: string, error: unknown): OnhandError {
  return new OnhandError("registry_unavailable", `Cannot ${action}: ${describeError(error)}`, {
    retryable: true,
    cause: error,
  });
}
