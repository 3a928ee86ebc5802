// The edge with everything behind it real: stock actor, log, ledger, registry. What callers may rely on.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { placeHold } from "../../http/hold_flow.ts";
import type { DecidePort } from "../../http/ports.ts";
import {
  DecisionAnswer,
  HistoryAnswer,
  HoldStateAnswer,
  StockAnswer,
  StockAsOfAnswer,
  StockListAnswer,
} from "../../http/schemas.ts";
import type { Level } from "../../shared/decisions.ts";
import { Database } from "../../shared/postgres.ts";
import { formatVersion } from "../../shared/version.ts";
import { partition } from "../../streams/partition.ts";
import { createPublisher } from "../../streams/publisher.ts";
import { toToken } from "../../streams/subjects.ts";
import { readTopology } from "../../streams/topology.ts";
import { SseReader } from "./support/sse_reader.ts";
import { call, type Json, until, type WholeHouse, wholeHouse } from "./support/whole_house.ts";

const SHARDS = 4;
let house: WholeHouse;
beforeAll(async () => {
  house = await wholeHouse({ shards: SHARDS });
}, 60_000);
afterAll(() => house.stop());

const get = (path: string) => call(house, "GET", path);
const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  call(house, "POST", path, body, headers);
const receive = (sku: string, qty: number, location = "north") =>
  post("/v1/commands", { type: "receipt", sku, location, qty });
const strong = async (sku: string) => {
  const answer = await get(`/v1/stock/${encodeURIComponent(sku)}?consistency=strong`);
  return StockAnswer.parse(answer.body);
};

/** SKUs that live in different shards, in order of shard. */
function spread(prefix: string): string[] {
  const skus: string[] = [];
  for (let i = 0; skus.filter(Boolean).length < SHARDS; i++) {
    const shard = partition(toToken(`${prefix}-${i}`), SHARDS);
    skus[shard] ??= `${prefix}-${i}`;
  }
  return skus;
}

describe("reads", () => {
  test("a strong read sees every decision made before it", async () => {
    for (let i = 1; i <= 50; i++) {
      await receive("strong", 1);
      expect((await strong("strong")).totals.onHand).toBe(i);
    }
  });

  test("a strong read of several SKUs sees every decision of their shards", async () => {
    const skus = spread("strong-list");
    const query = skus.map((sku) => `sku=${sku}`).join("&");
    for (let i = 1; i <= 20; i++) {
      await Promise.all(skus.map((sku) => receive(sku, 1, "listed")));
      const { body } = await get(`/v1/stock?${query}&consistency=strong`);
      const { stock } = StockListAnswer.parse(body);
      expect(stock.map(({ totals }) => totals.onHand)).toEqual(skus.map(() => i));
    }
    const path = "/v1/stock?location=listed&consistency=strong";
    await until(async () => ((await get(path)).body.stock as Json[]).length === SHARDS, "listed");
    await receive(skus[0] as string, 5, "listed");
    const { stock } = StockListAnswer.parse((await get(path)).body);
    expect(stock.find(({ sku }) => sku === skus[0])?.totals.onHand).toBe(25);
    expect((await get(`/v1/stock?${query}&consistency=weak`)).status).toBe(400);
  });

  test("asOf answers as the ledger knew then", async () => {
    const first = await receive("past", 10);
    const { at } = first.body as { at: string };
    await until(() => Date.now() > Date.parse(at) + 5, "the next millisecond");
    await post("/v1/commands", { type: "sale", sku: "past", location: "north", qty: 4 });
    await until(async () => {
      const rows = (await get("/v1/stock/past/history")).body.rows as unknown[];
      return rows.length === 2;
    }, "committed");
    const then = await get(`/v1/stock/past?asOf=${encodeURIComponent(at)}`);
    expect(then.body).toMatchObject({ asOf: at, totals: { onHand: 10 } });
    const now = await get(`/v1/stock/past?asOf=${new Date().toISOString()}`);
    expect(now.body).toMatchObject({ totals: { onHand: 6 } });
    const before = await get("/v1/stock/past?asOf=2020-01-01T00:00:00Z");
    expect(before).toMatchObject({ status: 404, body: { code: "unknown_sku" } });
  });

  test("asOf now is what is read now: refusals change no level and make none", async () => {
    const refused = (sku: string, location: string, qty: number) => {
      const hold = { type: "hold", sku, location, hold: `${location}${qty}`, qty, ttlMs: 9_000 };
      return post("/v1/commands", { ...hold, shopper: "s" });
    };
    await receive("scarce", 2);
    for (const sku of ["scarce", "nowhere"]) {
      await refused(sku, "north", 5);
      // More is lost of what was first refused at north.
      await refused(sku, "south", 8);
      await until(async () => {
        const { rows } = HistoryAnswer.parse((await get(`/v1/stock/${sku}/history`)).body);
        return rows.filter((row) => row.cause === "lostDemand").length === 1;
      }, "committed");
    }
    const asOf = `asOf=${new Date(Date.now() + 1_000).toISOString()}`;
    const { locations } = await strong("scarce");
    const { locations: then } = StockAsOfAnswer.parse((await get(`/v1/stock/scarce?${asOf}`)).body);
    const { unavailable: _u, atp: _a, inventoryPosition: _p, ...kept } = locations[0] as Level;
    expect(then).toEqual([kept]);
    await refused("scarce", "north", 3);
    await until(async () => {
      const { rows } = HistoryAnswer.parse((await get("/v1/stock/scarce/history")).body);
      return rows[0]?.hold === "north3";
    }, "committed");
    expect((await get(`/v1/stock/scarce?${asOf}`)).body).toMatchObject({ locations: [kept] });
    for (const query of ["", `?${asOf}`]) {
      expect((await get(`/v1/stock/nowhere${query}`)).status).toBe(404);
    }
  });

  test("history pages through every row once, newest first", async () => {
    const lines = Array.from({ length: 57 }, (_, i) => ({
      type: "receipt",
      sku: "paged",
      location: i % 2 === 0 ? "north" : "south",
      qty: i + 1,
    }));
    await post("/v1/commands", lines);
    await until(
      async () => ((await get("/v1/stock/paged/history")).body.rows as Json[]).length === 57,
      "committed",
    );
    const seen: number[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page = HistoryAnswer.parse((await get(`/v1/stock/paged/history?limit=10${next}`)).body);
      seen.push(...page.rows.map((row) => row.qty ?? 0));
      next = page.next === undefined ? undefined : `&cursor=${page.next}`;
    }
    expect(seen).toEqual(Array.from({ length: 57 }, (_, i) => 57 - i));
    const south = await get("/v1/stock/paged/history?location=south&limit=1000");
    expect((south.body.rows as Json[]).length).toBe(28);
  });

  test("a location's list, page by page, with levels of now", async () => {
    const skus = Array.from({ length: 25 }, (_, i) => `list-${String(i).padStart(2, "0")}`);
    await post(
      "/v1/commands",
      skus.map((sku) => ({ type: "receipt", sku, location: "shelf", qty: 1 })),
    );
    const page = (more: string) => get(`/v1/stock?location=shelf&limit=10${more}`);
    await until(async () => {
      const all = (await get("/v1/stock?location=shelf&limit=1000")).body.stock as Json[];
      return all.length === skus.length;
    }, "in the checkpoint");
    const found: string[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const { body } = await page(next);
      found.push(...(body.stock as { sku: string }[]).map((stock) => stock.sku));
      next = body.next === undefined ? undefined : `&cursor=${String(body.next)}`;
    }
    expect(found).toEqual(skus);
  });

  test("what nobody registered is applied, and listed", async () => {
    const { body } = await receive("found behind a shelf", 1, "popup store");
    expect(body).toMatchObject({ outcome: "applied" });
    const names = async (kind: string) =>
      JSON.stringify((await get(`/v1/${kind}?registered=false&limit=1000`)).body[kind]);
    await until(
      async () => (await names("items")).includes('{"sku":"found behind a shelf"}'),
      "in the checkpoint",
    );
    expect(await names("locations")).toContain('{"location":"popup store"}');
  });

  describe("a decision asked for later", () => {
    const pathOf = (id: string, query: string) => `/v1/commands/${encodeURIComponent(id)}?${query}`;

    /** What the ledger keeps of a decision: levels without what rules decide. */
    function kept(decision: Json): Json {
      const level = (full: unknown) => {
        const { unavailable: _u, atp: _a, inventoryPosition: _p, ...rest } = full as Json;
        return rest;
      };
      const lines = decision.lines as Json[] | undefined;
      return {
        ...decision,
        level: level(decision.level),
        ...(lines && { lines: lines.map((line) => ({ ...line, level: level(line.level) })) }),
      };
    }

    test("is that of its location", async () => {
      const sale = { type: "sale", sku: "later", location: "north", qty: 1, id: "receipt/7" };
      const { body: decision } = await post("/v1/commands", sale);
      const path = pathOf("receipt/7", "sku=later&location=north");
      await until(async () => (await get(path)).status === 200, "committed");
      expect((await get(path)).body).toEqual(kept(decision));
      expect((await get(pathOf("receipt/7", "sku=later&location=south"))).status).toBe(404);
    });

    const key = { sku: "told", location: "north" };
    const yesterday = new Date(Date.now() - 3_600_000).toISOString();
    const STEPS: [name: string, command: Json][] = [
      ["what is backordered", { type: "hold", hold: "w", qty: 3, ttlMs: null, backorder: true }],
      ["a receipt that fills it", { type: "receipt", qty: 10 }],
      [
        "goods shipped to it",
        { type: "ship", location: "south", transfer: "t", qty: 10, to: "north" },
      ],
      ["their arrival", { type: "arrive", transfer: "t", qty: 10, from: "south" }],
      ["a count", { type: "count", counted: 30 }],
      ["a receipt from before the count", { type: "receipt", qty: 5, at: yesterday }],
      [
        "a hold of several lines",
        {
          type: "hold",
          hold: "l",
          ttlMs: 60_000,
          lines: [
            { ...key, qty: 4 },
            { sku: "told", qty: 1 },
          ],
        },
      ],
      [
        "a hold that lets the actor choose",
        { type: "hold", location: "-", hold: "c", qty: 2, ttlMs: 9_000 },
      ],
      ["the lines extended", { type: "extend", hold: "l", ttlMs: 90_000 }],
      ["one that is refused", { type: "hold", hold: "m", qty: 1_000, ttlMs: 9_000 }],
    ];

    test("has the level and the lines it was told with", async () => {
      await receive("told", 20, "south");
      const told: { name: string; location: string; decision: Json }[] = [];
      for (const [index, [name, fields]] of STEPS.entries()) {
        const command = { ...key, id: `told${index}`, ...fields };
        const { status, body } = await post("/v1/commands", command);
        const decision = (status === 200 ? body : body.decision) as Json;
        expect([name, decision.id]).toEqual([name, command.id]);
        told.push({ name, location: command.location, decision });
      }
      const lastPath = pathOf(`told${STEPS.length - 1}`, "sku=told&location=north");
      await until(async () => (await get(lastPath)).status === 200, "committed");
      for (const { name, location, decision } of told) {
        const { body } = await get(pathOf(String(decision.id), `sku=told&location=${location}`));
        expect([name, DecisionAnswer.parse(body)]).toEqual([name, expected(decision)]);
      }
    });

    /** A refusal's level is named by the position of the refusal. */
    function expected(decision: Json): Json {
      if (decision.outcome === "applied") return kept(decision);
      const { epoch, seq, index, at } = decision as {
        epoch: number;
        seq: number;
        index: number;
        at: string;
      };
      const told = kept(decision);
      const level = {
        ...(told.level as Json),
        version: formatVersion(epoch, seq, index),
        updatedAt: at,
      };
      return { ...told, level };
    }

    test("of an id used again after it was forgotten, is the newest", async () => {
      const sale = { type: "sale", sku: "again", location: "north", qty: 1, id: "ticket" };
      await post("/v1/commands", sale);
      const path = pathOf("ticket", "sku=again");
      await until(async () => (await get(path)).status === 200, "committed");
      const { body: first } = await get(path);
      const database = new Database(house.endpoints.postgres, { connectionsMax: 1, name: "test" });
      try {
        await database.run(async (sql) => {
          await sql`create temp table copied as select * from stock_transaction where id = 'ticket'`;
          await sql`update copied set seq = seq + 1000000`;
          await sql`insert into stock_transaction select * from copied`;
        });
      } finally {
        await database.close();
      }
      expect(await get(path)).toMatchObject({
        status: 200,
        body: { id: "ticket", seq: Number(first.seq) + 1_000_000 },
      });
      expect((await get(`${path}&location=north`)).status).toBe(200);
    });
  });
});

describe("holds", () => {
  const holdsOf = (lines: object[], more: object = {}, key?: string) =>
    post("/v1/holds", { lines, ttlMs: 60_000, ...more }, key ? { "idempotency-key": key } : {});

  test("a hold's life: placed, extended, part fulfilled, released", async () => {
    await receive("life", 10);
    const placed = await holdsOf([{ sku: "life", qty: 6 }]);
    expect(placed.status).toBe(201);
    const path = placed.headers.get("location") ?? "";
    const state = async () => HoldStateAnswer.parse((await get(path)).body);
    await until(async () => (await get(path)).status === 200, "committed");
    expect(await state()).toMatchObject({ status: "held", lines: [{ location: "north", qty: 6 }] });
    expect((await post(`${path}/extend`, { ttlMs: null })).status).toBe(200);
    expect((await post(`${path}/fulfill`, { qty: 2 })).body).toMatchObject({
      level: { onHand: 8, reserved: 4 },
    });
    await until(async () => (await state()).lines[0]?.qty === 4, "committed");
    expect((await state()).lines[0]?.expiresAt).toBeNull();
    const released = await call(house, "DELETE", path);
    expect(released.body).toMatchObject({ level: { onHand: 8, reserved: 0 } });
    await until(async () => (await state()).status === "released", "committed");
  });

  test("a client's own hold id is looked up with its SKU, and replaces its quantity", async () => {
    await receive("own", 3);
    await holdsOf([{ sku: "own", location: "north", qty: 3 }], { id: "cart/1" });
    const smaller = await holdsOf([{ sku: "own", location: "north", qty: 1 }], { id: "cart/1" });
    expect(smaller).toMatchObject({ status: 201, body: { lines: [{ available: 2 }] } });
    const done = await post("/v1/holds/cart%2F1/fulfill?sku=own", undefined);
    expect(done.body).toMatchObject({ level: { onHand: 2, reserved: 0 } });
  });

  test("a firm hold has no end, whatever time its id is asked with later", async () => {
    await receive("paid", 9);
    await receive("paid", 9, "south");
    const line = (location: string, qty = 1) => ({ sku: "paid", location, qty });
    const expiry = async (lines: object[], more: object, key?: string) =>
      (await holdsOf(lines, more, key)).body.expiresAt;
    expect(await expiry([line("north")], { id: "order/1", ttlMs: null })).toBeNull();
    expect(await expiry([line("north", 2)], { id: "order/1" })).toBeNull();
    expect(await expiry([{ sku: "paid", qty: 2 }], { id: "order/1" }, "again")).toBeNull();
    await until(
      async () => (await get("/v1/holds/order%2F1?sku=paid")).status === 200,
      "committed",
    );
    expect(await expiry([{ sku: "paid", qty: 2 }], { id: "order/1" }, "again")).toBeNull();
    expect(await expiry([line("north"), line("south")], { id: "order/1" })).toEqual(
      expect.any(String),
    );
    const both = [line("north", 3), line("south")];
    expect(await expiry(both, { id: "order/2", ttlMs: null })).toBeNull();
    expect(await expiry(both, { id: "order/2" })).toBeNull();
    expect(await expiry([line("north")], { id: "cart/2" })).toEqual(expect.any(String));
    const twice = [line("north", 2)];
    const first = await holdsOf(twice, { id: "cart/2" }, "timed");
    const again = await holdsOf(twice, { id: "cart/2" }, "timed");
    expect(again.body).toEqual({ ...first.body, duplicate: true });
  });

  test("over several shards: all lines or none, and a refused one frees what it took", async () => {
    const skus = spread("basket");
    for (const sku of skus) await receive(sku, 5);
    const all = (qty: number) => skus.map((sku) => ({ sku, qty }));
    const placed = await holdsOf(all(3));
    expect(placed.status).toBe(201);
    const refused = await holdsOf(all(3));
    expect(refused.status).toBe(409);
    const mixed = await holdsOf([
      { sku: skus[0], qty: 1 },
      { sku: skus[1], qty: 9 },
    ]);
    expect(mixed).toMatchObject({
      status: 409,
      body: { lines: [{ sku: skus[1], short: 7 }] },
    });
    for (const sku of skus) expect((await strong(sku)).totals.reserved).toBe(3);
    const path = placed.headers.get("location") ?? "";
    expect((await post(`${path}/fulfill`, {})).status).toBe(200);
    await until(async () => {
      const stocks = await Promise.all(skus.map(strong));
      return stocks.every(({ totals }) => totals.onHand === 2 && totals.reserved === 0);
    }, "fulfilled everywhere");
    await until(async () => {
      const { status, lines } = HoldStateAnswer.parse((await get(path)).body);
      return status === "fulfilled" && lines.length === SHARDS;
    }, "told as fulfilled");
  });

  test("a refusal asked for again names the same short lines, as short as they were", async () => {
    const [first, second] = spread("short") as [string, string];
    const stocked = { [first]: ["north", "south"], [second]: ["north"] };
    for (const [sku, locations] of Object.entries(stocked))
      for (const location of locations) await receive(sku, 2, location);
    const line = (sku: string, location: string, qty: number) => ({ sku, location, qty });
    const lines = [line(first, "north", 5), line(first, "south", 4), line(second, "north", 1)];
    const told = await holdsOf(lines, {}, "short/1");
    expect(told).toMatchObject({ status: 409, body: { lines: [{ short: 3 }, { short: 2 }] } });
    await receive(first, 1, "south");
    const { instance: _, ...again } = (await holdsOf(lines, {}, "short/1")).body;
    expect(told.body).toMatchObject(again);
    const anywhere = [{ sku: first, qty: 9 }];
    const chosen = await holdsOf(anywhere, {}, "short/2");
    expect((await holdsOf(anywhere, {}, "short/2")).body.lines).toEqual(chosen.body.lines);
  });

  test("over several shards: the same key is the same hold, also at the same time", async () => {
    const skus = spread("twice");
    for (const sku of skus) await receive(sku, 5);
    const lines = skus.map((sku) => ({ sku, qty: 2 }));
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => holdsOf(lines, {}, "order-77")),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body.hold)).size).toBe(1);
    for (const sku of skus) expect((await strong(sku)).totals.reserved).toBe(2);
  });

  test("over several shards: pending until it is sealed, whoever named it", async () => {
    const skus = spread("named").slice(0, 2) as [string, string];
    for (const sku of skus) await receive(sku, 5);
    const id = "cart over shards";
    const publisher = createPublisher(house.nc, await readTopology(house.nc));
    const sealAs = (outcome: "held" | "aborted" | undefined): DecidePort => ({
      epoch: 1,
      shards: SHARDS,
      async decide(command) {
        if (command.type !== "seal") return publisher.decide(command);
        if (outcome === undefined) throw new Error("the edge is gone");
        return publisher.decide({ ...command, outcome });
      },
    });
    const lines = skus.map((sku) => ({ sku, location: "north", qty: 2 }));
    const request = { hold: id, commandId: "cart", lines, ttlMs: 600_000 };
    await expect(placeHold(sealAs(undefined), request)).rejects.toThrow("gone");
    const path = `/v1/holds/${encodeURIComponent(id)}?sku=${skus[0]}`;
    const state = async () => HoldStateAnswer.parse((await get(path)).body);
    await until(async () => (await state()).lines.length === 2, "both lines");
    const { status, lines: found } = await state();
    expect([status, ...found.map((line) => line.status)]).toEqual(Array(3).fill("pending"));
    await placeHold(sealAs("aborted"), request);
    await publisher.close(1_000);
    await until(async () => (await state()).status === "released", "aborted");

    const placed = await holdsOf(
      skus.map((sku) => ({ sku, qty: 1 })),
      { id: "cart at once" },
    );
    expect(placed.status).toBe(201);
    const placedAt = placed.headers.get("location") ?? "";
    await until(async () => {
      const { lines: told } = HoldStateAnswer.parse((await get(placedAt)).body);
      return told.length === 2 && told.every((line) => line.status === "held");
    }, "held");
  });

  test("the same key again is told the same lines and places", async () => {
    await receive("told-a", 5, "north");
    await receive("told-b", 9, "south");
    const [one, other] = spread("told-s") as [string, string];
    await receive(one, 4, "north");
    await receive(one, 7, "south");
    await receive(other, 6, "west");
    const baskets: object[][] = [
      [
        { sku: "told-a", location: "north", qty: 1 },
        { sku: "told-a", qty: 2 },
        { sku: "told-a", location: "east", qty: 1 },
      ],
      [
        { sku: one, qty: 3 },
        { sku: one, location: "south", qty: 2 },
        { sku: other, qty: 1 },
      ],
      [{ sku: "told-b", qty: 4 }],
      [
        { sku: "told-b", location: "south", qty: 1 },
        { sku: "told-b", location: "north", qty: 3 },
      ],
    ];
    await receive("told-a", 2, "east");
    await receive("told-a", 3, "west");
    const outcomes: number[] = [];
    for (const [i, basket] of baskets.entries()) {
      const first = await holdsOf(basket, {}, `told-${i}`);
      const again = await holdsOf(basket, {}, `told-${i}`);
      outcomes.push(first.status);
      const { duplicate, instance: _i, ...told } = again.body;
      const { instance: _f, ...body } = first.body;
      expect([again.status, told]).toEqual([first.status, body]);
      expect(duplicate).toBe(first.status === 201 ? true : undefined);
    }
    expect(outcomes).toEqual([201, 201, 201, 409]);
  });

  test("many baskets race for scarce goods: none is half held, nothing is oversold", async () => {
    const skus = spread("race");
    for (const sku of skus) await receive(sku, 10);
    const rotated = (by: number) => skus.map((_, i) => ({ sku: skus[(i + by) % SHARDS], qty: 1 }));
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => holdsOf(rotated(i))));
    const held = answers.filter(({ status }) => status === 201).length;
    expect(answers.filter(({ status }) => status === 409).length).toBe(40 - held);
    expect(held).toBeLessThanOrEqual(10);
    await until(async () => {
      const stocks = await Promise.all(skus.map(strong));
      return stocks.every(({ totals }) => totals.reserved === held);
    }, `every SKU has ${held} reserved`);
  });
});

test("/metrics has the shards of the stock process beside the edge's own", async () => {
  await receive("measured", 1);
  const text = await (await fetch(`${house.url}/metrics`)).text();
  for (let shard = 0; shard < SHARDS; shard++) {
    expect(text).toContain(`onhand_shard_halted{shard="${shard}",role="stock",process="test"} 0\n`);
  }
  expect(text).toMatch(/^onhand_shard_commands_total\{.*,role="stock",process="test"\} [1-9]/m);
  expect(text).toMatch(/^onhand_http_requests_total\{.*role="http",process="test"\} /m);
  const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(new Set(families).size).toBe(families.length);
});

test("the live feed shows what was decided", async () => {
  const reader = await SseReader.open(`${house.url}/v1/live?location=feed`);
  await reader.until((one) => one.events.length > 0);
  const { body } = await post("/v1/commands", {
    type: "receipt",
    sku: "fed 🧦",
    location: "feed",
    qty: 3,
  });
  await reader.until((one) => one.levels.length > 0);
  expect(reader.levels[0]).toEqual(body.level);
  reader.close();
});

test("sync-erp goes through the log and is seen in the registry", async () => {
  await receive("erp", 9);
  const answer = await post("/api/supply-chain/sync-erp", {
    sku: "erp",
    qtyChange: -2,
    warehouseId: "north",
    timestamp: new Date().toISOString(),
  });
  expect(answer).toMatchObject({
    status: 200,
    body: { updated_endpoints: ["log", "registry"], synchronized: false },
  });
  expect((await get("/v1/stock/erp")).body).toMatchObject({ totals: { onHand: 7 } });
});

test("holds of so many lines that their decisions fill several messages are all decided", async () => {
  const locations = Array.from({ length: 100 }, (_, i) => `place-${i}`);
  const holds = 40;
  await post(
    "/v1/commands",
    locations.map((location) => ({ type: "receipt", sku: "wide", location, qty: holds })),
  );
  const lines = locations.map((location) => ({ sku: "wide", location, qty: 1 }));
  const answer = await post(
    "/v1/commands",
    Array.from({ length: holds }, (_, i) => ({
      type: "hold",
      sku: "wide",
      location: "place-0",
      hold: `wide-${i}`,
      lines,
      ttlMs: 60_000,
    })),
  );
  const results = answer.body.results as unknown as { decision?: { outcome: string } }[];
  const told = results.map(({ decision }) => decision?.outcome);
  expect(told).toEqual(Array.from({ length: holds }, () => "applied"));
  expect((await strong("wide")).totals.available).toBe(0);
});
