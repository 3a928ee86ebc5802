// Routes of forecasts and policies over a real database, with nobody at the planner's end: what is refused and why,
// what is stored, and what is told while no forecast process runs.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
beforeAll(async () => {
  house = await edgeOfFake({ token: "a token of the operator" });
  await house.database.sql`
    insert into policy (sku, location, version, plan, channels, cause, made_by, made_at, position) values
      ('A', 'york', 1, '{"mode":"observe","reorderPoint":3,"orderUpTo":9}', null, 'first', 'planner', now(), '1'),
      ('A', 'york', 2, '{"mode":"observe","reorderPoint":5,"orderUpTo":11,"safetyStock":1,"cause":"second"}', null,
        'second', 'planner', now(), '2'),
      ('A', 'york', 3, null, '{"web":{"buffer":1}}', 'set by web', 'web', now(), '3')`;
  await house.database.sql`insert into item (sku, category) values ('A', 'Shirts')`;
});
afterAll(() => house.stop());

type Json = Record<string, unknown>;
const auth = { authorization: "Bearer a token of the operator" };
const put = async (path: string, body: unknown) => {
  const response = await send(house.app, "PUT", path, body, auth);
  return { status: response.status, body: (await response.json()) as Json };
};
const get = async (path: string) => {
  const response = await house.app.request(path);
  return { status: response.status, body: (await response.json()) as Json };
};
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString();
const override = (fields: Json = {}) => ({
  override: { reorderPoint: 4, orderUpTo: 8, reason: "sale", expiresAt: tomorrow(), ...fields },
});

describe("GET /v1/policies/{sku}", () => {
  test("tells the plan in force, its version, and every change with its cause", async () => {
    const { status, body } = await get("/v1/policies/A");
    expect(status).toBe(200);
    expect(body.locations).toMatchObject([
      {
        location: "york",
        version: 3,
        plan: { reorderPoint: 5, orderUpTo: 11, safetyStock: 1 },
        history: [
          { version: 3, channels: { web: { buffer: 1 } }, madeBy: "web", cause: "set by web" },
          { version: 2, plan: { reorderPoint: 5 }, cause: "second" },
          {
            version: 1,
            plan: { reorderPoint: 3, safetyStock: 0 },
            cause: "first",
            madeBy: "planner",
          },
        ],
      },
    ]);
  });

  test.each([
    ["/v1/policies/NONE", "unknown_policy"],
    ["/v1/policies/A?location=leeds", "unknown_policy"],
    ["/v1/forecasts/NONE", "unknown_series"],
  ])("%s: 404 %s", async (path, code) => {
    const { status, body } = await get(path);
    expect([status, body.code]).toEqual([404, code]);
  });

  test.each([
    ["/v1/policies/A?loc=york", "loc"],
    ["/v1/forecasts/A?days=0", "days"],
    ["/v1/forecasts/A?days=many", "days"],
    ["/v1/forecasts/A?location=", "location"],
  ])("%s is refused, naming %s", async (path, field) => {
    const { status, body } = await get(path);
    expect([status, body.field]).toEqual([400, field]);
  });
});

describe("PUT /v1/policies/{sku}", () => {
  test.each<[string, unknown, string]>([
    ["a mode there is not", { mode: "turbo" }, "mode"],
    ["a fill rate above 1", { fillRate: 1.2 }, "fillRate"],
    ["a fill rate in per cent", { fillRate: 95 }, "fillRate"],
    ["cover of no day", { coverDays: 0 }, "coverDays"],
    ["a negative reorder point", override({ reorderPoint: -1 }), "override.reorderPoint"],
    ["half a unit", override({ orderUpTo: 8.5 }), "override.orderUpTo"],
    ["more than is counted", override({ orderUpTo: 2 ** 51 }), "override.orderUpTo"],
    ["an order-up-to below the reorder point", override({ orderUpTo: 3 }), "override.orderUpTo"],
    ["no reason", override({ reason: " " }), "override.reason"],
    [
      "an expiry that has passed",
      override({ expiresAt: "2020-01-01T00:00:00Z" }),
      "override.expiresAt",
    ],
    [
      "an expiry in ten years",
      override({ expiresAt: "2099-01-01T00:00:00Z" }),
      "override.expiresAt",
    ],
    ["an expiry that is no time", override({ expiresAt: "soon" }), "override.expiresAt"],
    ["a field there is not", { reorderPoint: 4 }, "reorderPoint"],
  ])("refuses %s, with field and reason, and stores nothing", async (_, body, field) => {
    const answer = await put("/v1/policies/A?location=york", body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "invalid_field", field });
    expect((answer.body.faults as Json[])[0]?.fault).toBeTruthy();
    const [row] = await house.database.sql<{ count: number }[]>`
      select count(*)::int4 as count from policy_setting`;
    expect(row?.count).toBe(0);
  });

  test("an override needs a location", async () => {
    const { status, body } = await put("/v1/policies/A", override());
    expect([status, body.field]).toEqual([400, "override"]);
  });

  test("`-` is no location that anything could be set for", async () => {
    const { status, body } = await put("/v1/policies/A?location=-", { mode: "observe" });
    expect([status, body.field]).toEqual([400, "location"]);
  });

  test("needs the token", async () => {
    const answer = await send(house.app, "PUT", "/v1/policies/A", { mode: "observe" });
    expect(answer.status).toBe(401);
  });

  test("is stored field by field, and told as not decided while no forecast process runs", async () => {
    const first = await put("/v1/policies/A?location=york", { mode: "autopilot", fillRate: 0.97 });
    expect([first.status, first.body.decided]).toEqual([202, false]);
    await put("/v1/policies/A?location=york", override());
    await put("/v1/policies/A?location=york", { fillRate: null });
    const { body } = await get("/v1/policies/A?location=york");
    const [here] = body.locations as { settings: Json[] }[];
    expect(here?.settings).toMatchObject([
      { sku: "A", location: "york", mode: "autopilot", override: { reason: "sale" } },
    ]);
    expect(here?.settings[0]).not.toHaveProperty("fillRate");
  });
});

describe("/v1/policies of groups", () => {
  test("are set and told, and show where they hold", async () => {
    const { status, body } = await put("/v1/policies", [
      { mode: "recommend" },
      { category: "Shirts", fillRate: 0.9 },
      { category: "Hats", fillRate: 0.8 },
    ]);
    expect([status, body.set]).toEqual([200, 3]);
    const { body: all } = await get("/v1/policies");
    expect(all.settings).toMatchObject([
      { mode: "recommend" },
      { category: "Hats" },
      { category: "Shirts" },
    ]);
    const { body: one } = await get("/v1/policies/A?location=york");
    const [here] = one.locations as { settings: Json[] }[];
    expect(here?.settings.map(({ category, sku }) => category ?? sku ?? "all")).toEqual([
      "all",
      "Shirts",
      "A",
    ]);
  });

  test.each<[string, unknown, string]>([
    ["an empty list", [], ""],
    ["a group twice", [{ category: "Hats" }, { category: "Hats" }], "[1]"],
    ["an override", [override()], "[0].override"],
    ["a wrong value", [{ fillRate: 2 }], "[0].fillRate"],
  ])("refuse %s", async (_, body, field) => {
    const answer = await put("/v1/policies", body);
    expect([answer.status, answer.body.field ?? ""]).toEqual([400, field]);
  });
});

describe("POST /v1/forecasts/what-if", () => {
  const ask = async (body: unknown) => {
    const response = await send(house.app, "POST", "/v1/forecasts/what-if", body);
    return {
      status: response.status,
      body: (await response.json()) as Json,
      headers: response.headers,
    };
  };

  test("is 503 when no forecast process answers", async () => {
    const { status, body, headers } = await ask({ sku: "A", location: "york" });
    expect([status, body.code]).toEqual([503, "forecast_unavailable"]);
    expect(headers.get("retry-after")).toBe("2");
  });

  test.each([
    [{ sku: "A" }, "location"],
    [{ sku: "A", location: "york", leadTimeDays: -1 }, "leadTimeDays"],
    [{ sku: "A", location: "york", demandFactor: 1e9 }, "demandFactor"],
    [{ sku: "A", location: "york", speed: 1 }, "speed"],
  ])("refuses %j", async (body, field) => {
    const answer = await ask(body);
    expect([answer.status, answer.body.field]).toEqual([400, field]);
  });
});

test("what two people PUT at the same time is merged, whatever the order of their rows", async () => {
  const skus = Array.from({ length: 2_000 }, (_, i) => `both-${i}`);
  for (let round = 0; round < 3; round++) {
    const [names, categories] = await Promise.all([
      put(
        "/v1/items",
        skus.map((sku) => ({ sku, name: `n${round}` })),
      ),
      put("/v1/items", skus.map((sku) => ({ sku, category: `c${round}` })).reverse()),
    ]);
    expect([names.status, categories.status]).toEqual([200, 200]);
    const rows = await house.database.sql<{ count: number }[]>`
      select count(*)::int from item where sku like 'both-%' and name = ${`n${round}`} and category = ${`c${round}`}`;
    expect(rows).toEqual([{ count: skus.length }]);
  }
});
