// Bad reads, methods and master data at the edge: each a clear problem, nothing stored.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apiRoutes } from "../../http/app.ts";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
beforeAll(async () => {
  house = await edgeOfFake();
});
afterAll(() => house.stop());

const json = { "content-type": "application/json" };
const utf8 = new TextEncoder();

const cursorOf = (place: number[]) => Buffer.from(JSON.stringify(place)).toString("base64url");
const READS: [path: string, status: number, code: string][] = [
  ["/v1/stock", 400, "invalid_field"],
  ["/v1/stock?sku=A&skus=B", 400, "invalid_field"],
  [`/v1/stock/${"x".repeat(201)}`, 400, "invalid_field"],
  ["/v1/stock/A?asOf=yesterday", 400, "invalid_field"],
  ["/v1/stock/A?asOf=9999-12-31T23:59:59-01:00", 400, "invalid_field"],
  ["/v1/stock/A?asOf=9999-12-31T23:59:59Z", 404, "unknown_sku"],
  ["/v1/stock/A?asOf=2026-01-01T00:00:00Z&consistency=strong", 400, "invalid_field"],
  ["/v1/stock/A?consistency=maybe", 400, "invalid_field"],
  ["/v1/stock/A?location=L&location=M", 400, "invalid_field"],
  ["/v1/stock?sku=A&sku=B&location=L&location=M", 400, "invalid_field"],
  ["/v1/items?limit=1&limit=2", 400, "invalid_field"],
  ["/v1/stock?location=L&limit=0", 400, "invalid_field"],
  ["/v1/stock?location=L&cursor=xyz", 400, "invalid_cursor"],
  ["/v1/stock/nothing-known", 404, "unknown_sku"],
  ["/v1/stock/nothing-known/history", 404, "unknown_sku"],
  ["/v1/stock/A/history?cursor=WzFd", 400, "invalid_cursor"],
  [`/v1/stock/A/history?cursor=${cursorOf([1e10, 5, 0, 0])}`, 400, "invalid_cursor"],
  [`/v1/stock/A/history?cursor=${cursorOf([1, 5, 40_000, 0])}`, 400, "invalid_cursor"],
  ["/v1/stock/A?asOf=0000-01-01T00:00:00Z", 400, "invalid_field"],
  ["/v1/commands/x", 400, "invalid_field"],
  ["/v1/commands/x?sku=A", 404, "undecided"],
  ["/v1/holds/mine", 400, "invalid_field"],
  ["/v1/holds/mine?sku=A", 404, "unknown_hold"],
  ["/v1/live?everyMs=-1", 400, "invalid_field"],
  ["/v1/items/none", 404, "unknown_item"],
  ["/problems/none", 404, "not_found"],
  ["/nothing", 404, "not_found"],
  ["/v1/stock/%ff", 400, "invalid_field"],
  ["/v1/stock/100%", 400, "invalid_field"],
  ["/v1/stock/100%25", 404, "unknown_sku"],
  ["/v1/stock?sku=%c3", 400, "invalid_field"],
];

describe("GET refuses", () => {
  test.each(READS)("%s with %i %s", async (path, status, code) => {
    const answer = await house.app.request(path);
    expect(await answer.json()).toMatchObject({ status, code });
    expect(answer.status).toBe(status);
  });

  test("a parameter given twice where one is meant, reading or writing: it does not take the first", async () => {
    const before = house.actor.received.length;
    for (const [method, path, field] of [
      ["GET", "/v1/stock/A?location=L&location=M", "location"],
      ["DELETE", "/v1/holds/h?sku=A&sku=B", "sku"],
      ["POST", "/v1/holds/h/fulfill?sku=A&location=L&location=L", "location"],
    ] as const) {
      const answer = await house.app.request(path, { method });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: "invalid_field", field });
    }
    expect(house.actor.received.length).toBe(before);
    expect((await house.app.request("/v1/stock?sku=A&sku=B")).status).toBe(200);
  });

  test("what is no escape by the name of its parameter", async () => {
    for (const [path, field] of [
      ["/v1/holds/%e9?sku=A", "id"],
      ["/v1/holds/h?sku=%", "sku"],
    ]) {
      const answer = await house.app.request(path as string);
      expect(await answer.json()).toMatchObject({ code: "invalid_field", field });
    }
  });

  test("201 SKUs", async () => {
    const query = Array.from({ length: 201 }, (_, i) => `sku=S${i}`).join("&");
    const answer = await house.app.request(`/v1/stock?${query}`);
    expect(await answer.json()).toMatchObject({ code: "invalid_field", field: "sku" });
  });

  test("other methods with 405 and Allow", async () => {
    const answer = await house.app.request("/v1/holds", { method: "PATCH", headers: json });
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("POST");
    expect(await answer.json()).toMatchObject({ code: "method_not_allowed", allow: ["POST"] });
    const allowed = async (method: string, path: string) =>
      (await house.app.request(path, { method })).headers.get("allow");
    expect(await allowed("DELETE", "/v1/stock/SKU.1%20x/history")).toBe("GET, HEAD");
    expect(await allowed("OPTIONS", "/v1/policies/A")).toBe("GET, HEAD, PUT");
    // A name wins over a parameter at the same place.
    expect(await allowed("PUT", "/v1/forecasts/what-if")).toBe("POST");
    expect(await allowed("PUT", "/v1/forecasts/A")).toBe("GET, HEAD");
    expect(await allowed("POST", "/openapiXjson")).toBe(null);
  });

  test("what is nowhere, with Hono's fast router", async () => {
    expect((await house.app.request("/v1/holds/a/b/c")).status).toBe(404);
    expect((house.app as { router?: { name: string } }).router?.name).toContain("RegExpRouter");
  });
});

const ROWS: [
  name: string,
  path: string,
  type: string,
  body: string,
  code: string,
  fault: object,
][] = [
  ["no array", "/v1/items", "application/json", "{}", "invalid_field", {}],
  [
    "a row without its key",
    "/v1/items",
    "application/json",
    '[{"name":"x"}]',
    "invalid_rows",
    { line: 1, field: "sku" },
  ],
  [
    "a key twice",
    "/v1/items",
    "application/json",
    '[{"sku":"x"},{"sku":"x"}]',
    "invalid_rows",
    { line: 2, field: "sku" },
  ],
  [
    "65 attributes",
    "/v1/items",
    "application/json",
    JSON.stringify([
      { sku: "x", attributes: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, 1])) },
    ]),
    "invalid_rows",
    { line: 1, field: "attributes", fault: "expected at most 64 names" },
  ],
  [
    "attributes of more than 8 KB",
    "/v1/items",
    "application/json",
    JSON.stringify([
      {
        sku: "x",
        attributes: Object.fromEntries(Array.from({ length: 41 }, (_, i) => [i, "x".repeat(200)])),
      },
    ]),
    "invalid_rows",
    { line: 1, field: "attributes", fault: "expected at most 8192 characters of JSON" },
  ],
  [
    "an attribute that zod would drop",
    "/v1/locations",
    "application/json",
    '[{"location":"a","attributes":{"__proto__":1}}]',
    "invalid_rows",
    { line: 1, field: "attributes.__proto__" },
  ],
  [
    "no such zone",
    "/v1/locations",
    "application/json",
    '[{"location":"a","timeZone":"Mars/Olympus"}]',
    "invalid_rows",
    { line: 1, field: "timeZone" },
  ],
  [
    "an offset as zone",
    "/v1/locations",
    "application/json",
    '[{"location":"a","timeZone":"+02:00"}]',
    "invalid_rows",
    { line: 1, field: "timeZone" },
  ],
  [
    "the any location",
    "/v1/locations",
    "application/json",
    '[{"location":"-"}]',
    "invalid_rows",
    { line: 1, field: "location" },
  ],
  [
    "opening hours nobody understands",
    "/v1/locations",
    "application/json",
    '[{"location":"a","opens":"nine to five"}]',
    "invalid_rows",
    { line: 1, field: "opens", fault: expect.stringContaining("Mo-Sa 09:00-20:00") },
  ],
  [
    "a catalog of nobody",
    "/v1/catalog",
    "text/csv",
    "vendor,sku\nnobody,A\n",
    "invalid_rows",
    { line: 2, field: "vendor" },
  ],
  [
    "a catalog row without a vendor",
    "/v1/catalog",
    "application/json",
    '[{"sku":"A"}]',
    "invalid_rows",
    { line: 1, field: "vendor" },
  ],
  [
    "a lead time of years",
    "/v1/catalog",
    "text/csv",
    "vendor,sku,leadTimeDays\nv,A,731\n",
    "invalid_rows",
    { line: 2, field: "leadTimeDays" },
  ],
  [
    "no minimum",
    "/v1/catalog",
    "application/json",
    '[{"vendor":"v","sku":"A","minimum":0}]',
    "invalid_rows",
    { line: 1, field: "minimum" },
  ],
  [
    "a day that is none",
    "/v1/signals",
    "text/csv",
    "name,day,value\nholiday,2026-12-25,1\nholiday,2026-02-30,1\n",
    "invalid_rows",
    { line: 3, field: "day" },
  ],
  [
    "a signal that is no number",
    "/v1/signals",
    "text/csv",
    "name,day,value\nholiday,2026-12-25,yes\n",
    "invalid_rows",
    { line: 2, field: "value" },
  ],
  [
    "a signal beyond all bounds",
    "/v1/signals",
    "application/json",
    '[{"name":"market","day":"2026-12-25","value":1e300}]',
    "invalid_rows",
    { line: 1, field: "value" },
  ],
  [
    "a signal without a value",
    "/v1/signals",
    "application/json",
    '[{"name":"holiday","day":"2026-12-25"}]',
    "invalid_rows",
    { line: 1, field: "value" },
  ],
  [
    "a signal without a proper name",
    "/v1/signals",
    "application/json",
    '[{"name":"Black Friday!","day":"2026-11-27","value":1}]',
    "invalid_rows",
    { line: 1, field: "name" },
  ],
  [
    "a signal for -",
    "/v1/signals",
    "application/json",
    '[{"name":"holiday","location":"-","day":"2026-11-27","value":1}]',
    "invalid_rows",
    { line: 1, field: "location" },
  ],
  [
    "a signal told twice",
    "/v1/signals",
    "text/csv",
    "name,location,day,value\nholiday,,2026-11-27,1\nholiday,a,2026-11-27,1\nholiday,,2026-11-27,0\n",
    "invalid_rows",
    { line: 4, field: "day", fault: "repeats line 2" },
  ],
  ["signals without days", "/v1/signals", "text/csv", "name,value\nx,1\n", "malformed_csv", {}],
  ["a column too many", "/v1/items", "text/csv", "sku,colour\nx,red\n", "malformed_csv", {}],
  ["the key missing", "/v1/items", "text/csv", "name\nx\n", "malformed_csv", {}],
  ["a short row", "/v1/items", "text/csv", "sku,name\nx\n", "malformed_csv", {}],
  ["an open quote", "/v1/items", "text/csv", 'sku,name\nx,"y\n', "malformed_csv", {}],
  ["nothing", "/v1/items", "text/csv", "", "malformed_csv", {}],
  [
    "a wrong number",
    "/v1/items",
    "text/csv",
    "sku,unitCost\na,1\nb,1.5\n",
    "invalid_rows",
    { line: 3, field: "unitCost" },
  ],
];

describe("PUT of master data refuses", () => {
  test.each(ROWS)("%s", async (_name, path, type, body, code, fault) => {
    const answer = await send(house.app, "PUT", path, body, { "content-type": type });
    expect(answer.status).toBe(400);
    const problem = (await answer.json()) as { code: string; faults?: object[] };
    expect(problem.code).toBe(code);
    if (code === "invalid_rows") expect(problem.faults?.[0]).toMatchObject(fault);
    expect(await (await house.app.request(path)).json()).toEqual({
      [path.slice("/v1/".length)]: [],
    });
  });

  test("another encoding", async () => {
    const latin = new Uint8Array([...utf8.encode("sku,name\nx,caf"), 0xe9, 0x0a]);
    const answer = await send(house.app, "PUT", "/v1/items", latin, { "content-type": "text/csv" });
    expect(await answer.json()).toMatchObject({ status: 400, code: "malformed_text" });
  });
});

test("every route refuses query parameters it does not declare, and changes nothing", async () => {
  const routes = apiRoutes(house.edge).filter(({ tag }) => tag !== "system");
  expect(routes.length).toBeGreaterThan(20);
  for (const { method, path, problems } of routes) {
    const answer = await house.app.request(`${path.replaceAll(":", "")}?loc=store-3`, { method });
    expect([path, answer.status]).toEqual([path, 400]);
    expect(await answer.json()).toMatchObject({ code: "invalid_field", field: "loc" });
    expect(problems).toContain("invalid_field");
  }
  expect((await house.app.request("/healthz?probe=1")).status).toBe(200);
});

test.each([
  ["/v1/catalog?colour=red", "invalid_field"],
  ["/v1/catalog?vendor=", "invalid_field"],
  ["/v1/signals?location=-", "invalid_field"],
  ["/v1/signals?name=Black%20Friday", "invalid_field"],
  ["/v1/signals?cursor=bm9uZQ", "invalid_cursor"],
  // ["holiday", "", "", "some day"]
  ["/v1/signals?cursor=WyJob2xpZGF5IiwiIiwiIiwic29tZSBkYXkiXQ", "invalid_cursor"],
])("GET %s is refused: %s", async (path, code) => {
  const answer = await house.app.request(path);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code });
});

test("nothing here was our fault", () => {
  expect(house.errors).toEqual([]);
});
