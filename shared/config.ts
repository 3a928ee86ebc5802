// Owns reading the settings: the environment is read once, here, into a frozen Config. All faults are told together.

import { availableParallelism, hostname } from "node:os";
import { resolve } from "node:path";
import type { z } from "zod";
import { OnhandError } from "./errors.ts";
import { SETTINGS, type Setting } from "./settings.ts";

type Settings = typeof SETTINGS;
type Value<K extends keyof Settings> = z.output<Settings[K]["schema"]>;
type Reckoned = "threads" | "forecastThreads" | "name";
type Optional = Exclude<
  { [K in keyof Settings]: Settings[K]["fallback"] extends string ? never : K }[keyof Settings],
  Reckoned
>;

/** All settings, checked. Addresses are absent unless given: see findEndpoints(). */
export type Config = Readonly<
  { [K in Exclude<keyof Settings, Optional>]: Value<K> } & { [K in Optional]?: Value<K> }
>;

/** Settings given by hand, most often from the command line; they beat the environment. */
export type Overrides = { [K in keyof Settings]?: string | number | undefined };

/**
 * Reads the settings out of `env`. Empty values count as unset.
 * @throws OnhandError `bad_config`, one message telling every fault.
 */
export function loadConfig(
  env: Record<string, string | undefined> = process.env,
  overrides: Overrides = {},
): Config {
  const config: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [key, setting] of Object.entries(SETTINGS) as [keyof Settings, Setting][]) {
    const override = overrides[key];
    const given = override === undefined ? env[setting.name] || undefined : String(override);
    const raw = given ?? setting.fallback;
    if (raw === undefined) continue;
    const result = setting.schema.safeParse(raw);
    if (result.success) config[key] = result.data;
    else faults.push(`${setting.name}=${shown(key, raw)}: ${reason(result.error)}`);
  }
  if (faults.length > 0) {
    const known = Object.values(SETTINGS).map((setting) => setting.name);
    const message = `Cannot read the settings: ${faults.join("; ")}`;
    throw new OnhandError("bad_config", message, { fields: { faults, known } });
  }
  config.data = resolve(String(config.data));
  config.threads ??= Math.max(1, availableParallelism() - 1);
  config.forecastThreads ??= Math.max(1, availableParallelism() - 1);
  config.name ??= `${hostname()
    .replaceAll(/[^A-Za-z0-9_-]/g, "-")
    .slice(0, 48)}-${process.pid}`;
  return Object.freeze(config) as Config;
}

function reason(error: z.ZodError): string {
  return [...new Set(error.issues.map((issue) => issue.message))].join(", ");
}

/** Secrets are not repeated in messages; where one begins and ends in an address that is wrong, nobody knows. */
function shown(key: string, raw: string): string {
  if (key === "httpToken") return "(hidden)";
  if (!key.endsWith("Url")) return raw;
  return `${/^[a-z]{1,10}:\/\//i.exec(raw)?.[0] ?? ""}(hidden)`;
}
