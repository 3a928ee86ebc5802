// The shared set of a run: three real servers, and a database of one's own on each.
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import postgres from "postgres";
import { expect, test } from "vitest";
import { freshDatabase, freshRedis, privateNats, sharedServers } from "../../support/servers.ts";

test("freshDatabase() gives an empty Postgres 18 database", async () => {
  const database = await freshDatabase();
  const sql = postgres(database.url, { max: 1 });
  const [row] = await sql`select current_setting('server_version_num')::int as version,
    (select count(*)::int from pg_tables where schemaname = 'public') as tables`;
  expect(row?.version).toBeGreaterThanOrEqual(180_000);
  expect(row?.tables).toBe(0);
  await sql.end();
  await database.drop();
});

test("freshRedis() gives databases that do not see each other", async () => {
  const [one, two] = [new Redis(await freshRedis()), new Redis(await freshRedis())];
  await one.set("key", "one");
  expect(await two.get("key")).toBeNull();
  expect(await one.get("key")).toBe("one");
  one.disconnect();
  two.disconnect();
});

test("privateNats() maps inv.cmd.<location>.<sku> into the log of its shard", async () => {
  const server = await privateNats({ shards: 8, epoch: 3 });
  expect(server.url).not.toBe(sharedServers().nats);
  const nc = await connect({ servers: server.url });
  const seen = new Promise<string>((resolve) =>
    nc.subscribe("inv.log.>", { callback: (_error, message) => resolve(message.subject) }),
  );
  await nc.flush();
  nc.publish("inv.cmd.store-3.SKU-1094-MD", '{"qty":-2}');
  expect(await seen).toMatch(/^inv\.log\.3\.[0-7]\.store-3\.SKU-1094-MD$/);
  await nc.close();
  await server.stop();
});
