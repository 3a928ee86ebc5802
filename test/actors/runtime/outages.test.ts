// What a shard does while a part of the world is away, and when its log is not the one it folded.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { RunnerPorts } from "../../../actors/runtime/ports.ts";
import type { Command } from "../../../shared/messages.ts";
import { stockStream } from "../../../streams/subjects.ts";
import { applyTopology, manager, trimLog } from "../../../streams/topology.ts";
import { privateNats, privatePostgres, privateRedis } from "../../support/servers.ts";
import { EPOCH, type House, openHouse, type Started, until } from "./support/house.ts";

// Making a Postgres cluster waits for the disk.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

/** How long after a killed server is back the commands that waited may take to be decided. */
const BACK_MAX_MS = 1_000;

let house: House;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await house.close();
  for (const close of closers.splice(0)) await close();
});

const STREAM = stockStream(EPOCH, 0);
let number = 0;
const sale = (sku = "A") =>
  ({ type: "sale", id: `s${number++}`, sku, location: "x", qty: 1 }) as Command;
const sell = (count: number, sku = "A") =>
  Promise.all(Array.from({ length: count }, () => house.publisher.decide(sale(sku))));
const rows = async () => {
  const [row] = await house.database.sql<{ rows: number; ids: number }[]>`
    select count(*)::int as rows, count(distinct id)::int as ids from stock_transaction`;
  return row;
};
const visible = async (sku = "A") =>
  (await house.registry.levels([{ skuToken: sku, locationToken: "x" }]))[0]?.sellable;
const state = (started: Started) => started.runner.status().state;

/** A shard without a checkpoint whose runner is gone, after all was committed and shown. */
async function crashed(): Promise<void> {
  house = await openHouse();
  const { runner } = await house.start({ checkpointIntervalMs: 600_000 });
  await sell(3, "A");
  await sell(2, "B");
  const { appliedSeq } = runner.status();
  const watermark = () => house.registry.watermark({ epoch: EPOCH, shard: 0 });
  await until("all is shown", async () => (await watermark()) === appliedSeq);
  await until("all is committed", () => runner.status().committedSeq === appliedSeq);
  runner.kill();
}

describe("Runner, while a server is away", () => {
  test("Postgres killed: decisions go on, and everything is committed once it is back", async () => {
    const postgres = await privatePostgres();
    closers.push(() => postgres.stop());
    house = await openHouse({ postgres: postgres.url });
    const started = await house.start();
    await sell(50);
    await postgres.kill();
    await sell(200);
    await until("it is noticed", () => started.runner.status().store === "away");
    await sell(1);
    expect(state(started)).toBe("running");
    await postgres.start();
    await until(
      "all is committed",
      () =>
        started.runner.status().committedSeq === started.runner.status().appliedSeq &&
        started.runner.status().store === "ok",
    );
    expect(await rows()).toEqual({ rows: 251, ids: 251 });
    await started.runner.stop();
    expect(await house.database.sql`select sellable from stock_level`).toEqual([
      { sellable: -251 },
    ]);
  });

  test("Postgres away at the start: the runner waits and then runs", async () => {
    const postgres = await privatePostgres();
    closers.push(() => postgres.stop());
    house = await openHouse({ postgres: postgres.url });
    await postgres.stop();
    const starting = house.start();
    const decided = sell(3);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await postgres.start();
    const started = await starting;
    await decided;
    expect(state(started)).toBe("running");
  });

  test("Redis killed and empty on return: levels and watermark are made again", async () => {
    const redis = await privateRedis();
    closers.push(() => redis.stop());
    house = await openHouse({ redis: redis.url });
    const started = await house.start();
    await sell(5, "A");
    await sell(7, "B");
    await until("visible", async () => (await visible("B")) === -7);
    await redis.kill();
    await sell(4, "A");
    expect(state(started)).toBe("running");
    await redis.start();
    await until("A is shown", async () => (await visible("A").catch(() => 0)) === -9);
    await until("and B, which did not change", async () => (await visible("B")) === -7);
    const { appliedSeq } = started.runner.status();
    await until(
      "the watermark",
      async () => (await house.registry.watermark({ epoch: EPOCH, shard: 0 })) === appliedSeq,
    );
  });

  test("Redis flushed under a running shard is noticed and filled again", async () => {
    house = await openHouse();
    await house.start();
    await sell(3, "A");
    await sell(2, "B");
    await until("visible", async () => (await visible("B")) === -2);
    await house.redis.flushdb();
    await sell(1, "A");
    await until("A", async () => (await visible("A")) === -4);
    await until("B", async () => (await visible("B")) === -2);
  });

  test("after a crash nothing is told again of levels that the registry shows", async () => {
    await crashed();
    const told: string[] = [];
    house.nc.subscribe("inv.level.>", {
      callback: (_, message) => void told.push(message.subject),
    });
    await house.nc.flush();
    await house.start();
    await sell(1, "A");
    await until("A", async () => (await visible("A")) === -4);
    await until("A is told", async () => told.length > 0);
    expect(told).toEqual(["inv.level.x.A"]);
    expect(await visible("B")).toBe(-2);
  });

  test("nor is it forgotten that nothing was told, when the registry is flushed just then", async () => {
    await crashed();
    let isFlushed = false;
    const wrap = (ports: RunnerPorts): RunnerPorts => ({
      ...ports,
      registry: {
        ...ports.registry,
        async watermark() {
          const watermark = await ports.registry.watermark();
          if (!isFlushed) await house.redis.flushdb();
          isFlushed = true;
          return watermark;
        },
      },
    });
    await house.start({ wrap });
    await until("it is flushed", () => isFlushed);
    await until("A", async () => (await visible("A")) === -3);
    await until("B", async () => (await visible("B")) === -2);
  });

  test("nats-server killed: decisions go on within a second of its return, without gap or repeat", async () => {
    const nats = await privateNats();
    closers.push(() => nats.stop());
    house = await openHouse({ nats: nats.url });
    const started = await house.start();
    await sell(20);
    // The best of a few: other tests run beside this one. Every one of them must lose and repeat nothing.
    const delaysMs: number[] = [];
    while (delaysMs.length < 5 && !delaysMs.some((ms) => ms < BACK_MAX_MS)) {
      await nats.kill();
      const during = sell(20);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await nats.start();
      const backMs = performance.now();
      await during;
      delaysMs.push(performance.now() - backMs);
    }
    console.log(`nats-server: decided ${delaysMs.map(Math.round).join(", ")} ms after it was back`);
    expect(Math.min(...delaysMs)).toBeLessThan(BACK_MAX_MS);
    await sell(20);
    const { appliedSeq } = started.runner.status();
    await until("committed", () => started.runner.status().committedSeq >= appliedSeq);
    const sold = 40 + 20 * delaysMs.length;
    expect(await rows()).toEqual({ rows: sold, ids: sold });
    expect(state(started)).toBe("running");
  });
});

describe("Runner, with a log that is not the one it folded", () => {
  /** A shard that folded and committed ten entries and stopped. */
  async function folded(): Promise<void> {
    house = await openHouse();
    const started = await house.start();
    for (let i = 0; i < 10; i++) await house.publisher.publishSingle(sale());
    await until("committed", () => started.runner.status().committedSeq === 10);
    await started.runner.stop();
  }
  async function haltOf(started: Started): Promise<string> {
    await until("halted", () => state(started) === "halted");
    await until("an alert is stored", async () => {
      const [row] = await house.database
        .sql`select count(*)::int as n from alert where kind = 'shardHalted'`;
      return row?.n === 1;
    });
    return started.runner.status().why?.reason ?? "";
  }

  test("made anew: halts with log_replaced", async () => {
    await folded();
    await (await manager(house.nc)).streams.delete(STREAM);
    await applyTopology(house.nc, { shards: 1 });
    for (let i = 0; i < 12; i++) await house.publisher.publishSingle(sale());
    expect(await haltOf(await house.start())).toBe("log_replaced");
    expect(await house.database.sql`select committed_seq from shard`).toEqual([
      { committed_seq: 10 },
    ]);
  });

  test("cut behind the checkpoint: halts with log_cut", async () => {
    await folded();
    await house.database.sql`update shard set checkpoint_seq = 4, checkpoint_digest = null`;
    await trimLog(house.nc, STREAM, 8);
    expect(await haltOf(await house.start())).toBe("log_cut");
  });

  test("shorter than what was committed: halts with log_shorter", async () => {
    await folded();
    await house.database.sql`update shard set committed_seq = 15, checkpoint_seq = 15`;
    expect(await haltOf(await house.start())).toBe("log_shorter");
  });

  test("another entry where the committed one stood: halts with log_changed", async () => {
    await folded();
    await house.database.sql`update shard set committed_digest = 'of another entry'`;
    expect(await haltOf(await house.start())).toBe("log_changed");
  });

  test("behind the registry's watermark: halts with log_behind_registry", async () => {
    await folded();
    await house.redis.set("onhand:watermark:1:0", "00000000000099");
    expect(await haltOf(await house.start())).toBe("log_behind_registry");
  });

  test("trimmed in front of the checkpoint: goes on", async () => {
    await folded();
    await trimLog(house.nc, STREAM, 10);
    const started = await house.start();
    await sell(1);
    expect(state(started)).toBe("running");
    expect(started.runner.status().appliedSeq).toBe(11);
  });
});
