// Names that have stock though nobody stored them as master data: applied (it happened), and listed.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
beforeAll(async () => {
  house = await edgeOfFake();
  for (const sku of ["a", "b", "c", "d", "e 🧦"])
    for (const location of ["north", "popup", "south"]) await level(sku, location);
  await send(house.app, "PUT", "/v1/items", [{ sku: "b" }, { sku: "never stocked" }]);
  await send(house.app, "PUT", "/v1/locations", [{ location: "north" }, { location: "south" }]);
});
afterAll(async () => {
  expect(house.errors).toEqual([]);
  await house.stop();
});

async function level(sku: string, location: string): Promise<void> {
  await house.database.sql`
    insert into stock_level (sku, location, epoch, shard, on_hand, sellable, unavailable, reserved, firm, available,
      backordered, in_transit, on_order, inventory_position, supplied, movement, version, updated_at)
    values (${sku}, ${location}, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, true, 0, '1', now())`;
}

type Page = { items: { sku: string }[]; next?: string };
const get = async (path: string) => {
  const answer = await house.app.request(path);
  return { status: answer.status, body: (await answer.json()) as Page & Record<string, unknown> };
};

test("items that have stock and are not stored are listed, page by page", async () => {
  const found: string[] = [];
  for (let more: string | undefined = ""; more !== undefined; ) {
    const { body } = await get(`/v1/items?registered=false&limit=3${more}`);
    found.push(...body.items.map(({ sku }) => sku));
    more = body.next === undefined ? undefined : `&cursor=${body.next}`;
  }
  expect(found).toEqual(["a", "c", "d", "e 🧦"]);
});

test("locations likewise; one that is stored then is gone from the list", async () => {
  const unregistered = async () => (await get("/v1/locations?registered=false")).body;
  expect(await unregistered()).toEqual({ locations: [{ location: "popup" }] });
  await send(house.app, "PUT", "/v1/locations", [{ location: "popup" }]);
  expect(await unregistered()).toEqual({ locations: [] });
});

test("without it, or with true, what is stored is listed; other kinds and other words are refused", async () => {
  const stored = { items: [{ sku: "b" }, { sku: "never stocked" }] };
  for (const path of ["/v1/items", "/v1/items?registered=true"])
    expect((await get(path)).body).toMatchObject(stored);
  for (const path of ["/v1/items?registered=no", "/v1/vendors?registered=false"])
    expect(await get(path)).toMatchObject({
      status: 400,
      body: { code: "invalid_field", field: "registered" },
    });
});
