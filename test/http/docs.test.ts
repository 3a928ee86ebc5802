// The documentation and the routes are one list: OpenAPI names every route and nothing else.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OpenApi } from "../../http/docs/openapi.ts";
import { PROBLEMS, type ProblemCode, problemType } from "../../http/problems.ts";
import { REJECTION_REASONS } from "../../shared/decisions.ts";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
let document: OpenApi;
beforeAll(async () => {
  house = await edgeOfFake();
  document = (await (await house.app.request("/openapi.json")).json()) as OpenApi;
});
afterAll(() => house.stop());

test("openapi.json lists exactly the routes the app serves, files of the page apart", () => {
  const served = house.app.routes
    .filter(
      (route) => route.method !== "ALL" && route.path !== "/" && !route.path.startsWith("/page/"),
    )
    .map((route) => `${route.method} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual([...new Set(served)].sort());
  expect(described.length).toBeGreaterThan(20);
});

test("every reference of openapi.json leads somewhere, every path parameter is described", () => {
  const text = JSON.stringify(document);
  for (const m of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    expect(document.components.schemas).toHaveProperty(String(m[1]));
  }
  expect(text).not.toContain("$defs");
  for (const [path, methods] of Object.entries(document.paths)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
    for (const operation of Object.values(methods)) {
      const described = (operation.parameters ?? [])
        .filter((p) => p.in === "path")
        .map((p) => p.name);
      expect(described.sort()).toEqual(inPath);
    }
  }
});

test("openapi.json says of every body whether it is needed, as the route has it", async () => {
  const needed: string[] = [];
  const optional: string[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { requestBody }] of Object.entries(methods)) {
      if (requestBody === undefined) continue;
      const query = path.includes("{id}") ? "?sku=A" : "";
      const answer = await house.app.request(path.replaceAll(/[{}]/g, "") + query, { method });
      const isNeeded = ((await answer.json()) as { code?: string }).code === "malformed_json";
      expect([path, requestBody.required]).toEqual([path, isNeeded]);
      (isNeeded ? needed : optional).push(path);
    }
  }
  expect(optional).toEqual(["/v1/holds/{id}/fulfill"]);
  expect(needed).toContain("/v1/holds/{id}/extend");
});

test("a problem a route answers is one it declares", async () => {
  const answer = await send(house.app, "POST", "/v1/holds", {
    lines: [{ sku: "A", qty: 1 }],
    ttlMs: 9,
  });
  const { type, status } = (await answer.json()) as { type: string; status: number };
  const declared = document.paths["/v1/holds"]?.post?.responses[String(status)];
  expect(String(declared?.description)).toContain(type);
});

test("every problem has a page under its type, every rejection is a problem", async () => {
  for (const code of Object.keys(PROBLEMS) as ProblemCode[]) {
    const page = await house.app.request(problemType(code));
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(PROBLEMS[code].title.replaceAll("'", "&#39;"));
  }
  for (const reason of REJECTION_REASONS) expect(PROBLEMS).toHaveProperty(reason);
});

test("/docs needs nothing from elsewhere and runs no script", async () => {
  const page = await house.app.request("/docs");
  const text = await page.text();
  expect(text).not.toMatch(/(src|href)="https?:/);
  expect(text).not.toContain("<script");
  expect(text).toContain("/v1/stock/{sku}");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
});

test("/ and its files are served, without anything from elsewhere", async () => {
  for (const path of ["/", "/page/page.js", "/page/feed.js", "/page/page.css", "/page/docs.css"]) {
    const file = await house.app.request(path);
    expect(file.status).toBe(200);
    expect(await file.text()).not.toMatch(/(src|href)="https?:|url\(["']?https?:/);
  }
});
