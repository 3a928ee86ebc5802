// Verification against a real stock role on real servers: it agrees with what is right, names what is not, and
// repairs the registry.
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningStock, startStockRole } from "../../../actors/stock/binding.ts";
import { verifySystem } from "../../../scripts/verify/verify_system.ts";
import { loadConfig } from "../../../shared/config.ts";
import type { Level } from "../../../shared/decisions.ts";
import type { Command } from "../../../shared/messages.ts";
import { migrate } from "../../../shared/migrate.ts";
import { Database } from "../../../shared/postgres.ts";
import { connectRedis, type Redis, redisReady } from "../../../shared/redis.ts";
import { LevelRegistry } from "../../../shared/registry.ts";
import { formatVersion } from "../../../shared/version.ts";
import { connectNats, type NatsConnection } from "../../../streams/connection.ts";
import { partition } from "../../../streams/partition.ts";
import { createPublisher, type Publisher } from "../../../streams/publisher.ts";
import { applyTopology } from "../../../streams/topology.ts";
import {
  type FreshDatabase,
  freshDatabase,
  freshRedis,
  privateNats,
} from "../../support/servers.ts";

const TOPOLOGY = { epoch: 1, shards: 2 };
let nats: Awaited<ReturnType<typeof privateNats>>;
let fresh: FreshDatabase;
let nc: NatsConnection;
let database: Database;
let redis: Redis;
let registry: LevelRegistry;
let publisher: Publisher;
let stock: RunningStock;
let endpoints: { nats: string; postgres: string; redis: string };

function startStock(checkpointIntervalMs: number): Promise<RunningStock> {
  const config = loadConfig(
    { ONHAND_LOG_LEVEL: "error" },
    { threads: 0, commitIntervalMs: 20, checkpointIntervalMs },
  );
  return startStockRole({ config, endpoints });
}

beforeAll(async () => {
  [nats, fresh] = await Promise.all([privateNats(), freshDatabase()]);
  const redisUrl = await freshRedis();
  nc = await connectNats(nats.url, { name: "test" });
  await applyTopology(nc, { shards: TOPOLOGY.shards });
  database = new Database(fresh.url, { connectionsMax: 4, name: "test" });
  await migrate(database);
  redis = connectRedis(redisUrl, { name: "test" });
  await redisReady(redis, 5_000);
  registry = new LevelRegistry(redis);
  publisher = createPublisher(nc, TOPOLOGY);
  endpoints = { nats: nats.url, postgres: fresh.url, redis: redisUrl };
  stock = await startStock(200);
  const command = (i: number, fields: Record<string, unknown>) =>
    ({ sku: `SKU-${i % 20}`, location: `L${i % 3}`, id: `c${i}`, ...fields }) as unknown as Command;
  const decisions = await Promise.all(
    Array.from({ length: 400 }, (_, i) =>
      publisher.decide(
        i < 60
          ? command(i, { type: "receipt", qty: 100 })
          : i % 5 === 0
            ? command(i, { type: "hold", hold: `h${i}`, qty: 2, ttlMs: null })
            : i % 7 === 0
              ? command(i, { type: "adjust", delta: -1, reason: "broken", bucket: "damaged" })
              : command(i, { type: "sale", qty: 1 }),
      ),
    ),
  );
  expect(decisions.filter((decision) => decision.outcome === "applied").length).toBe(400);
});
afterAll(async () => {
  await publisher.close();
  await stock.stop();
  redis.disconnect();
  await database.close();
  await nc.close();
  await nats.stop();
  await fresh.drop();
});

const verify = (repair = false, over = registry) =>
  verifySystem({
    nc,
    database,
    registry: over,
    topology: TOPOLOGY,
    identityDays: 90,
    repair,
    say: () => {},
  });

async function checkpointed(): Promise<void> {
  for (;;) {
    const shards = stock.status();
    const done = shards.every((shard) => shard.checkpointSeq === shard.appliedSeq);
    if (shards.length === TOPOLOGY.shards && done) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("verifySystem()", () => {
  test("agrees with a live system, with the same digest each time", async () => {
    const first = await verify();
    expect(first.differences).toEqual([]);
    expect(first.ok).toBe(true);
    await checkpointed();
    const [second, third] = [await verify(), await verify()];
    expect(second.ledgerRows).toBe(400);
    expect(second.levels).toBe(60);
    expect(third.digest).toBe(second.digest);
    expect(second.shards.every((shard) => shard.foldedFrom === 1)).toBe(true);
  });

  test("names a level of the registry that is wrong, missing or nobody's, and repairs them", async () => {
    await redis.hdel("onhand:stock:SKU-1", "L1");
    await redis.hset(
      "onhand:stock:STRANGER",
      "L9",
      "0001.00000000000001.000{}".replace(
        "{}",
        '{"sku":"STRANGER","location":"L9","version":"0001.00000000000001.000"}',
      ),
    );
    const raw = (await redis.hget("onhand:stock:SKU-2", "L2")) ?? "";
    await redis.hset("onhand:stock:SKU-2", "L2", raw.replace(/"sellable":\d+/, '"sellable":12345'));
    const found = await verify();
    expect(found.ok).toBe(false);
    const named = found.differences.map(({ between, sku, location, field }) => [
      between,
      sku,
      location,
      field,
    ]);
    expect(named).toContainEqual(["registry", "SKU-1", "L1", "level"]);
    expect(named).toContainEqual(["registry", "SKU-2", "L2", "sellable"]);
    expect(named).toContainEqual(["registry", "STRANGER", "L9", "level"]);
    expect(found.differencesTotal).toBe(3);
    expect((await verify(true)).repaired).toBe(3);
    expect((await verify()).ok).toBe(true);
  });

  test("names what is no level, and a level in another's place, and repairs them", async () => {
    const standing = async (sku: string, location: string) =>
      (await redis.hget(`onhand:stock:${sku}`, location)) ?? "";
    const raw = await standing("SKU-2", "L2");
    const broken = [
      ["onhand:stock:SKU-1", "L1", "no level at all"],
      ["onhand:stock:SKU-2", "L2", raw.slice(0, -9)],
      ["onhand:stock:SKU-2", "L9", raw],
      ["onhand:stock:SKU-4", "L1", (await standing("SKU-4", "L1")).replace("0001.", "0009.")],
      ["onhand:stock:BROKEN", "%", "0001.00000000000001.000null"],
    ] as const;
    for (const [key, field, text] of broken) await redis.hset(key, field, text);
    const { differences } = await verify();
    expect(differences.map(({ sku, location, field }) => [sku, location, field]).sort()).toEqual([
      ["BROKEN", "%", "level"],
      ["SKU-1", "L1", "level"],
      ["SKU-2", "L2", "level"],
      ["SKU-2", "L9", "level"],
      ["SKU-4", "L1", "level"],
    ]);
    expect((await verify(true)).repaired).toBe(5);
    expect((await verify()).differences).toEqual([]);
  });

  test("names a key that is no hash, and repairs it with the levels that stood there", async () => {
    await redis.set("onhand:stock:SKU-1", "y");
    await redis.lpush("onhand:stock:%20", "z");
    const { differences } = await verify();
    expect(differences.map(({ sku, location, field }) => [sku, location, field]).sort()).toEqual([
      [" ", "", "key"],
      ["SKU-1", "", "key"],
      ["SKU-1", "L0", "level"],
      ["SKU-1", "L1", "level"],
      ["SKU-1", "L2", "level"],
    ]);
    expect((await verify(true)).repaired).toBe(4);
    expect((await verify()).differences).toEqual([]);
  });

  test("repairs nothing that was written anew since it was found wrong (S18)", async () => {
    const raw = (await redis.hget("onhand:stock:SKU-2", "L2")) ?? "";
    await redis.hset("onhand:stock:SKU-2", "L2", raw.replace(/"sellable":\d+/, '"sellable":12345'));
    const version = "0001.00000000000001.000";
    const stranger = JSON.stringify({ sku: "NEW", location: "L9", version });
    await redis.hset("onhand:stock:NEW", "L9", version + stranger);
    // Between the last look and the removal the runner shows what was decided meanwhile.
    const late: Level[] = [];
    const slow = new LevelRegistry(redis);
    slow.remove = async (found) => {
      const { skuToken: sku, locationToken: location } = found[0] ?? {};
      const receipt = { type: "receipt", sku, location, id: `late-${sku}`, qty: 1 };
      const { level } = await publisher.decide(receipt as unknown as Command);
      const shown = () => redis.hget(`onhand:stock:${sku}`, location ?? "");
      await expect.poll(shown).toMatch(new RegExp(`^${level?.version}`));
      late.push(level as Level);
      return LevelRegistry.prototype.remove.call(slow, found);
    };
    const { repaired } = await verify(true, slow);
    expect(late.map(({ sku }) => sku)).toEqual(["SKU-2", "NEW"]);
    for (const level of late) {
      const keys = [{ skuToken: level.sku, locationToken: level.location }];
      expect(await registry.levels(keys)).toEqual([level]);
    }
    expect(repaired).toBe(0);
    expect((await verify()).differences).toEqual([]);
  });

  test("names a level of the registry that claims an entry the log does not have", async () => {
    const raw = (await redis.hget("onhand:stock:SKU-2", "L2")) ?? "";
    const version = "0001.00000000999999.000";
    const later = raw.slice(23).replace(/"version":"[^"]+"/, `"version":"${version}"`);
    await redis.hset("onhand:stock:SKU-2", "L2", version + later);
    const found = await verify(true);
    expect(found.differences).toMatchObject([
      { between: "registry", sku: "SKU-2", field: "version", found: version },
    ]);
    expect((await verify()).ok).toBe(true);
  });

  test("names a checkpoint that does not follow from the ledger, nor from the log", async () => {
    await checkpointed();
    await database.sql`update stock_level set sellable = sellable + 1, on_hand = on_hand + 1
      where sku = 'SKU-3' and location = 'L0'`;
    const found = await verify();
    expect(found.ok).toBe(false);
    expect(new Set(found.differences.map(({ between, sku }) => `${between} ${sku}`))).toEqual(
      new Set(["ledger SKU-3", "fold SKU-3"]),
    );
    await database.sql`update stock_level set sellable = sellable - 1, on_hand = on_hand - 1
      where sku = 'SKU-3' and location = 'L0'`;
    expect((await verify()).ok).toBe(true);
  });

  test("names what follows from a level and was changed by hand", async () => {
    await database.sql`update stock_level set on_hand = on_hand + 1, available = available - 1
      where sku = 'SKU-3' and location = 'L0'`;
    const found = await verify();
    expect(found.differences.map(({ between, sku, field }) => [between, sku, field])).toEqual([
      ["ledger", "SKU-3", "on_hand"],
      ["ledger", "SKU-3", "available"],
    ]);
    await database.sql`update stock_level set on_hand = on_hand - 1, available = available + 1
      where sku = 'SKU-3' and location = 'L0'`;
    expect((await verify()).ok).toBe(true);
  });

  test("names a hold, an order line and a transfer that are not what the level sums up", async () => {
    const at = { sku: "SKU-4", location: "L1" };
    const eta = "2999-01-01T00:00:00Z";
    const order = { ...at, type: "order", order: "P1", line: "1", rev: 1, ordered: 10, eta };
    const waiting = { ...at, type: "hold", qty: 9_999, ttlMs: null, backorder: true };
    const commands = [
      { ...at, type: "hold", hold: "table", qty: 2, ttlMs: null },
      { ...at, type: "policy", backorderLimit: 100_000 },
      { ...waiting, hold: "waits" },
      { ...order, status: "placed" },
      { ...at, type: "ship", transfer: "T1", to: "L2", qty: 1, eta },
    ] as unknown as Command[];
    for (const command of commands)
      expect(await publisher.decide(command)).toMatchObject({ outcome: "applied" });
    await checkpointed();
    expect((await verify()).differences).toEqual([]);
    await database.sql`update hold set qty = qty + 1 where hold = 'table'`;
    await database.sql`update order_line set received = received + 1 where order_id = 'P1'`;
    await database.sql`update transfer set shipped = shipped + 1 where transfer = 'T1'`;
    const { differences } = await verify();
    const tables = differences.filter(({ between }) => between === "tables");
    const reserved = (await registry.levels([{ skuToken: "SKU-4", locationToken: "L1" }]))[0];
    const base = { between: "tables", shard: partition("SKU-4", TOPOLOGY.shards), ...at };
    expect(tables).toMatchObject([
      { ...base, field: "reserved", found: reserved?.reserved },
      { ...base, field: "firm", found: reserved?.reserved },
      { ...base, field: "on_order", expected: 9, found: 10 },
      { ...base, location: "L2", field: "in_transit", expected: 2, found: 1 },
    ]);
    expect(tables[0]?.expected).toBe((reserved?.reserved ?? 0) + 1);
    await database.sql`update hold set qty = qty - 1 where hold = 'table'`;
    await database.sql`update order_line set received = received - 1 where order_id = 'P1'`;
    await database.sql`update transfer set shipped = shipped - 1 where transfer = 'T1'`;
    expect((await verify()).ok).toBe(true);
  });

  test("names a row of the ledger without deltas that is missing, another, or nobody's", async () => {
    const at = { sku: "SKU-5", location: "L2" } as const;
    const hold = { ...at, type: "hold", hold: "much", id: "much", qty: 1_000_000, ttlMs: null };
    const refused = await publisher.decide(hold as unknown as Command);
    expect(refused).toMatchObject({ outcome: "rejected", reason: "insufficient_available" });
    await checkpointed();
    expect((await verify()).differences).toEqual([]);
    const { sql } = database;
    const shard = partition(at.sku, TOPOLOGY.shards);
    const [row] = await sql<{ place: string }[]>`
      select concat_ws('.', seq, index, ordinal) as place from stock_transaction where id = 'much'`;
    const base = { between: "ledger", shard, ...at };

    await sql`create table refused as select * from stock_transaction where id = 'much'`;
    await sql`update stock_transaction set reason = 'hold_expired', digest = 0 where id = 'much'`;
    expect((await verify()).differences).toMatchObject([
      { ...base, field: `digest of row ${row?.place}`, found: 0 },
      { ...base, field: `reason of row ${row?.place}`, found: "hold_expired" },
    ]);
    await sql`delete from stock_transaction where id = 'much'`;
    expect((await verify()).differences).toMatchObject([
      { ...base, field: `row ${row?.place}`, expected: { outcome: "rejected" }, found: undefined },
    ]);
    await sql`insert into stock_transaction select * from refused`;
    expect((await verify()).differences).toEqual([]);
    // No index of the ledger refuses the same row twice.
    await sql`insert into stock_transaction select * from refused`;
    expect((await verify()).differences).toMatchObject([
      { ...base, field: `row ${row?.place}`, expected: undefined, found: { outcome: "rejected" } },
    ]);
    await sql`delete from stock_transaction where id = 'much'`;
    await sql`insert into stock_transaction select * from refused`;
    await sql`update refused set ordinal = ordinal + 1`;
    await sql`insert into stock_transaction select * from refused`;
    expect((await verify()).differences).toMatchObject([
      { ...base, expected: undefined, found: { outcome: "rejected" } },
    ]);
    await sql`delete from stock_transaction t using refused r
      where (t.seq, t.index, t.ordinal, t.id) = (r.seq, r.index, r.ordinal, r.id)`;
    // What Postgres refuses of a row is left out of it, and no difference.
    await sql`update stock_transaction set id = null, reason = null where id = 'much'`;
    expect((await verify()).differences).toEqual([]);
  });

  test("names a watermark the log does not reach, and repairs it: the shard runs again", async () => {
    await stock.stop();
    const of = { epoch: 1, shard: partition("SKU-1", TOPOLOGY.shards) };
    const sale = { type: "sale", sku: "SKU-1", location: "L1", id: "uncommitted", qty: 1 } as const;
    const [before] = await registry.levels([{ skuToken: "SKU-1", locationToken: "L1" }]);
    await publisher.post(sale as unknown as Command);
    const manager = await jetstreamManager(nc);
    const { state } = await manager.streams.info(`STOCK-1-${of.shard}`);
    // What another history made of the entry that nobody has decided here yet.
    const version = formatVersion(1, state.last_seq, 0);
    const level = { ...before, sellable: 12_345, version };
    const stranger = { ...level, location: "L9" };
    for (const one of [level, stranger] as Level[])
      await redis.hset("onhand:stock:SKU-1", one.location, version + JSON.stringify(one));
    await redis.set(`onhand:watermark:1:${of.shard}`, "00000000999999");

    stock = await startStock(600_000);
    const shardState = () => stock.status().find(({ shard }) => shard === of.shard);
    await expect.poll(() => shardState()?.state).toBe("halted");
    expect(shardState()?.halted).toContain("the registry shows levels up to 999999");
    const found = await verify();
    expect(found.ok).toBe(false);
    expect(found.differences).toContainEqual({
      between: "registry",
      shard: of.shard,
      sku: "",
      location: "",
      field: "watermark",
      expected: state.last_seq,
      found: 999_999,
    });
    const named = found.differences.map(({ location, field }) => `${location} ${field}`);
    expect(named).toContain("L1 sellable");
    expect(named).toContain("L9 level");
    await verify(true);
    expect((await verify()).differences).toEqual([]);

    await stock.stop();
    stock = await startStock(200);
    const repeat = await publisher.decide(sale as unknown as Command);
    expect(repeat).toMatchObject({ outcome: "duplicate", first: "applied" });
    await expect
      .poll(async () => (await registry.levels([{ skuToken: "SKU-1", locationToken: "L1" }]))[0])
      .toMatchObject({ sellable: (before?.sellable ?? 0) - 1, version });
    await expect.poll(() => registry.watermark(of)).toBeGreaterThan(state.last_seq);
    expect((await verify()).ok).toBe(true);
  });

  test("names a ledger row that is missing since the checkpoint", async () => {
    await stock.stop();
    stock = await startStock(600_000);
    const before = await verify();
    const sale = { type: "sale", sku: "SKU-3", location: "L0", id: "tail", qty: 1 } as const;
    expect((await publisher.decide(sale as unknown as Command)).outcome).toBe("applied");
    const isCommitted = () => stock.status().every((one) => one.committedSeq === one.appliedSeq);
    while (!isCommitted()) await new Promise((resolve) => setTimeout(resolve, 20));
    const found = await verify();
    expect(found.differences).toEqual([]);
    expect(found.ledgerRows).toBe(before.ledgerRows + 1);
    expect(found.shards.some((one) => one.checkpointSeq < one.committedSeq)).toBe(true);
    await database.sql`create table kept as select * from stock_transaction where id = 'tail'`;
    await database.sql`delete from stock_transaction where id = 'tail'`;
    const { differences } = await verify();
    expect(differences).toMatchObject([
      { between: "ledger", sku: "SKU-3", location: "L0", expected: { sellable: -1 } },
    ]);
    await database.sql`insert into stock_transaction select * from kept`;
    expect((await verify()).ok).toBe(true);
  });

  test("names a ledger row that is missing", async () => {
    const [row] = await database.sql<{ seq: number; shard: number; sku: string }[]>`
      delete from stock_transaction where (shard, seq, index) in (
        select shard, seq, index from stock_transaction where type = 'sale' limit 1)
      returning seq, shard, sku`;
    const found = await verify();
    expect(found.differences[0]).toMatchObject({
      between: "ledger",
      sku: row?.sku,
      field: "sellable",
    });
  });

  test("names a log that lacks what comes next, and one that was made anew", async () => {
    await stock.stop();
    const manager = await jetstreamManager(nc);
    const sale = { type: "sale", location: "L0", qty: 1 } as const;
    const skus = ["SKU-1", "SKU-2", "SKU-3", "SKU-4", "SKU-5", "SKU-6"];
    const lastOf = async (stream: string) => (await manager.streams.info(stream)).state.last_seq;
    const before = await Promise.all(["STOCK-1-0", "STOCK-1-1"].map(lastOf));
    for (const sku of skus) await publisher.post({ ...sale, sku } as unknown as Command);
    const last = await lastOf("STOCK-1-0");
    expect(last).toBeGreaterThan((before[0] ?? 0) + 1);
    await manager.streams.purge("STOCK-1-0", { seq: last });
    const { config } = await manager.streams.info("STOCK-1-1");
    await manager.streams.delete("STOCK-1-1");
    await manager.streams.add(config);
    const found = await verify();
    expect(found.ok).toBe(false);
    const log = found.differences.filter(({ between }) => between === "log");
    expect(log.map(({ shard, field }) => [shard, field])).toEqual([
      [0, "log_cut"],
      [1, "log_replaced"],
    ]);
  });
});
