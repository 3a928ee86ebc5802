// The stream of demand windows to the partitions of a process: what goes where, and what a cut stream brings about.
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { followDemand } from "../../../../actors/forecast/live/demand_feed.ts";
import type { NatsServer } from "../../../../scripts/servers/nats.ts";
import type { DemandMessage } from "../../../../shared/effects.ts";
import { connectNats, type NatsConnection } from "../../../../streams/connection.ts";
import { partition } from "../../../../streams/partition.ts";
import { demandSubject, toToken } from "../../../../streams/subjects.ts";
import { applyTopology } from "../../../../streams/topology.ts";
import { until } from "../../../http/support/whole_house.ts";
import { privateNats } from "../../../support/servers.ts";

const SHARDS = 4;
let nats: NatsServer;
let nc: NatsConnection;
beforeAll(async () => {
  nats = await privateNats({ shards: SHARDS });
  nc = await connectNats(nats.url, { name: "test" });
  await applyTopology(nc, { shards: SHARDS });
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
});

const publish = (sku: string, payload?: string) => {
  const told = { sku, location: "shop", localDay: "2026-03-09", version: "1" };
  return nc.request(demandSubject("shop", sku), payload ?? JSON.stringify(told));
};

test("windows go to the partition of their SKU, unreadable ones to nobody, and a cut stream is told", async () => {
  await publish("BEFORE");
  const taken: [number, string][] = [];
  const warned: string[] = [];
  let cuts = 0;
  const take = (shard: number) => (message: DemandMessage) => void taken.push([shard, message.sku]);
  const feed = await followDemand(nc, {
    shards: SHARDS,
    journal: { info: () => {}, warn: (_, text) => warned.push(text), error: () => {} },
    taker: (shard) => (shard === 3 ? undefined : take(shard)),
    onCut: () => cuts++,
  });
  const skus = Array.from({ length: 20 }, (_, i) => `SKU ${i}.*`);
  const shardOf = (sku: string) => partition(toToken(sku), SHARDS);
  for (const sku of skus) await publish(sku);
  const here = skus.filter((sku) => shardOf(sku) !== 3);
  expect(here.length).toBeLessThan(skus.length);
  await until(() => taken.length === here.length, "every window is taken");
  expect(taken).toEqual(here.map((sku) => [shardOf(sku), sku]));
  const [mine] = here;
  for (const bad of ["{", "null", '{"sku":7}']) await publish(String(mine), bad);
  await until(() => warned.length === 3, "three warnings");

  // Somebody made the stream anew: nobody knows what was missed.
  const jsm = await jetstreamManager(nc);
  const { config } = await jsm.streams.info("DEMAND");
  await jsm.streams.delete("DEMAND");
  await jsm.streams.add(config);
  await until(() => cuts === 1, "the cut is told", 30_000);
  taken.length = 0;
  await publish(String(mine));
  await until(() => taken.length === 1, "windows flow again");
  await feed.stop();
}, 60_000);
