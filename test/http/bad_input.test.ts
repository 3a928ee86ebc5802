// Bad commands and holds at the edge: each a clear problem, a stable type, no stack, and no effect on what follows.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EdgeOfFake, edgeOfFake, send } from "./support/edge_of_fake.ts";

let house: EdgeOfFake;
beforeAll(async () => {
  house = await edgeOfFake();
});
afterAll(() => house.stop());

const ok = { type: "receipt", sku: "A", location: "L", qty: 1 };

type Case = {
  name: string;
  body: unknown;
  headers?: Record<string, string>;
  status: number;
  code: string;
  field?: string;
};

const COMMANDS: Case[] = [
  { name: "no JSON", body: "{nope", status: 400, code: "malformed_json" },
  { name: "empty body", body: "", status: 400, code: "malformed_json" },
  {
    name: "bytes that are no UTF-8",
    body: new Uint8Array([0x22, 0xff, 0x22]),
    status: 400,
    code: "malformed_text",
  },
  { name: "a text", body: '"x"', status: 400, code: "invalid_field", field: "" },
  { name: "null", body: "null", status: 400, code: "invalid_field", field: "" },
  {
    name: "unknown type",
    body: { ...ok, type: "steal" },
    status: 400,
    code: "invalid_field",
    field: "type",
  },
  { name: "missing type", body: { sku: "A" }, status: 400, code: "invalid_field", field: "type" },
  {
    name: "a type of Object's",
    body: { ...ok, type: "toString" },
    status: 400,
    code: "invalid_field",
    field: "type",
  },
  {
    name: "a channel that zod would drop",
    body: '{"type":"policy","sku":"A","location":"L","channels":{"web":{},"__proto__":{"buffer":3}}}',
    status: 400,
    code: "invalid_field",
    field: "channels.__proto__",
  },
  {
    name: "65 channels",
    body: {
      type: "policy",
      sku: "A",
      location: "L",
      channels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`c${i}`, {}])),
    },
    status: 400,
    code: "invalid_field",
    field: "channels",
  },
  {
    name: "seal by a caller",
    body: { type: "seal", sku: "A", location: "L", hold: "h", outcome: "held" },
    status: 400,
    code: "invalid_field",
    field: "type",
  },
  {
    name: "missing qty",
    body: { type: "sale", sku: "A", location: "L" },
    status: 400,
    code: "invalid_field",
    field: "qty",
  },
  {
    name: "negative qty",
    body: { ...ok, qty: -1 },
    status: 400,
    code: "invalid_field",
    field: "qty",
  },
  { name: "qty 0", body: { ...ok, qty: 0 }, status: 400, code: "invalid_field", field: "qty" },
  {
    name: "qty -0",
    body: '{"type":"receipt","sku":"A","location":"L","qty":-0}',
    status: 400,
    code: "invalid_field",
    field: "qty",
  },
  { name: "fraction", body: { ...ok, qty: 1.5 }, status: 400, code: "invalid_field", field: "qty" },
  {
    name: "text as number",
    body: { ...ok, qty: "1" },
    status: 400,
    code: "invalid_field",
    field: "qty",
  },
  {
    name: "beyond 2^50",
    body: { ...ok, qty: 2 ** 50 + 1 },
    status: 400,
    code: "invalid_field",
    field: "qty",
  },
  {
    name: "1e400",
    body: '{"type":"receipt","sku":"A","location":"L","qty":1e400}',
    status: 400,
    code: "invalid_field",
    field: "qty",
  },
  {
    name: "unknown field",
    body: { ...ok, quantity: 3 },
    status: 400,
    code: "invalid_field",
    field: "quantity",
  },
  {
    name: "__proto__",
    body: '{"type":"receipt","sku":"A","location":"L","qty":1,"__proto__":{"x":1}}',
    status: 400,
    code: "invalid_field",
    field: "__proto__",
  },
  {
    name: "SKU of 201 bytes",
    body: { ...ok, sku: "x".repeat(201) },
    status: 400,
    code: "invalid_field",
    field: "sku",
  },
  {
    name: "emoji beyond 200 bytes",
    body: { ...ok, sku: "🧦".repeat(51) },
    status: 400,
    code: "invalid_field",
    field: "sku",
  },
  { name: "empty SKU", body: { ...ok, sku: "" }, status: 400, code: "invalid_field", field: "sku" },
  {
    name: "SKU with a control character",
    body: { ...ok, sku: "a\u0007" },
    status: 400,
    code: "invalid_field",
    field: "sku",
  },
  {
    name: "SKU with a lone surrogate",
    body: '{"type":"receipt","sku":"\\ud800","location":"L","qty":1}',
    status: 400,
    code: "invalid_field",
    field: "sku",
  },
  {
    name: "id of 129 characters",
    body: { ...ok, id: "i".repeat(129) },
    status: 400,
    code: "invalid_field",
    field: "id",
  },
  {
    name: "id with NUL",
    body: { ...ok, id: "a\u0000b" },
    status: 400,
    code: "invalid_field",
    field: "id",
  },
  {
    name: "time without offset",
    body: { ...ok, at: "2026-01-01T00:00:00" },
    status: 400,
    code: "invalid_field",
    field: "at",
  },
  {
    name: "30 February",
    body: { ...ok, at: "2026-02-30T00:00:00Z" },
    status: 400,
    code: "invalid_field",
    field: "at",
  },
  {
    name: "hold for 32 days",
    body: { type: "hold", sku: "A", location: "L", hold: "h", qty: 1, ttlMs: 32 * 86_400_000 },
    status: 400,
    code: "invalid_field",
    field: "ttlMs",
  },
  {
    name: "a home by a caller",
    body: {
      type: "hold",
      sku: "A",
      location: "L",
      hold: "h",
      lines: [{ sku: "A", qty: 1 }],
      ttlMs: 1,
      home: "A",
    },
    status: 400,
    code: "invalid_field",
    field: "home",
  },
  {
    name: "lines over shards",
    body: {
      type: "hold",
      sku: "A",
      location: "L",
      hold: "h",
      ttlMs: 1,
      lines: ["A", "B", "C", "D", "E"].map((sku) => ({ sku, qty: 1 })),
    },
    status: 400,
    code: "invalid_field",
    field: "lines",
  },
  {
    name: "another content type",
    body: "<x/>",
    headers: { "content-type": "text/xml" },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    name: "another charset",
    body: "{}",
    headers: { "content-type": "application/json; charset=latin1" },
    status: 415,
    code: "unsupported_media_type",
  },
  { name: "2 MB", body: `"${"x".repeat(2_000_000)}"`, status: 413, code: "body_too_large" },
  {
    name: "1001 lines",
    body: Array.from({ length: 1001 }, () => ok),
    status: 413,
    code: "batch_too_large",
  },
  {
    name: "a key too long",
    body: ok,
    headers: { "idempotency-key": "k".repeat(129) },
    status: 400,
    code: "invalid_field",
    field: "Idempotency-Key",
  },
  {
    name: "a key that is no UTF-8",
    body: ok,
    headers: { "idempotency-key": "caf\u00e9" },
    status: 400,
    code: "invalid_field",
    field: "Idempotency-Key",
  },
  {
    name: "a key that names the lines of a batch as the log names commands without an id",
    body: [ok],
    headers: { "idempotency-key": "@1.2.3" },
    status: 400,
    code: "invalid_field",
    field: "Idempotency-Key",
  },
];

describe("POST /v1/commands refuses", () => {
  test.each(COMMANDS)("$name", async ({ body, headers, status, code, field }) => {
    const before = house.actor.received.length;
    const answer = await send(house.app, "POST", "/v1/commands", body, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    const problem = (await answer.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ status, code, type: `/problems/${code.replaceAll("_", "-")}` });
    expect(problem.instance).toBe(answer.headers.get("x-request-id"));
    if (field !== undefined) expect(problem.field).toBe(field);
    expect(JSON.stringify(problem)).not.toMatch(/node_modules|\.ts:\d/);
    expect(house.actor.received.length).toBe(before);
    const after = await send(house.app, "POST", "/v1/commands", ok);
    expect(after.status).toBe(200);
  });

  test("far times are for the fold to flag, not refused", async () => {
    for (const at of ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00"]) {
      const answer = await send(house.app, "POST", "/v1/commands", { ...ok, at });
      expect(answer.status).toBe(200);
    }
  });

  test("a wrong line of a batch alone", async () => {
    const lines = [ok, { ...ok, qty: -1 }, "x", { ...ok, sku: "B" }];
    const answer = await send(house.app, "POST", "/v1/commands", lines);
    expect(answer.status).toBe(200);
    const { results } = (await answer.json()) as {
      results: { status: number; problem?: { field: string } }[];
    };
    expect(results.map((result) => result.status)).toEqual([200, 400, 400, 200]);
    expect(results[1]?.problem?.field).toBe("qty");
  });
});

const HOLDS: Case[] = [
  {
    name: "no lines",
    body: { lines: [], ttlMs: 1 },
    status: 400,
    code: "invalid_field",
    field: "lines",
  },
  {
    name: "101 lines",
    body: { lines: Array.from({ length: 101 }, (_, i) => ({ sku: `S${i}`, qty: 1 })), ttlMs: 1 },
    status: 400,
    code: "invalid_field",
    field: "lines",
  },
  {
    name: "no ttlMs",
    body: { lines: [{ sku: "A", qty: 1 }] },
    status: 400,
    code: "invalid_field",
    field: "ttlMs",
  },
  {
    name: "ttlMs 0",
    body: { lines: [{ sku: "A", qty: 1 }], ttlMs: 0 },
    status: 400,
    code: "invalid_field",
    field: "ttlMs",
  },
  {
    name: "a line twice",
    body: {
      lines: [
        { sku: "A", qty: 1 },
        { sku: "A", qty: 2 },
      ],
      ttlMs: 1,
    },
    status: 400,
    code: "invalid_field",
    field: "lines[1]",
  },
  {
    name: "a wrong line",
    body: {
      lines: [
        { sku: "A", qty: 1 },
        { sku: "B", qty: 0.5 },
      ],
      ttlMs: 1,
    },
    status: 400,
    code: "invalid_field",
    field: "lines[1].qty",
  },
  {
    name: "an unknown field",
    body: { lines: [{ sku: "A", qty: 1 }], ttlMs: 1, ttl: 5 },
    status: 400,
    code: "invalid_field",
    field: "ttl",
  },
];

describe("POST /v1/holds refuses", () => {
  test.each(HOLDS)("$name", async ({ body, status, code, field }) => {
    const answer = await send(house.app, "POST", "/v1/holds", body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code, field });
  });
});

test("nothing here was our fault", () => {
  expect(house.errors).toEqual([]);
});
