// An edge whose log becomes another one: it says so, sends nothing, and goes on when it is the old one again.
import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TOPOLOGY_BUCKET } from "../../streams/subjects.ts";
import { CURRENT_KEY, readTopology } from "../../streams/topology.ts";
import { call, type Json, until, type WholeHouse, wholeHouse } from "./support/whole_house.ts";

const SHARDS = 4;
let house: WholeHouse;
beforeAll(async () => {
  house = await wholeHouse({ shards: SHARDS });
}, 60_000);
afterAll(() => house.stop());

async function record(topology: Json): Promise<void> {
  const bucket = await new Kvm(house.nc).open(TOPOLOGY_BUCKET);
  await bucket.put(CURRENT_KEY, JSON.stringify(topology));
}
const ready = () => call(house, "GET", "/readyz");
const receive = () =>
  call(house, "POST", "/v1/commands", { type: "receipt", sku: "A", location: "L", qty: 1 });
const partOf = (body: Json) => (body.parts as Record<string, Json>).topology;
const OWN = { epoch: 1, shards: SHARDS };
const OTHER = { epoch: 1, shards: SHARDS * 2 };
const refusal = { status: 503, body: { code: "log_unavailable" } };

test("/readyz tells of another log, and from then on nothing is sent to it", async () => {
  expect(await ready()).toMatchObject({ status: 200, body: { parts: { topology: { ok: true } } } });
  await record(OTHER);
  const told = await ready();
  expect(told).toMatchObject({ status: 503, body: { ready: false } });
  expect(partOf(told.body)).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/found epoch 1 with 8 shards, expected epoch 1 with 4 shards/),
  });
  const refused = await receive();
  expect(refused).toMatchObject(refusal);
  expect(String(refused.body.detail)).toContain("found epoch 1 with 8 shards");
  expect((await call(house, "GET", "/healthz")).status).toBe(200);
});

test("who is refused makes it ask again, so that it goes on without anybody asking whether it is ready", async () => {
  await record(OWN);
  await until(async () => (await receive()).status === 200, "decides again");
  expect((await ready()).status).toBe(200);
});

test("a record that is gone is another log", async () => {
  await (await jetstreamManager(house.nc)).streams.purge(`KV_${TOPOLOGY_BUCKET}`);
  const told = await ready();
  expect([told.status, String(partOf(told.body)?.detail)]).toEqual([
    503,
    expect.stringContaining("none is recorded"),
  ]);
  await record(OWN);
  await until(async () => (await ready()).status === 200, "ready");
});

test("an edge whose connection was lost asks when it is found again", async () => {
  await record(OTHER);
  await house.nats.kill();
  await house.nats.start();
  await until(async () => {
    const { status, body } = await receive();
    return status === 503 && String(body.detail).includes("with 8 shards");
  }, "refused");
  await until(async () => (await readTopology(house.nc)).shards === OTHER.shards, "NATS is back");
  await record(OWN);
  await until(async () => (await receive()).status === 200, "decides again");
});
