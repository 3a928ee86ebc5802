import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../shared/config.ts";
import { endpointsFile, findEndpoints, readEndpoints } from "../../shared/endpoints.ts";
import { OnhandError } from "../../shared/errors.ts";
import { SETTINGS, settingsTable } from "../../shared/settings.ts";
import { privateDir } from "../support/servers.ts";

test("loadConfig() of nothing has every default", () => {
  const config = loadConfig({});
  expect(config).toMatchObject({
    data: resolve(".data"),
    host: "127.0.0.1",
    port: 3030,
    natsSync: "default",
    commitIntervalMs: 250,
    checkpointIntervalMs: 5000,
    keepLogDays: 7,
    identityDays: 90,
    window: "day",
    windowGraceMinutes: 60,
    leadTimeDays: 7,
    logLevel: "info",
    debug: false,
  });
  expect(config.threads).toBeGreaterThanOrEqual(1);
  expect(config.name).toMatch(/^[A-Za-z0-9_-]+-\d+$/);
  expect(config.natsUrl).toBeUndefined();
  expect(Object.isFrozen(config)).toBe(true);
});

test.each([
  ["ONHAND_NATS_URL", "nats://u:one@a,nats://u:secret@b/x", "nats://(hidden)"],
  ["ONHAND_NATS_URL", "u:secret@b", "(hidden)"],
  ["ONHAND_NATS_URL", "ws://u:secret@b:8080", "ws://(hidden)"],
  ["ONHAND_NATS_URL", "nats://a:4222,wss://u:secret@b", "nats://(hidden)"],
  ["ONHAND_DATABASE_URL", "postgres://u:pa/secret@h/db", "postgres://(hidden)"],
  ["ONHAND_REDIS_URL", "redis://:se/secret@h", "redis://(hidden)"],
  ["ONHAND_NATS_URL", "nats://u:100%secret@h", "nats://(hidden)"],
  ["ONHAND_DATABASE_URL", "postgres://u:100%secret@h/db", "postgres://(hidden)"],
])("loadConfig() repeats of a wrong %s=%s only its scheme", (name, raw, shown) => {
  const fault = (() => {
    try {
      return loadConfig({ [name]: raw });
    } catch (error) {
      return error;
    }
  })();
  expect(fault).toBeInstanceOf(OnhandError);
  expect((fault as OnhandError).message).toContain(`${name}=${shown}: expected`);
  expect((fault as OnhandError).message).not.toContain("secret");
});

test("loadConfig() reads the environment, takes empty for unset, and lets overrides win", () => {
  const env = { ONHAND_PORT: "4000", ONHAND_SHARDS: "16", ONHAND_NAME: "", ONHAND_THREADS: "0" };
  const config = loadConfig(env, { port: "5000", data: "/somewhere", shards: undefined });
  expect(config).toMatchObject({ port: 5000, shards: 16, threads: 0, data: "/somewhere" });
  expect(config.name).not.toBe("");
});

test("loadConfig() tells all faults together, and no secrets", () => {
  const env = {
    ONHAND_PORT: "70000",
    ONHAND_NATS_SYNC: "sometimes",
    ONHAND_NATS_URL: "localhost",
    ONHAND_DATABASE_URL: "mysql://root:hunter2@db/onhand",
    ONHAND_HTTP_TOKEN: "tooshort",
    ONHAND_LEASE_TTL_MS: "2s",
  };
  const fault = (() => {
    try {
      return loadConfig(env);
    } catch (error) {
      return error;
    }
  })() as OnhandError;
  expect(fault).toBeInstanceOf(OnhandError);
  expect(fault.code).toBe("bad_config");
  for (const name of Object.keys(env)) expect(fault.message).toContain(name);
  expect(fault.message).not.toContain("hunter2");
  expect(fault.message).not.toContain("tooshort");
});

test.each([
  ["ONHAND_NATS_URL", "nats://a:4222,nats://user:secret@b:4222"],
  ["ONHAND_NATS_URL", "tls://user:secret@b:4222"],
  ["ONHAND_DATABASE_URL", "postgresql://u:p@db.example:5432/onhand?sslmode=require"],
  ["ONHAND_REDIS_URL", "rediss://:secret@cache.example:6380/2"],
])("loadConfig() takes %s=%s", (name, value) => {
  expect(Object.values(loadConfig({ [name]: value }))).toContain(value);
});

test.each([
  ["ONHAND_SHARDS", "0"],
  ["ONHAND_SHARDS", "8.5"],
  ["ONHAND_SHARDS", "1e1"],
  ["ONHAND_KEEP_LOG_DAYS", "-1"],
  ["ONHAND_NAME", "two words"],
  ["ONHAND_REPLICAS", " 3"],
])("loadConfig() refuses %s=%j", (name, value) => {
  expect(() => loadConfig({ [name]: value })).toThrow(`${name}=${value}: expected`);
});

test("findEndpoints() reads endpoints.json, and the environment beats it", () => {
  const data = privateDir();
  const file = { http: "http://h", nats: "nats://f", postgres: "postgres://f", redis: "redis://f" };
  writeFileSync(endpointsFile(data), JSON.stringify({ ...file, pid: 12 }));
  expect(findEndpoints(loadConfig({}, { data }))).toEqual(file);
  const config = loadConfig({ ONHAND_NATS_URL: "nats://env:4222" }, { data });
  expect(findEndpoints(config)).toEqual({ ...file, nats: "nats://env:4222" });
});

test("findEndpoints() without a running system says how to get one", () => {
  const data = privateDir();
  expect(() => findEndpoints(loadConfig({}, { data }))).toThrow(
    `Cannot find a running system: no ${endpointsFile(data)}. Start one with "npm start"`,
  );
  mkdirSync(join(data, "sub"));
  writeFileSync(endpointsFile(data), '{"nats": 1');
  expect(readEndpoints(data)).toBeUndefined();
});

test("settingsTable() has a row for every setting", () => {
  const table = settingsTable();
  for (const setting of Object.values(SETTINGS)) expect(table).toContain(`| \`${setting.name}\` |`);
  expect(table.split("\n")).toHaveLength(Object.keys(SETTINGS).length + 2);
});
