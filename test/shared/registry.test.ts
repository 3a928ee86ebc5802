import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Level } from "../../shared/decisions.ts";
import { connectRedis, type Redis, redisReady } from "../../shared/redis.ts";
import { LevelRegistry, type LevelWrite } from "../../shared/registry.ts";
import { formatVersion } from "../../shared/version.ts";
import { freshRedis } from "../support/servers.ts";

let redis: Redis;
let registry: LevelRegistry;
const shard = { epoch: 1, shard: 3 };

const write = (sku: string, location: string, seq: number, sellable: number): LevelWrite => {
  const version = formatVersion(1, seq, 0);
  const level: Partial<Level> = { sku, location, sellable, version };
  return { skuToken: sku, locationToken: location, version, json: JSON.stringify(level) };
};
const sellable = async (sku: string, location: string) =>
  (await registry.levels([{ skuToken: sku, locationToken: location }]))[0]?.sellable;

beforeAll(async () => {
  redis = connectRedis(await freshRedis(), { name: "test" });
  await redisReady(redis, 5_000);
  registry = new LevelRegistry(redis);
});
beforeEach(() => redis.flushdb());
afterAll(() => redis.disconnect());

describe("LevelRegistry", () => {
  it("write() never lets a visible version decrease (S18)", async () => {
    await registry.write(shard, [write("A", "x", 10, 7)], 10);
    await registry.write(shard, [write("A", "x", 9, 99), write("A", "y", 9, 1)], 9);
    expect(await sellable("A", "x")).toBe(7);
    expect(await sellable("A", "y")).toBe(1);
    expect(await registry.watermark(shard)).toBe(10);
    await registry.write(shard, [write("A", "x", 100, 8)], 100);
    expect(await sellable("A", "x")).toBe(8);
    expect(await registry.watermark(shard)).toBe(100);
  });

  it("write() takes more levels than one script call does, and an empty batch", async () => {
    const many = Array.from({ length: 2_500 }, (_, i) => write(`S${i}`, "x", i + 1, i));
    await registry.write(shard, many, 2_500);
    expect(await registry.write(shard, [], 2_600)).toBe(2_500);
    expect(await sellable("S0", "x")).toBe(0);
    expect(await sellable("S2499", "x")).toBe(2_499);
    expect(await registry.watermark(shard)).toBe(2_600);
    let seen = 0;
    for await (const page of registry.scan()) seen += page.length;
    expect(seen).toBe(2_500);
  });

  it("write() does not mark what one of its calls failed to bring (S18)", async () => {
    let calls = 0;
    const failing = {
      defineCommand: () => {},
      onhandSetIfNewer: async () => {
        calls++;
        throw new Error("away");
      },
    } as unknown as Redis;
    const many = Array.from({ length: 1_500 }, (_, i) => write(`S${i}`, "x", i + 1, i));
    const failed = new LevelRegistry(failing).write(shard, many, 4_711);
    await expect(failed).rejects.toMatchObject({ code: "registry_unavailable" });
    expect(calls).toBe(1);
  });

  it("write() takes the place of a key that is no hash: no shard's levels wait for it", async () => {
    await redis.set("onhand:stock:A", "y");
    await registry.write(shard, [write("A", "x", 1, 1), write("B", "x", 2, 2)], 2);
    expect([await sellable("A", "x"), await sellable("B", "x")]).toEqual([1, 2]);
    expect(await registry.watermark(shard)).toBe(2);
  });

  it("write() leaves the watermark alone when Redis lost what stood there", async () => {
    await registry.write(shard, [write("A", "x", 1, 1)], 1);
    await redis.flushdb();
    expect(await registry.write(shard, [write("A", "y", 2, 2)], 2, 1)).toBe(0);
    expect(await registry.watermark(shard)).toBe(0);
    expect(await sellable("A", "y")).toBe(2);
    await registry.write(shard, [write("A", "x", 1, 1)], 2, 0);
    expect(await registry.watermark(shard)).toBe(2);
  });

  it("remove() takes away what stands as it was found, and nothing written since (S18)", async () => {
    await registry.write(shard, [write("A", "x", 1, 1), write("A", "y", 1, 1)]);
    const places = ["x", "y", "z"].map((locationToken) => ({ skuToken: "A", locationToken }));
    const texts = await registry.texts(places);
    await registry.write(shard, [write("A", "y", 2, 2), write("A", "z", 1, 3)]);
    const found = places.map((place, i) => ({ ...place, text: texts[i] ?? "" }));
    expect(await registry.remove(found)).toBe(1);
    expect(await Promise.all(["x", "y", "z"].map((one) => sellable("A", one)))).toEqual([
      undefined,
      2,
      3,
    ]);
  });

  it("ofSku() lists locations in order, levels() says undefined for the unknown", async () => {
    await registry.write(shard, [write("A", "y", 1, 1), write("A", "x", 2, 2)]);
    expect((await registry.ofSku("A")).map((level) => level.location)).toEqual(["x", "y"]);
    expect(await sellable("A", "nowhere")).toBeUndefined();
    expect(await registry.watermark(shard)).toBe(0);
  });

  it("wipe() leaves nothing", async () => {
    await registry.write(shard, [write("A", "x", 1, 1)], 1);
    await registry.wipe();
    expect(await registry.ofSku("A")).toEqual([]);
    expect(await registry.watermark(shard)).toBe(0);
  });

  it("says registry_unavailable when Redis is away", async () => {
    const away = connectRedis("redis://127.0.0.1:1", { name: "test" });
    const lost = new LevelRegistry(away);
    await expect(lost.ofSku("A")).rejects.toMatchObject({ code: "registry_unavailable" });
    await expect(redisReady(away, 200)).rejects.toMatchObject({ retryable: true });
    away.disconnect();
  });

  it("redisReady() says why Redis does not answer", async () => {
    const url = new URL(await freshRedis());
    const faults = [
      ["redis://127.0.0.1:1", "Cannot reach Redis at 127.0.0.1:1: connect ECONNREFUSED"],
      [`redis://:wrong@${url.host}`, `Cannot reach Redis at ${url.host}: WRONGPASS`],
    ];
    for (const [address = "", message = ""] of faults) {
      const connection = connectRedis(address, { name: "test" });
      await expect(redisReady(connection, 500)).rejects.toThrow(message);
      connection.disconnect();
    }
  });
});
