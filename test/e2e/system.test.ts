// A whole system, from a till's message to what a browser reads: real servers, `onhand up` as a
// process of its own, on whichever runtime runs the tests.
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../scripts/servers/port.ts";
import { type RunningOnhand, startOnhand } from "../support/onhand.ts";
import { privateDir } from "../support/servers.ts";

let system: RunningOnhand;
let nc: NatsConnection;
const data = privateDir();

beforeAll(async () => {
  system = await startOnhand(data, ["--port", String(await freePort()), "--shards", "4"]);
  nc = await connect({ servers: system.endpoints.nats });
});
afterAll(async () => {
  await nc?.close();
  await system?.stop();
});

type Json = Record<string, unknown>;

async function http(method: string, path: string, body?: Json): Promise<[number, Json]> {
  const response = await fetch(`${system.endpoints.http}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return [response.status, (await response.json()) as Json];
}

/** What a reader sees of one SKU in all places. */
async function totals(sku: string): Promise<Json> {
  const [status, body] = await http("GET", `/v1/stock/${encodeURIComponent(sku)}`);
  return status === 200 ? (body.totals as Json) : { status };
}

const till = (location: string, sku: string, message: string) =>
  nc.publish(`inv.cmd.${location}.${sku}`, message);

test("ready means every shard runs", async () => {
  const [status, body] = await http("GET", "/readyz");
  expect(status).toBe(200);
  expect(body).toMatchObject({ ready: true, shards: { total: 4, owned: 4 } });
});

test("a till's plain messages become a level", async () => {
  till("store-3", "SKU-1094-MD", '{"qty":50}');
  till("store-3", "SKU-1094-MD", '{"qty":-2}');
  till("store-4", "SKU-1094-MD", '{"qty":7}');
  await expect
    .poll(() => totals("SKU-1094-MD"), { timeout: 10_000 })
    .toMatchObject({ onHand: 55, available: 55, reserved: 0 });
});

test("a hold reserves what is there and is refused what is not", async () => {
  const line = { sku: "E2E-1", location: "web-1" };
  const receipt = { ...line, type: "receipt", id: "r-1", qty: 3 };
  const [, decision] = await http("POST", "/v1/commands", receipt);
  expect(decision).toMatchObject({ outcome: "applied", level: { available: 3 } });
  const [again, repeat] = await http("POST", "/v1/commands", receipt);
  expect([again, repeat.outcome]).toEqual([200, "duplicate"]);
  const hold = (qty: number) => ({ lines: [{ ...line, qty }], ttlMs: 60_000, channel: "web" });
  const [held] = await http("POST", "/v1/holds", hold(2));
  expect(held).toBe(201);
  const [refused] = await http("POST", "/v1/holds", hold(2));
  expect(refused).toBe(409);
  await expect
    .poll(() => totals("E2E-1"), { timeout: 10_000 })
    .toMatchObject({ onHand: 3, reserved: 2, available: 1 });
});

test("nonsense is set aside, and what follows it is decided", async () => {
  till("store-3", "E2E-2", "{");
  till("store-3", "E2E-2", '{"qty":"many"}');
  till("store-3", "E2E-2", '{"qty":4}');
  await expect.poll(() => totals("E2E-2"), { timeout: 10_000 }).toMatchObject({ onHand: 4 });
});

test("after a SIGKILL of everything the next start knows every level", async () => {
  await nc.close();
  await system.stop("SIGKILL");
  system = await startOnhand(data, ["--port", String(await freePort())]);
  nc = await connect({ servers: system.endpoints.nats });
  expect(await totals("SKU-1094-MD")).toMatchObject({ onHand: 55 });
  expect(await totals("E2E-1")).toMatchObject({ onHand: 3, reserved: 2, available: 1 });
  till("store-3", "SKU-1094-MD", '{"qty":-5}');
  await expect.poll(() => totals("SKU-1094-MD"), { timeout: 10_000 }).toMatchObject({ onHand: 50 });
});
