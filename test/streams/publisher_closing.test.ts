// What becomes of commands under way when the publisher is closed, or the connection beneath it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import type { Command } from "../../shared/messages.ts";
import { connectNats } from "../../streams/connection.ts";
import type { PublishError } from "../../streams/publish_error.ts";
import { createPublisher } from "../../streams/publisher.ts";
import { applyTopology } from "../../streams/topology.ts";
import { privateDir, privateNats } from "../support/servers.ts";

const TOPOLOGY = { epoch: 1, shards: 1 };
const LOOSE = { ...TOPOLOGY, mode: "single", keepOrder: false, singlesInFlightMax: 4 } as const;
let counter = 0;
const sale = (): Command =>
  ({ type: "sale", id: `c-${counter++}`, sku: "A", location: "store-1", qty: 1 }) as Command;

/** No stream keeps what is published here: every entry waits for one until it is given up. */
let bare: NatsServer;
beforeAll(async () => {
  bare = await privateNats({ shards: 1 });
});
afterAll(async () => {
  await bare?.stop();
});

describe("Publisher.close()", () => {
  it("tells every command that is not stored, and lets none leave that waited for a place", async () => {
    const nc = await connectNats(bare.url, { name: "test" });
    const publisher = createPublisher(nc, LOOSE);
    const posts = Array.from({ length: 20 }, () => publisher.post(sale()));
    const settled = Promise.allSettled(posts);
    await expect.poll(() => publisher.stats().sent).toBe(4);
    await publisher.close(20);
    expect(publisher.stats()).toMatchObject({ commands: 0, bytes: 0, unacked: 0, sent: 4 });
    for (const result of await settled)
      expect(result).toMatchObject({ reason: { code: "publisher_closed" } });
    await nc.close();
  });
});

describe("Publisher on a connection that is closed", () => {
  it("tells thousands that waited behind a full window", async () => {
    const nc = await connectNats(bare.url, { name: "test" });
    const publisher = createPublisher(nc, LOOSE);
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 30_000; i++) publisher.trySend(sale(), (error) => codes.push(error?.code));
    await nc.close();
    await expect.poll(() => codes.length, { timeout: 5_000 }).toBe(30_000);
    // Only of those in the window it is not known.
    const unsure = codes.filter((code) => code !== "publisher_closed");
    expect(unsure.length).toBeLessThanOrEqual(4);
    expect(publisher.stats()).toMatchObject({ commands: 0, bytes: 0, unacked: 0 });
    await publisher.close();
  });

  it("still says of a stored command that it is, when its decision cannot be asked for again", async () => {
    const dir = privateDir("nats");
    let server = await privateNats({ shards: 1, dir });
    const nc = await connectNats(server.url, { name: "test" });
    await applyTopology(nc, TOPOLOGY);
    const publisher = createPublisher(nc, TOPOLOGY);
    const told = publisher.decide(sale()).catch((error: PublishError) => error);
    await expect.poll(() => publisher.stats().acked).toBe(1);
    await server.stop();
    await expect.poll(() => publisher.stats().connected).toBe(false);
    // It closes as soon as it is connected again.
    await nc.drain().catch(() => {});
    server = await privateNats({ shards: 1, dir, port: server.port });
    await expect.poll(() => publisher.stats().connected).toBe(true);
    expect(publisher.stats()).toMatchObject({ commands: 0, bytes: 0, failed: 0 });
    await publisher.close(0);
    expect(await told).toMatchObject({ code: "decision_timeout", sent: true });
    await server.stop();
  });
});
