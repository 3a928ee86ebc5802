// Owns where a running system answers: addresses in the settings, or in endpoints.json of its data directory.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Config } from "./config.ts";
import { OnhandError } from "./errors.ts";

/** Where a running system answers. `http` is absent while only its servers run. */
export type Endpoints = { http?: string; nats: string; postgres: string; redis: string };

/** The file in the data directory that tells where a running system answers. */
export const endpointsFile = (data: string): string => join(data, "endpoints.json");

const endpointsSchema = z.object({
  http: z.string().optional(),
  nats: z.string(),
  postgres: z.string(),
  redis: z.string(),
});

/**
 * The addresses of a running system: those in the settings, the rest from `data`/endpoints.json.
 * @throws OnhandError `not_running` when one is in neither.
 */
export function findEndpoints(
  config: Pick<Config, "data" | "natsUrl" | "databaseUrl" | "redisUrl">,
): Endpoints {
  const file = readEndpoints(config.data);
  const nats = config.natsUrl ?? file?.nats;
  const postgres = config.databaseUrl ?? file?.postgres;
  const redis = config.redisUrl ?? file?.redis;
  if (nats === undefined || postgres === undefined || redis === undefined) {
    throw new OnhandError(
      "not_running",
      `Cannot find a running system: no ${endpointsFile(config.data)}. Start one with "npm start", ` +
        "give its --data directory, or set ONHAND_NATS_URL, ONHAND_DATABASE_URL and ONHAND_REDIS_URL",
      { fields: { data: config.data } },
    );
  }
  return { ...(file?.http === undefined ? {} : { http: file.http }), nats, postgres, redis };
}

/** What endpoints.json of a data directory says, or undefined when there is none that can be read. */
export function readEndpoints(data: string): Endpoints | undefined {
  const path = endpointsFile(data);
  if (!existsSync(path)) return undefined;
  try {
    const parsed = endpointsSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? (parsed.data as Endpoints) : undefined;
  } catch {
    return undefined;
  }
}
