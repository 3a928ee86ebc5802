import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import type { Level } from "../../shared/decisions.ts";
import { StockClient } from "../../streams/client.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { partition } from "../../streams/partition.ts";
import { tillPermissions } from "../../streams/permissions.ts";
import { readEntry } from "../../streams/stream_state.ts";
import { levelSubject, toToken } from "../../streams/subjects.ts";
import { applyTopology } from "../../streams/topology.ts";
import { privateNats } from "../support/servers.ts";
import { type FakeActor, startFakeActor } from "./fake_actor.ts";

const LOCATION = "store 3.a";
let server: NatsServer;
let admin: NatsConnection;
let actor: FakeActor;
let till: StockClient;

beforeAll(async () => {
  server = await privateNats({
    shards: 4,
    users: [
      { user: "admin", password: "p" },
      { user: "till", password: "p:/@", permissions: tillPermissions(LOCATION) },
    ],
  });
  admin = await connectNats(server.url.replace("//", "//admin:p@"), { name: "test" });
  const topology = { epoch: 1, shards: 4 };
  await applyTopology(admin, topology);
  actor = startFakeActor(admin, topology);
  const url = server.url.replace("//", `//till:${encodeURIComponent("p:/@")}@`);
  till = await StockClient.connect(url, { location: LOCATION, channel: "pos" });
});
afterAll(async () => {
  await till?.close();
  actor?.stop();
  await admin?.close();
  await server?.stop();
});

describe("StockClient", () => {
  it("stores a fact in its shard with location, channel and the time of the call", async () => {
    const sku = "SKU 1*";
    const stored = await till.sale({ sku, qty: 2, ref: "receipt-77" });
    const shard = partition(toToken(sku), 4);
    expect(stored.stream).toBe(`STOCK-1-${shard}`);
    const entry = await readEntry(admin, stored.stream, stored.seq);
    expect(entry?.subject).toBe(`inv.log.1.${shard}.store%203%2Ea.SKU%201%2A`);
    const command = JSON.parse(new TextDecoder().decode(entry?.payload)) as { at: string };
    expect(command).toMatchObject({
      type: "sale",
      sku,
      qty: 2,
      location: LOCATION,
      channel: "pos",
      ref: "receipt-77",
      id: expect.stringMatching(/^.{22}$/),
    });
    expect(Math.abs(Date.parse(command.at) - Date.now())).toBeLessThan(5_000);
  });

  it("decide() gives the decision", async () => {
    const hold = { type: "hold", hold: "cart-9", sku: "A", qty: 1, ttlMs: 600_000 } as const;
    const decision = await till.decide({ id: "h-1", ...hold });
    expect(decision).toMatchObject({ id: "h-1", outcome: "applied" });
    const again = await till.decide({ id: "h-1", ...hold }, { deadlineMs: 2_000 });
    expect(again).toMatchObject({ id: "h-1", outcome: "duplicate" });
  });

  it("may not write for another location", async () => {
    await expect(till.receipt({ sku: "A", qty: 1, location: "store-4" })).rejects.toMatchObject({
      code: "publish_denied",
      sent: false,
    });
  });

  it("onLevel() hears the levels of its location", async () => {
    const heard: Level[] = [];
    const stop = till.onLevel((level) => heard.push(level));
    await till.count({ sku: "A", counted: 5 }); // a round trip: the subscription stands
    admin.publish(levelSubject(LOCATION, "A"), JSON.stringify({ sku: "A", location: LOCATION }));
    admin.publish(levelSubject("store-4", "A"), JSON.stringify({ sku: "A", location: "store-4" }));
    await expect.poll(() => heard).toEqual([{ sku: "A", location: LOCATION }]);
    stop();
  });

  it("keeps what is written while the server is away, with the time of the call", async () => {
    await server.kill();
    const at = Date.now();
    const waiting = [till.sale({ sku: "B", qty: 1 }), till.sale({ sku: "B", qty: 2 })];
    await new Promise((resolve) => setTimeout(resolve, 400));
    await server.start();
    const [first, second] = await Promise.all(waiting);
    expect(second!.seq).toBeGreaterThan(first!.seq);
    // A connection that is surely up: a request made while one reconnects is lost.
    const fresh = await connectNats(server.url.replace("//", "//admin:p@"), { name: "test" });
    const entry = await readEntry(fresh, first!.stream, first!.seq);
    await fresh.close();
    const command = JSON.parse(new TextDecoder().decode(entry?.payload)) as { at: string };
    expect(Math.abs(Date.parse(command.at) - at)).toBeLessThan(100);
  });

  it("holds 10,000 calls while the server is away and refuses one more", async () => {
    await server.kill();
    const sell = (i: number) => till.sale({ sku: `C-${i % 100}`, qty: 1 });
    const waiting = Array.from({ length: 10_000 }, (_, i) => sell(i));
    await expect(sell(0)).rejects.toMatchObject({ code: "publisher_full", sent: false });
    await server.start();
    expect((await Promise.all(waiting)).length).toBe(10_000);
  }, 20_000);
});
