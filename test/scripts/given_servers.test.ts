// Servers of other versions than ours, played by sockets that say what those would say.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { makePartitions } from "../../actors/runtime/house_keeping.ts";
import { warnOfPostgres, warnOfRedis } from "../../scripts/given_servers.ts";
import { prepareSystem } from "../../scripts/prepare.ts";
import { loadConfig } from "../../shared/config.ts";
import { migrate } from "../../shared/migrate.ts";
import { Database, type Sql } from "../../shared/postgres.ts";
import { freshDatabase, sharedServers } from "../support/servers.ts";

const open: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** A port that greets, and answers what comes. */
async function played(greeting: string, answer: (text: string) => string): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => socket.write(answer(chunk.toString())));
    socket.write(greeting);
  });
  open.push({ server, sockets });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

test("prepareSystem() refuses a nats-server that is too old", async () => {
  const info = { version: "2.9.10", max_payload: 1_048_576, headers: true, proto: 1 };
  const port = await played(`INFO ${JSON.stringify(info)}\r\n`, (text) =>
    text.includes("PING") ? "PONG\r\n" : "",
  );
  const natsUrl = `nats://127.0.0.1:${port}`;
  const database = await freshDatabase();
  const endpoints = { nats: natsUrl, postgres: database.url, redis: sharedServers().redis };
  const config = loadConfig({ ONHAND_NATS_URL: natsUrl });
  const prepared = prepareSystem(config, endpoints, { setMapping: async () => {} }, () => {});
  await expect(prepared).rejects.toMatchObject({
    code: "nats_too_old",
    message: expect.stringContaining("its version is 2.9.10, expected at least 2.12.0"),
  });
  await database.drop();
});

test.each([
  [
    "16.4 (Debian 16.4-1)",
    64,
    500,
    ["Postgres 16.4 (Debian 16.4-1) is older than 18, the oldest supported"],
  ],
  ["18.0", 64, 1_024, []],
  [
    "18.0",
    64,
    1_025,
    [
      "a look-up in the ledger takes 1025 locks, and Postgres' max_locks_per_transaction is 64: set it to 256",
    ],
  ],
  ["19beta1", 256, 4_096, []],
])("warnOfPostgres() of %s with %i for %i locks", async (found, setting, locks, wanted) => {
  const said: string[] = [];
  const database = { run: async () => [{ found, setting, locks }] } as unknown as Database;
  await warnOfPostgres(database, (line) => said.push(line));
  expect(said).toEqual(wanted);
});

test("warnOfPostgres() counts the locks that a look-up takes", async () => {
  const fresh = await freshDatabase();
  const database = new Database(fresh.url, { connectionsMax: 1, name: "test" });
  await migrate(database);
  await makePartitions(database, Date.now(), 10);
  const taken = await database.transaction(async (sql) => {
    await sql`select from stock_transaction where epoch = -1`;
    const [row] = await sql<{ n: number }[]>`
      select count(distinct relation) as n from pg_locks join pg_class c on c.oid = relation
      where pid = pg_backend_pid() and relname like 'stock_transaction%'`;
    return row?.n ?? 0;
  });
  const said: string[] = [];
  await warnOfPostgres(
    // As if it were a Postgres of few locks.
    {
      run: async (work: (sql: Sql) => Promise<object[]>) => {
        const rows = await database.run(work);
        return rows.map((row) => ({ ...row, setting: 4 }));
      },
    } as unknown as Database,
    (line) => said.push(line),
  );
  expect(taken).toBeGreaterThan(70);
  expect(said).toEqual([expect.stringContaining(`takes ${taken} locks`)]);
  await database.close();
  await fresh.drop();
});

test.each([
  ["6.0.16", ["Redis 6.0.16 is older than 6.2.0, the oldest supported"]],
  ["7.0.15", []],
])("warnOfRedis() of %s", async (version, wanted) => {
  const info = `# Server\r\nredis_version:${version}\r\nos:Linux 6.18.0\r\n`;
  const port = await played("", (text) =>
    [...text.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)]
      .map(([, verb]) => (verb === "info" ? `$${info.length}\r\n${info}\r\n` : "+OK\r\n"))
      .join(""),
  );
  const said: string[] = [];
  await warnOfRedis(`redis://127.0.0.1:${port}`, (line) => said.push(line));
  expect(said).toEqual(wanted);
});

test("of the servers of the tests nothing is said", async () => {
  const said: string[] = [];
  await warnOfRedis(sharedServers().redis, (line) => said.push(line));
  expect(said).toEqual([]);
});
