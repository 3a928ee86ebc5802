// Servers of other versions than ours, played by sockets that say what those would say.
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { warnOfPostgres, warnOfRedis } from "../../scripts/given_servers.ts";
import { prepareSystem } from "../../scripts/prepare.ts";
import { loadConfig } from "../../shared/config.ts";
import type { Database } from "../../shared/postgres.ts";
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
    ["Postgres 16.4 (Debian 16.4-1) is older than 18, the oldest supported"],
  ],
  ["18.0", []],
  ["19beta1", []],
])("warnOfPostgres() of %s", async (found, wanted) => {
  const said: string[] = [];
  const database = { run: async () => [{ found }] } as unknown as Database;
  await warnOfPostgres(database, (line) => said.push(line));
  expect(said).toEqual(wanted);
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
