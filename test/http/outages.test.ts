// What the edge does while a part of the house is away: Postgres, Redis, NATS, the stock processes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { call, until, type WholeHouse, wholeHouse } from "./support/whole_house.ts";

let house: WholeHouse;
beforeAll(async () => {
  house = await wholeHouse({ privateServers: true, env: { ONHAND_HTTP_DEADLINE_MS: "500" } });
  await receive("A", 10);
}, 60_000);
afterAll(() => house.stop());

const get = (path: string) => call(house, "GET", path);
const post = (path: string, body: unknown, headers?: Record<string, string>) =>
  call(house, "POST", path, body, headers);
const receive = (sku: string, qty: number, headers?: Record<string, string>) =>
  post("/v1/commands", { type: "receipt", sku, location: "L", qty }, headers);
const ready = async () => (await get("/readyz")).status === 200;
const parts = async () => (await get("/readyz")).body.parts as Record<string, { ok: boolean }>;
/** The roles whose metrics the edge tells; they are there at once. */
async function metrics(): Promise<string[]> {
  const answer = await fetch(`${house.url}/metrics`, { signal: AbortSignal.timeout(2_000) });
  expect(answer.status).toBe(200);
  const roles = [...(await answer.text()).matchAll(/role="([^"]+)"/g)].map(([, role = ""]) => role);
  return [...new Set(roles)];
}

test("Postgres away: writes and reads of levels go on, the ledger is 503, ready says so", async () => {
  await house.postgres?.kill();
  expect((await receive("A", 1)).status).toBe(200);
  const stock = await get("/v1/stock/A?consistency=strong");
  expect(stock).toMatchObject({ status: 200, body: { totals: { onHand: 11 } } });
  for (const path of [
    "/v1/stock/A/history",
    "/v1/commands/x?sku=A",
    "/v1/items",
    "/v1/stock?location=L",
  ]) {
    const answer = await get(path);
    expect(answer).toMatchObject({ status: 503, body: { code: "ledger_unavailable" } });
    expect(answer.headers.get("retry-after")).toBe("2");
  }
  expect(await parts()).toMatchObject({ postgres: { ok: false }, nats: { ok: true } });
  await house.postgres?.start();
  await until(async () => {
    const { body } = await get("/v1/stock/A/history");
    return (body.rows as unknown[])?.length === 2;
  }, "history is back and whole");
});

test("Redis away: the last checkpoint answers, marked stale; a strong read is 503; then it is fresh", async () => {
  await until(async () => {
    const rows = (await get("/v1/stock?location=L")).body.stock as { sku: string }[];
    return rows.some(({ sku }) => sku === "A");
  }, "a checkpoint has it");
  await house.redis?.kill();
  await receive("A", 1);
  const stale = await get("/v1/stock/A");
  expect(stale).toMatchObject({ status: 200, body: { stale: true } });
  const strong = await get("/v1/stock/A?consistency=strong");
  expect(strong).toMatchObject({ status: 503, body: { code: "registry_unavailable" } });
  expect(await ready()).toBe(true);
  await house.redis?.start();
  await until(async () => {
    const { body } = await get("/v1/stock/A");
    return body.stale === undefined && (body.totals as { onHand: number })?.onHand === 12;
  }, "the registry is refreshed");
});

test("NATS frozen: 202 once it may be stored, and the same key finds what became of it", async () => {
  const key = { "idempotency-key": "delivery-1" };
  house.nats.signal("SIGSTOP");
  const open = await receive("A", 5, key);
  house.nats.signal("SIGCONT");
  expect(open.status).toBe(202);
  const location = open.headers.get("location") ?? "";
  await until(async () => (await get(location)).status === 200, "decided later");
  const again = await receive("A", 5, key);
  expect(again).toMatchObject({ status: 200, body: { outcome: "duplicate", first: "applied" } });
  expect((await get("/v1/stock/A?consistency=strong")).body).toMatchObject({
    totals: { onHand: 17 },
  });
});

test("NATS away: 503 when surely nothing was sent, reads go on, and after it all is well", async () => {
  await house.nats.kill();
  await until(async () => !(await parts()).nats?.ok, "noticed");
  const refused = await receive("A", 1, { "idempotency-key": "delivery-2" });
  expect(refused).toMatchObject({ status: 503, body: { code: "log_unavailable" } });
  expect((await get("/v1/stock/A")).status).toBe(200);
  expect((await get("/readyz")).status).toBe(503);
  expect((await get("/healthz")).status).toBe(200);
  expect(await metrics()).toEqual(["http"]);
  await house.nats.start();
  await until(
    async () => (await receive("A", 1, { "idempotency-key": "delivery-2" })).status === 200,
    "decides again",
  );
  await until(ready, "ready again");
  const stock = await get("/v1/stock/A?consistency=strong");
  expect(stock.body).toMatchObject({ totals: { onHand: 18 } });
});

test("nobody runs the shards: 202 for what is stored, not ready", async () => {
  expect(await metrics()).toEqual(["http", "stock"]);
  await house.stock.stop();
  expect(await metrics()).toEqual(["http"]);
  const open = await receive("A", 1);
  expect(open.status).toBe(202);
  const hold = await post("/v1/holds", { lines: [{ sku: "A", qty: 1 }], ttlMs: 9_000 });
  expect(hold.status).toBe(202);
  expect(await get("/readyz")).toMatchObject({ status: 503, body: { shards: { owned: 0 } } });
  expect(await get("/v1/stock/A?consistency=strong")).toMatchObject({
    status: 503,
    body: { code: "strong_read_timeout" },
  });
});
