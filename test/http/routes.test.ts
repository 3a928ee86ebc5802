// Contract tests of the routes over a fake stock actor: what each answers when all is well, and what
// retries, deadlines and absent parts do. Answers are checked against the schemas OpenAPI is made of.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { z } from "zod";
import { DecisionAnswer, HoldAnswer, StockAnswer, StockListAnswer } from "../../http/schemas.ts";
import type { Level } from "../../shared/decisions.ts";
import { OnhandError } from "../../shared/errors.ts";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
beforeEach(async () => {
  house = await edgeOfFake();
});
afterEach(async () => {
  expect(house.errors).toEqual([]);
  await house.stop();
});

const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  send(house.app, "POST", path, body, headers);
const get = (path: string) => Promise.resolve(house.app.request(path));
const receive = (sku: string, qty: number, location = "L") =>
  post("/v1/commands", { type: "receipt", sku, location, qty });

async function as<T extends z.ZodType>(schema: T, response: Response): Promise<z.output<T>> {
  return schema.parse(await response.json());
}

const AWAY = new OnhandError("publish_not_sent", "Cannot publish: no connection", {
  fields: { sent: false },
});
const OPEN = new OnhandError("decision_timeout", "Cannot tell", { fields: { sent: true } });

describe("POST /v1/commands", () => {
  test("answers a fact with its decision and level", async () => {
    const decision = await as(DecisionAnswer, await receive("A", 5));
    expect(decision).toMatchObject({ outcome: "applied", level: { onHand: 5 } });
    expect(decision.id).not.toBe("");
  });

  test("a retry under one Idempotency-Key is decided once and says so", async () => {
    const sale = { type: "sale", sku: "A", location: "L", qty: 1 };
    const key = { "idempotency-key": '"till 7, receipt 12"' };
    const first = await as(DecisionAnswer, await post("/v1/commands", sale, key));
    const second = await as(DecisionAnswer, await post("/v1/commands", sale, key));
    expect(first).toMatchObject({ id: "till 7, receipt 12", outcome: "applied" });
    const { level, ...told } = first;
    const { unavailable: _u, atp: _a, inventoryPosition: _p, ...kept } = level as Level;
    expect(second).toEqual({ ...told, level: kept, outcome: "duplicate", first: "applied" });
    const other = await post("/v1/commands", { ...sale, qty: 2 }, key);
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ code: "id_conflict" });
  });

  test("a rejection is a problem that carries the decision", async () => {
    const answer = await post("/v1/commands", {
      type: "hold",
      sku: "A",
      location: "L",
      hold: "h",
      qty: 1,
      ttlMs: 1000,
    });
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({
      type: "/problems/insufficient-available",
      decision: { outcome: "rejected", reason: "insufficient_available" },
    });
  });

  test("a batch answers line by line, with ids under the key", async () => {
    const lines = ["A", "B", "C"].map((sku) => ({ type: "receipt", sku, location: "L", qty: 1 }));
    const answer = await post("/v1/commands", lines, { "idempotency-key": "delivery-9" });
    const { results } = (await answer.json()) as { results: { decision: { id: string } }[] };
    expect(results.map((result) => result.decision.id)).toEqual([
      "delivery-9.0",
      "delivery-9.1",
      "delivery-9.2",
    ]);
  });

  test("503 when surely nothing was stored", async () => {
    house.actor.fault = AWAY;
    const answer = await receive("A", 1);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(await answer.json()).toMatchObject({ code: "log_unavailable" });
  });

  test("202 with a Location when it may be stored", async () => {
    house.actor.fault = OPEN;
    const key = { "idempotency-key": "a/b" };
    const body = { type: "receipt", sku: "A B", location: "L", qty: 1 };
    const answer = await post("/v1/commands", body, key);
    expect(answer.status).toBe(202);
    expect(answer.headers.get("location")).toBe("/v1/commands/a%2Fb?sku=A+B&location=L");
    const later = await get(answer.headers.get("location") ?? "");
    expect(await later.json()).toMatchObject({ status: 404, code: "undecided" });
  });
});

describe("POST /v1/holds", () => {
  const hold = (lines: object[], more: object = {}, headers?: Record<string, string>) =>
    post("/v1/holds", { lines, ttlMs: 60_000, ...more }, headers);

  test("holds one line, findable by its id alone", async () => {
    await receive("A/1", 3);
    const answer = await hold([{ sku: "A/1", location: "L", qty: 2 }]);
    expect(answer.status).toBe(201);
    const placed = await as(HoldAnswer, answer);
    expect(placed.lines).toEqual([{ sku: "A/1", location: "L", qty: 2, available: 1 }]);
    expect(placed.expiresAt).toBe("2026-01-01T00:01:00.000Z");
    const path = answer.headers.get("location") ?? "";
    expect(path).toBe(`/v1/holds/${placed.hold}`);
    const done = await post(`${path}/fulfill?location=L`, {});
    expect(done.status).toBe(200);
    const again = await post(`${path}/fulfill?location=L`, {});
    expect(await again.json()).toMatchObject({ status: 409, code: "hold_finished" });
  });

  test("fulfills what the body says, though no header tells of a body", async () => {
    await receive("A", 3);
    const { hold: id } = await as(HoldAnswer, await hold([{ sku: "A", location: "L", qty: 3 }]));
    const fulfill = (body: BodyInit | null) =>
      house.app.request(`/v1/holds/${id}/fulfill?location=L`, { method: "POST", body });
    const part = new Blob([JSON.stringify({ qty: 1, ref: "parcel 1" })]);
    expect((await fulfill(part)).status).toBe(200);
    expect(house.actor.received.at(-1)).toMatchObject({ qty: 1, ref: "parcel 1" });
    for (const [body, status] of [
      ["qty=1", 415],
      [new Blob(["{"]), 400],
      [new Blob(['{"qty":"1"}']), 400],
      // Finished by now: nothing said means all of it.
      ["", 409],
      [null, 409],
    ] as const) {
      expect([body, (await fulfill(body)).status]).toEqual([body, status]);
    }
    expect(house.actor.received.at(-1)).not.toHaveProperty("qty");
  });

  test("says what is short and holds nothing", async () => {
    await receive("A", 1);
    const answer = await hold([{ sku: "A", location: "L", qty: 3 }]);
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({
      code: "insufficient_available",
      lines: [{ sku: "A", location: "L", qty: 3, short: 2, available: 1 }],
    });
    const { totals } = await as(StockAnswer, await get("/v1/stock/A"));
    expect(totals).toMatchObject({ available: 1, reserved: 0 });
  });

  test("the same key is the same hold, held once", async () => {
    await receive("A", 5);
    const key = { "idempotency-key": "basket-1" };
    const lines = [{ sku: "A", location: "L", qty: 2 }];
    const first = await as(HoldAnswer, await hold(lines, {}, key));
    const second = await as(HoldAnswer, await hold(lines, {}, key));
    expect(second).toEqual({ ...first, duplicate: true });
    const { totals } = await as(StockAnswer, await get("/v1/stock/A"));
    expect(totals).toMatchObject({ reserved: 2 });
  });

  test("a client's own id replaces its quantity", async () => {
    await receive("A", 5);
    await hold([{ sku: "A", location: "L", qty: 5 }], { id: "mine" });
    const answer = await hold([{ sku: "A", location: "L", qty: 2 }], { id: "mine" });
    expect(answer.headers.get("location")).toBe("/v1/holds/mine?sku=A");
    expect((await as(HoldAnswer, answer)).lines[0]?.available).toBe(3);
  });

  test("DELETE releases", async () => {
    await receive("A", 5);
    const answer = await hold([{ sku: "A", location: "L", qty: 5 }]);
    const path = answer.headers.get("location") ?? "";
    const released = await house.app.request(`${path}?location=L&reason=changed`, {
      method: "DELETE",
    });
    expect(released.status).toBe(200);
    expect(house.actor.received.at(-1)).toMatchObject({ type: "release", reason: "changed" });
  });

  test("503 and 202 as for commands", async () => {
    house.actor.fault = AWAY;
    expect((await hold([{ sku: "A", qty: 1 }])).status).toBe(503);
    house.actor.fault = OPEN;
    const answer = await hold([{ sku: "A", qty: 1 }]);
    expect(answer.status).toBe(202);
    expect(answer.headers.get("location")).toMatch(/^\/v1\/holds\/h1\.QQ\./);
  });
});

describe("GET /v1/stock", () => {
  test("one SKU with any name", async () => {
    for (const sku of [
      "a.b",
      "a b",
      "*",
      "a/b",
      "100%",
      "🧦 red",
      "x".repeat(200),
      "a?b#c",
      "%41",
    ]) {
      await receive(sku, 2);
      const answer = await get(`/v1/stock/${encodeURIComponent(sku)}`);
      expect((await as(StockAnswer, answer)).sku).toBe(sku);
    }
  });

  test("totals clamp per location, then sum", async () => {
    await receive("A", 5, "north");
    await post("/v1/commands", { type: "sale", sku: "A", location: "south", qty: 2 });
    const stock = await as(StockAnswer, await get("/v1/stock/A"));
    expect(stock.totals).toMatchObject({ onHand: 5, available: 5, atp: { default: 5 } });
    const south = await as(StockAnswer, await get("/v1/stock/A?location=south"));
    expect(south.locations).toMatchObject([{ location: "south", onHand: -2 }]);
  });

  test("several SKUs, the unknown told", async () => {
    await receive("A", 1);
    const list = await as(StockListAnswer, await get("/v1/stock?sku=A&sku=none&sku=A"));
    expect(list.stock.map((stock) => stock.sku)).toEqual(["A"]);
    expect(list.unknown).toEqual(["none"]);
  });

  test("consistency=strong sends a tick first", async () => {
    await receive("A", 1);
    await get("/v1/stock/A?consistency=strong");
    expect(house.actor.received.at(-1)).toMatchObject({ type: "tick", sku: "A" });
  });

  test("while the registry is away the checkpoint answers, marked stale", async () => {
    await house.database.sql`
      insert into stock_level (sku, location, epoch, shard, on_hand, sellable, unavailable,
        unavailable_by_bucket, reserved, firm, available, backordered, in_transit, on_order,
        inventory_position, supplied, movement, version, updated_at)
      values ('A', 'L', 1, 0, 7, 6, 1, '{"damaged":1}', 2, 0, 4, 0, 0, 3, 9, true, 0,
        '0001.00000000000007.000', now())`;
    house.actor.registryAway = true;
    const stock = await as(StockAnswer, await get("/v1/stock/A"));
    expect(stock).toMatchObject({
      stale: true,
      totals: { onHand: 7, available: 4 },
      locations: [{ unavailable: { damaged: 1 }, version: "0001.00000000000007.000" }],
    });
  });
});

describe("POST /api/supply-chain/sync-erp", () => {
  test("tells truly what has the change and what has not", async () => {
    const form = {
      sku: "SKU-1094-MD",
      qtyChange: -2,
      warehouseId: "store-3",
      timestamp: "2026-01-01T00:00:00Z",
    };
    const answer = await post("/api/supply-chain/sync-erp", form);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      sku: "SKU-1094-MD",
      synchronized: false,
      sync_latency_ms: expect.any(Number),
      updated_endpoints: ["log", "registry"],
      pending_endpoints: ["sap-s4hana", "oracle-netsuite", "odoo"],
      timestamp: "2026-01-01T00:00:00.000Z",
    });
    expect(house.actor.received[0]).toMatchObject({ type: "sale", qty: 2, location: "store-3" });
  });

  test("the registry is pending while it is away", async () => {
    house.actor.registryAway = true;
    const form = { sku: "A", qtyChange: 3, warehouseId: "L" };
    const body = await (await post("/api/supply-chain/sync-erp", form)).json();
    expect(body).toMatchObject({
      updated_endpoints: ["log"],
      pending_endpoints: ["registry", "sap-s4hana", "oracle-netsuite", "odoo"],
    });
  });

  test.each([
    [{ sku: "A", qtyChange: 0, warehouseId: "L" }, "qtyChange"],
    [{ sku: "A", qtyChange: 1.5, warehouseId: "L" }, "qtyChange"],
    [{ sku: "A", qtyChange: 1 }, "warehouseId"],
    [{ sku: "A", qtyChange: 1, warehouseId: "L", timestamp: "now" }, "timestamp"],
  ])("%o is refused for %s", async (form, field) => {
    const answer = await post("/api/supply-chain/sync-erp", form);
    expect(await answer.json()).toMatchObject({ status: 400, field });
  });
});

describe("master data", () => {
  const put = (path: string, body: unknown, type = "application/json") =>
    send(house.app, "PUT", path, body, { "content-type": type });

  test("items are merged: absent stays, null clears", async () => {
    const first = await put("/v1/items", [
      { sku: "A", name: "Shirt", unitCost: 1250, currency: "EUR", attributes: { size: "M" } },
    ]);
    expect(await first.json()).toEqual({ created: 1, updated: 0 });
    const second = await put("/v1/items", [{ sku: "A", name: null, pack: 6 }, { sku: "B" }]);
    expect(await second.json()).toEqual({ created: 1, updated: 1 });
    const item = await (await get("/v1/items/A")).json();
    expect(item).toEqual({
      sku: "A",
      unitCost: 1250,
      currency: "EUR",
      pack: 6,
      attributes: { size: "M" },
      updatedAt: expect.any(String),
    });
  });

  test("CSV with a byte order mark, other spellings and empty cells", async () => {
    const csv = '\uFEFFSKU,Name,unit_cost\r\n"a,1",Sock,\r\nb,"say ""hi""",5\r\n';
    expect(await (await put("/v1/items", csv, "text/csv")).json()).toEqual({
      created: 2,
      updated: 0,
    });
    const { items } = (await (await get("/v1/items")).json()) as { items: object[] };
    expect(items).toMatchObject([
      { sku: "a,1", name: "Sock" },
      { sku: "b", name: 'say "hi"', unitCost: 5 },
    ]);
  });

  test("locations with zones, listed page by page", async () => {
    const rows = ["a", "b", "c"].map((location) => ({ location, timeZone: "Europe/Berlin" }));
    await put("/v1/locations", rows);
    await put("/v1/locations", [{ location: "b", kind: "warehouse" }]);
    const first = (await (await get("/v1/locations?limit=2")).json()) as Page;
    expect(first.locations).toMatchObject([
      { location: "a", kind: "store", timeZone: "Europe/Berlin" },
      { location: "b", kind: "warehouse", timeZone: "Europe/Berlin" },
    ]);
    const second = (await (await get(`/v1/locations?limit=2&cursor=${first.next}`)).json()) as Page;
    expect(second.locations).toHaveLength(1);
    expect(second.next).toBeUndefined();
  });

  test("vendors and their catalogs, told apart by vendor and SKU", async () => {
    await put("/v1/vendors", "vendor,name\nacme,Acme Textiles\nbolt,Bolt\n", "text/csv");
    const csv =
      "vendor,sku,price,currency,minimum,leadTimeDays\nacme,A,610,EUR,24,9\nbolt,A,,,,4\n";
    expect(await (await put("/v1/catalog", csv, "text/csv")).json()).toEqual({
      created: 2,
      updated: 0,
    });
    const again = await put("/v1/catalog", [{ vendor: "acme", sku: "A", leadTimeDays: 12 }]);
    expect(await again.json()).toEqual({ created: 0, updated: 1 });
    expect(await (await get("/v1/catalog?sku=A")).json()).toMatchObject({
      catalog: [
        { vendor: "acme", price: 610, currency: "EUR", minimum: 24, multiple: 1, leadTimeDays: 12 },
        { vendor: "bolt", minimum: 1, multiple: 1, leadTimeDays: 4 },
      ],
    });
    const one = (await (await get("/v1/catalog?limit=1")).json()) as { next: string };
    expect(await (await get(`/v1/catalog?limit=1&cursor=${one.next}`)).json()).toMatchObject({
      catalog: [{ vendor: "bolt" }],
    });
    expect(await (await get("/v1/vendors/bolt")).json()).toMatchObject({ name: "Bolt" });
    expect((await get("/v1/vendors/nobody")).status).toBe(404);
    expect(await (await get("/v1/catalog?vendor=nobody")).json()).toEqual({ catalog: [] });
  });

  test("signals for all, a location, a SKU; names nobody has heard of are kept and told", async () => {
    await put("/v1/items", [{ sku: "known" }]);
    await put("/v1/locations", [{ location: "shop" }]);
    const csv =
      "name,location,sku,day,value\nholiday,,,2026-12-25,1\nmarket,shop,,2026-12-25,0.97\n" +
      "promotion,shop,known,2026-12-24,1\npromotion,popup,new,2026-12-24,2\n";
    expect(await (await put("/v1/signals", csv, "text/csv")).json()).toEqual({
      created: 4,
      updated: 0,
      unheard: { locations: ["popup"], skus: ["new"] },
    });
    const off = { name: "holiday", day: "2026-12-25", value: 0 };
    expect(await (await put("/v1/signals", [off])).json()).toMatchObject({ updated: 1 });
    const updatedAt = expect.any(String);
    expect(await (await get("/v1/signals")).json()).toEqual({
      signals: [
        { ...off, updatedAt },
        { name: "market", location: "shop", day: "2026-12-25", value: 0.97, updatedAt },
        {
          name: "promotion",
          location: "popup",
          sku: "new",
          day: "2026-12-24",
          value: 2,
          updatedAt,
        },
        {
          name: "promotion",
          location: "shop",
          sku: "known",
          day: "2026-12-24",
          value: 1,
          updatedAt,
        },
      ],
    });
    const page = (await (await get("/v1/signals?name=promotion&limit=1")).json()) as Page;
    const rest = await get(`/v1/signals?name=promotion&limit=1&cursor=${page.next}`);
    expect(await rest.json()).toMatchObject({ signals: [{ location: "shop", sku: "known" }] });
  });
});

type Page = { locations: object[]; next?: string };

describe("system", () => {
  test("/healthz, /readyz, /v1/status", async () => {
    expect((await get("/healthz")).status).toBe(200);
    const ready = await get("/readyz");
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ ready: true, shards: { total: 4, owned: 4 } });
    await receive("A", 1);
    expect(await (await get("/v1/status")).json()).toMatchObject({
      decisionsPerSecond: expect.any(Number),
    });
  });

  test("/readyz is 503 when a shard has no owner", async () => {
    house.edge.health.shards = async () => [
      { shard: 0, owner: "x", state: "running" },
      { shard: 1, owner: "x", state: "halted", halted: "log_cut" },
    ];
    const ready = await get("/readyz");
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ ready: false, shards: { total: 4, owned: 1 } });
  });

  test("/metrics counts requests and decisions", async () => {
    await receive("A", 1);
    const text = await (await get("/metrics")).text();
    expect(text).toContain(
      'onhand_http_requests_total{route="postCommands",status="200",role="http",process="edge-1"} 1',
    );
    expect(text).toContain(
      'onhand_decisions_total{outcome="applied",reason="",role="http",process="edge-1"} 1',
    );
    expect(text).toContain("onhand_http_request_duration_seconds_bucket");
  });

  test("X-Request-Id is given back, minted when absent or unfit", async () => {
    const given = await house.app.request("/healthz", { headers: { "x-request-id": "abc-1" } });
    expect(given.headers.get("x-request-id")).toBe("abc-1");
    const unfit = await house.app.request("/healthz", { headers: { "x-request-id": "a b" } });
    expect(unfit.headers.get("x-request-id")).not.toBe("a b");
    const [a, b] = [await get("/healthz"), await get("/healthz")];
    expect(a.headers.get("x-request-id")).not.toBe(b.headers.get("x-request-id"));
  });
});
