// The live feed over a real NATS, Redis and listener: filters, resuming, resets, slow readers. Levels
// are published by the test, as an actor publishes them.
import { connect as connectSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type RunningHttp, startHttpRole } from "../../http/http_role.ts";
import { loadConfig } from "../../shared/config.ts";
import type { Level } from "../../shared/decisions.ts";
import { connectRedis, redisReady } from "../../shared/redis.ts";
import { LevelRegistry } from "../../shared/registry.ts";
import { formatVersion } from "../../shared/version.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { partition } from "../../streams/partition.ts";
import { bundleSubject, levelSubject, toToken } from "../../streams/subjects.ts";
import { applyTopology } from "../../streams/topology.ts";
import { freshRedis, privateNats, sharedServers } from "../support/servers.ts";
import { SseReader } from "./support/sse_reader.ts";

const SHARDS = 4;
let nats: Awaited<ReturnType<typeof privateNats>>;
let nc: NatsConnection;
let redisUrl: string;
let registry: LevelRegistry;
let http: RunningHttp;
const closers: (() => unknown)[] = [];
const readers: SseReader[] = [];
const seqs = new Array<number>(SHARDS).fill(0);

beforeAll(async () => {
  nats = await privateNats({ shards: SHARDS, epoch: 1 });
  nc = await connectNats(nats.url, { name: "test" });
  await applyTopology(nc, { shards: SHARDS });
  redisUrl = await freshRedis();
  const redis = connectRedis(redisUrl, { name: "test" });
  await redisReady(redis, 5_000);
  registry = new LevelRegistry(redis);
  http = await startEdge();
  closers.push(
    () => http.stop(),
    () => redis.disconnect(),
    () => nc.close(),
    () => nats.stop(),
  );
  await sleep(1_200); // until the feed knows from where on it is whole
});
afterAll(async () => {
  for (const close of closers) await close();
});
afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
});

function startEdge(redis = redisUrl): Promise<RunningHttp> {
  const config = loadConfig({ ONHAND_PORT: "0", ONHAND_NAME: "test", ONHAND_LOG_LEVEL: "silent" });
  return startHttpRole({
    config,
    endpoints: { nats: nats.url, postgres: sharedServers().postgres, redis },
    topology: { epoch: 1, shards: SHARDS },
  });
}

async function open(query: string, lastId?: string, url = http.url): Promise<SseReader> {
  const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
  const reader = await SseReader.open(`${url}/v1/live${query}`, headers);
  readers.push(reader);
  await reader.until((one) => one.events.length > 0);
  return reader;
}

function levelOf(sku: string, available: number, location: string, seq?: number): Level {
  const shard = partition(toToken(sku), SHARDS);
  if (seq === undefined) seqs[shard] = (seqs[shard] ?? 0) + 1;
  return {
    sku,
    location,
    onHand: available,
    sellable: available,
    unavailable: {},
    reserved: 0,
    available,
    oversold: 0,
    backordered: 0,
    inTransit: 0,
    onOrder: 0,
    atp: { default: available },
    inventoryPosition: available,
    version: formatVersion(1, seq ?? seqs[shard] ?? 0, 0),
    updatedAt: "2026-01-01T00:00:00.000Z",
  };
}

/** As the runner does: registry and watermark, and the message. */
async function tell(level: Level, options: { registry?: boolean } = {}): Promise<Level> {
  const shard = partition(toToken(level.sku), SHARDS);
  if (options.registry !== false) {
    const write = {
      skuToken: toToken(level.sku),
      locationToken: toToken(level.location),
      version: level.version,
      json: JSON.stringify(level),
    };
    await registry.write({ epoch: 1, shard }, [write], seqs[shard]);
  }
  nc.publish(levelSubject(level.location, level.sku), JSON.stringify(level));
  await nc.flush();
  return level;
}

test("sends levels as they change, whole, with an id to resume from", async () => {
  const reader = await open("");
  const level = await tell(levelOf("a.b *", 5, "north"));
  await reader.until((one) => one.levels.length === 1);
  expect(reader.levels[0]).toEqual(level);
  expect(reader.lastId).toMatch(/^1(~[0-9a-z.]*){4}$/);
});

test("HEAD adds no reader", async () => {
  const readers = async () => {
    const text = await (await fetch(`${http.url}/metrics`)).text();
    return /^onhand_live_readers_count\S* (\d+)$/m.exec(text)?.[1];
  };
  // Those of the test before leave when their connections are gone.
  while ((await readers()) !== "0") await sleep(20);
  for (let i = 0; i < 5; i++) {
    const answer = await fetch(`${http.url}/v1/live`, { method: "HEAD" });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
  }
  expect(await readers()).toBe("0");
});

test("filters by SKU and by location, several of each", async () => {
  const bySku = await open("?sku=F1&sku=F2");
  const byLocation = await open("?location=west");
  const byBoth = await open("?sku=F1&location=west");
  for (const [sku, location] of [
    ["F1", "east"],
    ["F2", "west"],
    ["F3", "west"],
    ["F1", "west"],
    ["F3", "east"],
  ] as const) {
    await tell(levelOf(sku, 1, location));
  }
  await byLocation.until((one) => one.levels.length === 3);
  await bySku.until((one) => one.levels.length === 3);
  await byBoth.until((one) => one.levels.length === 1);
  await sleep(50);
  const keys = (reader: SseReader) =>
    reader.levels.map((level) => `${level.sku} ${level.location}`);
  expect(keys(bySku)).toEqual(["F1 east", "F2 west", "F1 west"]);
  expect(keys(byLocation)).toEqual(["F2 west", "F3 west", "F1 west"]);
  expect(keys(byBoth)).toEqual(["F1 west"]);
});

test("with SKUs the present levels come first", async () => {
  await tell(levelOf("present", 7, "north"));
  const reader = await open("?sku=present");
  await reader.until((one) => one.levels.length > 0);
  expect(reader.levels[0]).toMatchObject({ sku: "present", available: 7 });
});

test("a reader that comes back gets what it missed, the newest of each key, and goes on", async () => {
  const first = await open("");
  await tell(levelOf("R1", 1, "north"));
  await first.until((one) => one.levels.some((level) => level.sku === "R1"));
  await sleep(1_100); // until the id has passed that level
  const id = first.lastId;
  first.close();
  for (const available of [2, 3]) await tell(levelOf("R1", available, "north"));
  await tell(levelOf("R2", 9, "north"));
  const second = await open("", id);
  await second.until((one) => one.levels.length >= 2);
  expect(second.events.some((one) => one.event === "reset")).toBe(false);
  expect(second.levels.map((level) => [level.sku, level.available])).toEqual([
    ["R1", 3],
    ["R2", 9],
  ]);
  await tell(levelOf("R3", 4, "north"));
  await second.until((one) => one.levels.length === 3);
});

test("another edge resumes from the same id", async () => {
  const first = await open("");
  await tell(levelOf("E1", 1, "north"));
  await first.until((one) => one.levels.length > 0);
  const other = await startEdge();
  closers.unshift(() => other.stop());
  await sleep(2_200); // both ids have passed, and the other knows from where on it is whole
  const id = first.lastId;
  first.close();
  await tell(levelOf("E1", 2, "north"));
  const second = await open("", id, other.url);
  await second.until((one) => one.levels.length >= 1);
  expect(second.levels.at(-1)).toMatchObject({ sku: "E1", available: 2 });
  expect(second.events.some((one) => one.event === "reset")).toBe(false);
});

test("while a registry that lost its content is filled again, no id is resumed from", async () => {
  const sku = "refilled";
  const shard = partition(toToken(sku), SHARDS);
  const emptyRedis = await freshRedis();
  // Something was decided there, but this registry does not say up to where.
  await nc.request(bundleSubject(1, shard), "[]", { timeout: 5_000 });
  const other = await startEdge(emptyRedis);
  closers.unshift(() => other.stop());
  await sleep(2_200);
  const parts = Array.from({ length: SHARDS }, (_, one) => (one === shard ? "1" : "0"));
  const id = ["1", ...parts].join("~");
  const early = await open(`?location=none`, id, other.url);
  await early.until((one) => one.events.some(({ event }) => event === "reset"));
  const redis = connectRedis(emptyRedis, { name: "test" });
  await redisReady(redis, 5_000);
  await new LevelRegistry(redis).write({ epoch: 1, shard }, [], 1);
  redis.disconnect();
  await sleep(2_200);
  const late = await open(`?location=none`, id, other.url);
  await sleep(300);
  expect(late.events.some(({ event }) => event === "reset")).toBe(false);
});

test("while a registry that came back lacks what was told before the edge listened, no id is resumed from", async () => {
  const sku = "refilled"; // The other shards hold no entry.
  const shard = partition(toToken(sku), SHARDS);
  const behind = await freshRedis();
  const redis = connectRedis(behind, { name: "test" });
  await redisReady(redis, 5_000);
  const kept = new LevelRegistry(redis);
  await kept.write({ epoch: 1, shard }, [], 1);
  // It was away when these were decided, and the edge was not there yet when their levels were told.
  let last = 0;
  while (last < 3) {
    const ack = await nc.request(bundleSubject(1, shard), "[]", { timeout: 5_000 });
    last = (JSON.parse(ack.string()) as { seq: number }).seq;
  }
  const tellAt = async (seq: number) => {
    nc.publish(levelSubject(`far-${seq}`, sku), JSON.stringify(levelOf(sku, 5, `far-${seq}`, seq)));
    await nc.flush();
  };
  await tellAt(3);
  const other = await startEdge(behind);
  closers.unshift(() => other.stop());
  await sleep(2_200);
  await tellAt(4);
  const parts = Array.from({ length: SHARDS }, (_, one) => (one === shard ? "2" : "0"));
  const id = ["1", ...parts].join("~");
  const early = await open("?location=far-3", id, other.url);
  await early.until((one) => one.events.some(({ event }) => event === "reset"));
  await kept.write({ epoch: 1, shard }, [], last);
  redis.disconnect();
  await sleep(2_200);
  const late = await open("?location=far-4", id.replace("~2", "~3"), other.url);
  await late.until((one) => one.levels.length > 0);
  expect(late.events.some(({ event }) => event === "reset")).toBe(false);
});

test("an id that is none of ours, ahead of the log, or too old, is answered with a reset", async () => {
  for (const id of ["nonsense", "1~zzzz~zzzz~zzzz~zzzz"]) {
    const unknown = await open("", id);
    await unknown.until((one) => one.events.some(({ event }) => event === "reset"));
    expect(unknown.events[1]).toMatchObject({ event: "reset", data: { reason: "unknown_id" } });
  }
  const old = await open("", "1~~~~");
  await old.until((one) => one.events.some(({ event }) => event === "reset"));
  expect(old.events[1]).toMatchObject({ event: "reset", data: { reason: "too_old" } });
});

test("a late word of an older version is not passed on (S18)", async () => {
  const reader = await open("");
  const level = await tell(levelOf("Z", 5, "north"));
  const seq = Number(level.version.slice(5, 19));
  await tell(levelOf("Z", 8, "north", seq - 1), { registry: false });
  await tell(level, { registry: false });
  await tell(levelOf("Z", 4, "north"));
  await reader.until((one) => one.levels.length >= 2);
  await sleep(50);
  expect(reader.levels.map((one) => one.available)).toEqual([5, 4]);
});

test("everyMs sends the newest of each key, at most so often", async () => {
  const reader = await open("?everyMs=300");
  for (let available = 1; available <= 20; available++) {
    await tell(levelOf("often", available, "north"), { registry: false });
  }
  await reader.until((one) => one.levels.some((level) => level.available === 20));
  expect(reader.levels.length).toBeLessThanOrEqual(2);
  await sleep(400);
  const values = reader.levels.map((level) => level.available);
  expect(new Set(values).size).toBe(values.length);
});

test("a reader that does not read costs bounded memory and others nothing", async () => {
  const { port } = http;
  const socket = connectSocket(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.write("GET /v1/live HTTP/1.1\r\nhost: x\r\n\r\n");
  socket.pause();
  const reader = await open("");
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 500; i++) {
      const level = levelOf(`slow-${i}`, round, "north");
      nc.publish(levelSubject(level.location, level.sku), JSON.stringify(level));
    }
    await nc.flush();
    await sleep(5);
  }
  await reader.until((one) => one.levels.at(-1)?.available === 59, 15_000);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  socket.resume();
  const end = performance.now() + 5_000;
  while (!text.includes('"sku":"slow-499","location":"north","onHand":59')) {
    expect(performance.now()).toBeLessThan(end);
    await sleep(20);
  }
  // What the kernel's buffers took, and then the newest of each key: nothing else was kept for it.
  const got = text.split("\ndata: ").length;
  expect(got).toBeGreaterThan(500);
  expect(got).toBeLessThan(25_000);
  socket.destroy();
});

test("a hundred readers each get every level, in order of their versions", async () => {
  const many = await Promise.all(Array.from({ length: 100 }, () => open("?location=crowd")));
  for (let available = 1; available <= 30; available++)
    await tell(levelOf("crowd", available, "crowd"));
  for (const reader of many)
    await reader.until((one) => one.levels.at(-1)?.available === 30, 10_000);
  for (const reader of many) {
    expect(reader.levels.map((level) => level.available)).toEqual(
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
  }
});

test("a lost connection to NATS is told as a reset, and the feed goes on after it", async () => {
  const reader = await open("");
  await nats.kill();
  await nats.start();
  await reader.until((one) => one.events.some(({ event }) => event === "reset"), 15_000);
  expect(reader.events.find(({ event }) => event === "reset")).toMatchObject({
    data: { reason: "interrupted" },
  });
  while (
    !(await nc.flush().then(
      () => true,
      () => false,
    ))
  )
    await sleep(20);
  await sleep(500);
  await tell(levelOf("after", 6, "north"));
  await reader.until((one) => one.levels.some((level) => level.sku === "after"));
});
