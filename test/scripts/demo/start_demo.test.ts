// The simulated chain on a real log: it registers itself, stocks its shelves once, and its tills'
// commands land in the right shards by the server's mapping.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeChain } from "../../../scripts/demo/chain.ts";
import { startDemo } from "../../../scripts/demo/start_demo.ts";
import type { NatsServer } from "../../../scripts/servers/nats.ts";
import { CommandSchema } from "../../../shared/messages.ts";
import { migrate } from "../../../shared/migrate.ts";
import { Database } from "../../../shared/postgres.ts";
import { connectNats, type NatsConnection } from "../../../streams/connection.ts";
import { partition } from "../../../streams/partition.ts";
import { fromToken, parseLogSubject, stockStream } from "../../../streams/subjects.ts";
import { applyTopology } from "../../../streams/topology.ts";
import { type FreshDatabase, freshDatabase, privateNats } from "../../support/servers.ts";

const SHARDS = 4;
let nats: NatsServer;
let fresh: FreshDatabase;
let database: Database;
let nc: NatsConnection;

beforeAll(async () => {
  [nats, fresh] = await Promise.all([privateNats({ shards: SHARDS }), freshDatabase()]);
  database = new Database(fresh.url, { connectionsMax: 2, name: "test" });
  await migrate(database);
  nc = await connectNats(nats.url, { name: "test" });
  await applyTopology(nc, { shards: SHARDS });
});
afterAll(async () => {
  await nc?.close();
  await database?.close();
  await nats?.stop();
  await fresh?.drop();
});

/** All entries of all shards: shard, subject, text. */
async function entries(): Promise<{ shard: number; subject: string; text: string }[]> {
  const all: { shard: number; subject: string; text: string }[] = [];
  const jsm = await jetstreamManager(nc);
  for (let shard = 0; shard < SHARDS; shard++) {
    const name = stockStream(1, shard);
    const { last_seq } = (await jsm.streams.info(name)).state;
    if (last_seq === 0) continue;
    const consumer = await jetstream(nc).consumers.get(name);
    const messages = await consumer.consume();
    for await (const message of messages) {
      all.push({ shard, subject: message.subject, text: message.string() });
      if (message.seq === last_seq) break;
    }
  }
  return all;
}

test("startDemo() trades within seconds, as tills and a web store do", async () => {
  const context = {
    endpoints: { nats: nats.url, postgres: fresh.url },
    topology: { epoch: 1, shards: SHARDS },
    say: () => {},
  };
  const demo = await startDemo(context, { seed: 1, speed: 300 });
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  // No actor runs here, so holds get no decision; tills need none.
  await demo.stop();
  const chain = makeChain(1);
  const [{ items }] = await database.sql<[{ items: number }]>`select count(*) as items from item`;
  const zones = await database.sql<{ zone: string }[]>`
    select distinct time_zone as zone from location`;
  expect([Number(items), zones.length > 4]).toEqual([2000, true]);
  const found = await entries();
  const singles = found.filter((entry) => parseLogSubject(entry.subject)?.kind === "single");
  const bundled = found.filter((entry) => parseLogSubject(entry.subject)?.kind === "bundle");
  const openings = bundled.flatMap((entry) =>
    (JSON.parse(entry.text) as { ref?: string }[]).filter((one) => one.ref === "opening"),
  );
  expect(openings).toHaveLength(chain.shelves.length);
  expect(singles.length).toBeGreaterThan(50);
  for (const { shard, subject, text } of singles) {
    const parsed = parseLogSubject(subject);
    if (parsed?.kind !== "single") throw new Error(subject);
    expect(partition(parsed.skuToken, SHARDS)).toBe(shard);
    const sku = fromToken(parsed.skuToken);
    const location = fromToken(parsed.locationToken);
    expect(CommandSchema.safeParse({ ...JSON.parse(text), sku, location }).success).toBe(true);
  }
  expect(demo.stats().stored).toBeGreaterThan(50);
}, 30_000);
