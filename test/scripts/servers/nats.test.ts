// nats-server as we run it: the mapping, reloading it, permissions, and what survives a kill.
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { partition } from "../../../streams/partition.ts";
import { tillPermissions } from "../../../streams/permissions.ts";
import { privateNats } from "../../support/servers.ts";

/** Publishes to inv.cmd and returns the subject it arrived on. */
async function landing(nc: NatsConnection, sku: string): Promise<string> {
  const arrival = Promise.withResolvers<string>();
  const subscription = nc.subscribe("inv.log.>", {
    max: 1,
    callback: (_error, message) => arrival.resolve(message.subject),
  });
  await nc.flush();
  nc.publish(`inv.cmd.store-3.${sku}`, "{}");
  const subject = await arrival.promise;
  subscription.unsubscribe();
  return subject;
}

test("the mapping shards as our own partition function does", async () => {
  const server = await privateNats({ shards: 16 });
  const nc = await connect({ servers: server.url });
  for (const sku of ["SKU-1094-MD", "a", "%C3%A9t%C3%A9", "%F0%9F%8E%81-9"]) {
    expect(await landing(nc, sku)).toBe(`inv.log.1.${partition(sku, 16)}.store-3.${sku}`);
  }
  await nc.close();
  await server.stop();
});

test("reload() changes the mapping and drops no client", async () => {
  const server = await privateNats({ shards: 8 });
  const nc = await connect({ servers: server.url, reconnect: false });
  await server.reload({ epoch: 2, shards: 4 });
  expect(await landing(nc, "A")).toBe(`inv.log.2.${partition("A", 4)}.store-3.A`);
  expect(nc.isClosed()).toBe(false);
  await nc.close();
  await server.kill();
  await server.start();
  const again = await connect({ servers: server.url });
  expect(await landing(again, "A")).toMatch(/^inv\.log\.2\./);
  await again.close();
  await server.stop();
});

test("a till is let into its own location only, and not into bundles", async () => {
  const permissions = tillPermissions("store-3");
  const server = await privateNats({ users: [{ user: "till", password: "secret", permissions }] });
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow();
  const nc = await connect({ servers: server.url, user: "till", pass: "secret" });
  const refused: string[] = [];
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type === "error") refused.push(status.error.message);
    }
  })();
  nc.publish("inv.cmd.store-3.A", "{}");
  await nc.flush();
  expect(refused).toEqual([]);
  nc.publish("inv.cmd.store-4.A", "{}");
  nc.publish("inv.log.1.0.bundle", "{}");
  await nc.flush();
  await expect.poll(() => refused.length).toBe(2);
  await nc.close();
  await server.stop();
});

test.each(["default", "always"] as const)(
  "sync %s: acked messages survive a kill",
  async (sync) => {
    const server = await privateNats({ sync });
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: "S", subjects: ["s.>"] });
    for (let i = 0; i < 20; i++) await jetstream(nc).publish("s.a", `${i}`);
    await nc.close();
    await server.kill();
    await server.start();
    const again = await connect({ servers: server.url });
    const { state } = await (await jetstreamManager(again)).streams.info("S");
    expect(state.messages).toBe(20);
    await again.close();
    await server.stop();
  },
);
