// The bearer token: writes need it where it is set, reads never do.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

const TOKEN = "a-token-of-some-length";
let house: EdgeOfFake;
beforeAll(async () => {
  house = await edgeOfFake({ token: TOKEN });
});
afterAll(() => house.stop());

const WRITES: [method: string, path: string, body: unknown][] = [
  ["POST", "/v1/commands", { type: "receipt", sku: "A", location: "L", qty: 1 }],
  ["POST", "/v1/holds", { lines: [{ sku: "A", location: "L", qty: 1 }], ttlMs: 1 }],
  ["POST", "/v1/holds/x/fulfill?sku=A", {}],
  ["POST", "/v1/holds/x/extend?sku=A", { ttlMs: null }],
  ["DELETE", "/v1/holds/x?sku=A", ""],
  ["POST", "/api/supply-chain/sync-erp", { sku: "A", qtyChange: 1, warehouseId: "L" }],
  ["PUT", "/v1/items", [{ sku: "A" }]],
  ["PUT", "/v1/locations", [{ location: "L" }]],
];

test.each(WRITES)("%s %s needs the token", async (method, path, body) => {
  for (const authorization of ["", "Bearer wrong-token-here", `Basic ${TOKEN}`, TOKEN]) {
    const headers = authorization === "" ? {} : { authorization };
    const answer = await send(house.app, method, path, body, headers);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
  }
  const allowed = await send(house.app, method, path, body, { authorization: `Bearer ${TOKEN}` });
  expect(allowed.status).not.toBe(401);
});

test("reads need none", async () => {
  for (const path of ["/healthz", "/v1/stock?sku=A", "/openapi.json", "/metrics", "/"]) {
    expect((await house.app.request(path)).status).toBe(200);
  }
});
