// The verbs as NATS services, over the whole house: they do what the routes do, and take every name.
import { headers as natsHeaders } from "@nats-io/nats-core";
import { Svcm } from "@nats-io/services";
import { Hono } from "hono";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DecisionAnswer, HistoryAnswer } from "../../http/schemas.ts";
import { ENDPOINTS } from "../../http/service_endpoints.ts";
import { startServices } from "../../http/services.ts";
import { connectNats } from "../../streams/connection.ts";
import { privateNats } from "../support/servers.ts";
import { call, type Json, until, type WholeHouse, wholeHouse } from "./support/whole_house.ts";

let house: WholeHouse;
beforeAll(async () => {
  house = await wholeHouse();
}, 60_000);
afterAll(() => house.stop());

const get = (path: string) => call(house, "GET", path);
const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  call(house, "POST", path, body, headers);

const request = async (subject: string, body: unknown, key?: string) => {
  const headers = natsHeaders();
  if (key !== undefined) headers.set("Idempotency-Key", key);
  const options = { timeout: 5_000, headers };
  const message = await house.nc.request(subject, JSON.stringify(body), options);
  const code = message.headers?.get("Nats-Service-Error-Code") ?? "";
  return { code, body: message.json() as Json };
};

test("are listed for nats micro ls", async () => {
  const infos = [];
  for await (const info of await new Svcm(house.nc).client().info("onhand")) infos.push(info);
  const subjects = infos.flatMap((info) => info.endpoints.map((endpoint) => endpoint.subject));
  const ours = ENDPOINTS.map(({ group, name }) => `onhand.${group}.${name}`);
  expect(subjects.sort()).toEqual(ours.sort());
  expect(ours).toContain("onhand.stock.get");
  expect(ours).toContain("onhand.catalog.list");
});

test("do what the routes do", async () => {
  const receipt = { type: "receipt", sku: "svc", location: "north", qty: 4 };
  expect((await request("onhand.stock.command", receipt)).body).toMatchObject({
    outcome: "applied",
  });
  const placed = await request("onhand.hold.place", {
    lines: [{ sku: "svc", qty: 1 }],
    ttlMs: 60_000,
  });
  expect(placed).toMatchObject({ code: "", body: { lines: [{ available: 3 }] } });
  const stock = await request("onhand.stock.get", { sku: "svc", consistency: "strong" });
  expect(stock.body).toMatchObject({ totals: { available: 3 } });
  const hold = String(placed.body.hold);
  expect((await request("onhand.hold.extend", { id: hold, ttlMs: 90_000 })).code).toBe("");
  expect((await request("onhand.hold.fulfill", { id: hold })).code).toBe("");
  expect((await request("onhand.hold.release", { id: hold })).code).toBe("409");
});

test("fulfil the part that is asked for, and refuse what is wrong", async () => {
  await request("onhand.stock.command", {
    type: "receipt",
    sku: "svc-part",
    location: "north",
    qty: 5,
  });
  const lines = [{ sku: "svc-part", qty: 5 }];
  const placed = await request("onhand.hold.place", { lines, ttlMs: 60_000 });
  const id = String(placed.body.hold);
  const wrong = await request("onhand.hold.fulfill", { id, qty: "x" });
  expect(wrong).toMatchObject({ code: "400", body: { code: "invalid_field", field: "qty" } });
  const unknown = await request("onhand.hold.fulfill", { id, quantity: 1 });
  expect(unknown).toMatchObject({ code: "400", body: { field: "quantity" } });
  const part = await request("onhand.hold.fulfill", { id, qty: 1, ref: "parcel 1" });
  expect(part).toMatchObject({ code: "", body: { level: { onHand: 4, reserved: 4 } } });
  const last = await request("onhand.hold.fulfill", { id, qty: 1, final: true });
  expect(last).toMatchObject({ code: "", body: { level: { onHand: 3, reserved: 0 } } });
  await until(async () => {
    const { rows } = HistoryAnswer.parse((await get("/v1/stock/svc-part/history")).body);
    return rows.some((row) => row.ref === "parcel 1");
  }, "committed");
});

test("take a key of any text, the same as over HTTP", async () => {
  const body = { type: "receipt", sku: "svc-key", location: "north", qty: 4 };
  const key = "Liefer\u00fcng-\u20ac-\u4ed3";
  const first = await request("onhand.stock.command", body, key);
  expect(first).toMatchObject({ code: "", body: { outcome: "applied", id: key } });
  const bytes = Buffer.from(key).toString("latin1");
  const again = await post("/v1/commands", body, { "idempotency-key": bytes });
  expect(again.body).toMatchObject({ outcome: "duplicate", seq: first.body.seq });
  const long = await request("onhand.stock.command", body, "\u4ed3".repeat(129));
  expect(long).toMatchObject({ code: "400", body: { field: "Idempotency-Key" } });
});

test("answer problems as the routes do", async () => {
  const missing = await request("onhand.stock.get", { sku: "nothing-known" });
  expect(missing).toMatchObject({ code: "404", body: { code: "unknown_sku" } });
  for (const subject of ["onhand.stock.get", "onhand.stock.history", "onhand.hold.release"]) {
    const unnamed = await request(subject, {});
    expect(unnamed).toMatchObject({ code: "400", body: { code: "invalid_field" } });
  }
  const wrong = await request("onhand.stock.command", { type: "sale" });
  expect(wrong).toMatchObject({ code: "400", body: { code: "invalid_field" } });
  const deep = `{"sku":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
  for (const subject of ["onhand.stock.get", "onhand.stock.command", "onhand.hold.place"]) {
    const { headers } = await house.nc.request(subject, deep, { timeout: 5_000 });
    expect([subject, headers?.get("Nats-Service-Error-Code")]).toEqual([subject, "400"]);
  }
  const message = await house.nc.request("onhand.hold.place", "{", { timeout: 5_000 });
  expect(message.headers?.get("Nats-Service-Error-Code")).toBe("400");
});

test("look a decision up, and list levels, as over HTTP", async () => {
  for (const sku of ["list-a", "list-b"]) {
    const receipt = { type: "receipt", id: "r1", sku, location: "shelf", qty: 2 };
    await request("onhand.stock.command", receipt);
  }
  const asked = { id: "r1", sku: "list-a" };
  await until(async () => (await request("onhand.stock.decision", asked)).code === "", "committed");
  const decided = DecisionAnswer.parse((await request("onhand.stock.decision", asked)).body);
  expect(decided).toEqual((await get("/v1/commands/r1?sku=list-a")).body);
  const never = await request("onhand.stock.decision", { ...asked, id: "never" });
  expect(never).toMatchObject({ code: "404", body: { code: "undecided" } });

  const two = await request("onhand.stock.list", { sku: ["list-a", "list-b", "list-c"] });
  expect(two.body).toMatchObject({
    stock: [{ sku: "list-a" }, { sku: "list-b" }],
    unknown: ["list-c"],
  });
  await until(async () => {
    const { body } = await request("onhand.stock.list", { location: "shelf" });
    return (body.stock as unknown[]).length === 2;
  }, "listed");
  const page = await request("onhand.stock.list", { location: "shelf", limit: 1 });
  expect(page.body).toMatchObject({ stock: [{ sku: "list-a" }], next: expect.any(String) });
  const rest = await request("onhand.stock.list", { location: "shelf", cursor: page.body.next });
  expect(rest.body).toMatchObject({ stock: [{ sku: "list-b" }] });
  for (const wrong of [{}, { sku: "list-a", kind: "x" }]) {
    expect((await request("onhand.stock.list", wrong)).code).toBe("400");
  }
});

test("read master data, policies and forecasts", async () => {
  const rows = [{ sku: "svc-item", name: "Socks" }];
  expect((await call(house, "PUT", "/v1/items", rows)).status).toBe(200);
  await call(house, "PUT", "/v1/vendors", [{ vendor: "acme" }]);
  await call(house, "PUT", "/v1/catalog", [{ vendor: "acme", sku: "svc-item" }]);
  const item = await request("onhand.items.get", { sku: "svc-item" });
  expect(item).toMatchObject({ code: "", body: { name: "Socks" } });
  expect((await request("onhand.items.get", { sku: "none" })).code).toBe("404");
  const listed = await request("onhand.items.list", { limit: 10 });
  expect(listed.body).toEqual((await get("/v1/items?limit=10")).body);
  const catalog = await request("onhand.catalog.list", { vendor: "acme" });
  expect(catalog.body).toMatchObject({ catalog: [{ sku: "svc-item" }] });
  for (const subject of ["onhand.policy.get", "onhand.forecast.get"]) {
    expect([subject, (await request(subject, { sku: "none" })).code]).toEqual([subject, "404"]);
  }
});

test("take names that cannot stand in a path; over HTTP these are told", async () => {
  for (const sku of [".", ".."]) {
    const at = { sku, location: sku };
    await request("onhand.stock.command", { type: "receipt", id: sku, ...at, qty: 3 });
    const stock = await request("onhand.stock.get", { ...at, consistency: "strong" });
    expect(stock).toMatchObject({ code: "", body: { sku, totals: { available: 3 } } });
    const same = await get(`/v1/stock?sku=${sku}&location=${sku}`);
    expect(same.body).toMatchObject({ stock: [{ sku, totals: { available: 3 } }] });
    const refused = await post("/v1/holds", { id: sku, lines: [{ sku, qty: 1 }], ttlMs: 9_000 });
    expect(refused).toMatchObject({ status: 400, body: { field: "id" } });

    // A till may have held under such an id all the same.
    const hold = { type: "hold", hold: sku, ...at, qty: 2, ttlMs: 60_000 };
    expect((await request("onhand.stock.command", hold)).code).toBe("");
    const found = () => request("onhand.hold.get", { id: sku, sku });
    await until(async () => (await found()).code === "", "committed");
    expect((await found()).body).toMatchObject({ hold: sku, lines: [{ ...at, qty: 2 }] });
    expect((await request("onhand.hold.fulfill", { id: sku, sku, qty: 1 })).code).toBe("");
    expect((await request("onhand.hold.release", { id: sku, sku })).code).toBe("");
    expect((await request("onhand.stock.history", at)).body).toMatchObject({ sku });
    const decided = await request("onhand.stock.decision", { id: sku, sku });
    expect(decided).toMatchObject({ code: "", body: { id: sku, outcome: "applied" } });
  }
  for (const [method, path, status] of [
    ["GET", "/v1/stock/.", 404],
    ["GET", "/v1/stock/%2e%2E", 404],
    ["GET", "/v1/stock/../history", 404],
    ["GET", "/v1/commands/..?sku=A", 404],
    ["DELETE", "/v1/holds/.?sku=A", 404],
    ["POST", "/v1/holds/../fulfill?sku=A", 404],
    ["POST", "/v1/holds/./extend?sku=A", 405],
    ["GET", "/v1/items/.", 404],
  ] as const) {
    const body = method === "POST" ? {} : undefined;
    const answer = await call(house, method, path, body);
    expect([path, answer.status]).toEqual([path, status]);
    expect(answer.body.detail).toContain("`.` and `..` cannot stand in a path");
  }
});

test("an answer too large for one message is told, and nothing breaks", async () => {
  const app = new Hono();
  app.get("/v1/stock/:sku", (c) =>
    c.json({ sku: c.req.param("sku"), text: "x".repeat(2_000_000) }),
  );
  const errors: string[] = [];
  const log = { warn: () => {}, error: (_fields: unknown, text: string) => errors.push(text) };
  const own = await privateNats();
  const nc = await connectNats(own.url, { name: "test" });
  const services = await startServices(nc, { app, token: undefined, log });
  const { headers, data } = await nc.request("onhand.stock.get", '{"sku":"A"}', { timeout: 5_000 });
  expect(headers?.get("Nats-Service-Error-Code")).toBe("413");
  const problem = JSON.parse(new TextDecoder().decode(data)) as Json;
  expect(problem).toMatchObject({ code: "answer_too_large", status: 413 });
  expect(problem.detail).toMatch(/found 2\d{6} bytes, expected at most 1047552/);
  expect(errors).toEqual([]);
  await services.stop();
  await nc.close();
  await own.stop();
});
