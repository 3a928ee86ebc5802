// The demo from end to end: a chain with a past trades, and within minutes there are forecasts, and reorder points that
// what it sells moves. Real servers, `onhand up --demo` as a process of its own.
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeChain } from "../../scripts/demo/chain.ts";
import { skusWithPast } from "../../scripts/demo/history.ts";
import { freePort } from "../../scripts/servers/port.ts";
import { type RunningOnhand, startOnhand } from "../support/onhand.ts";
import { privateDir } from "../support/servers.ts";

// What sells best at the web store sells a usual day's worth each minute at this speed.
const ARGS = ["--demo", "--demo-speed", "1500", "--demo-history", "45", "--shards", "4"];
// In the hour after midnight yesterday would not be closed yet, and what sells today would surprise nobody.
const ENV = { ONHAND_WINDOW_GRACE_MINUTES: "0" };
const [SKU] = skusWithPast(makeChain(1));
const PLACE = `${SKU}?location=web`;
let system: RunningOnhand;

beforeAll(async () => {
  system = await startOnhand(privateDir(), ["--port", String(await freePort()), ...ARGS], ENV);
}, 120_000);
afterAll(async () => {
  await system?.stop();
}, 60_000);

type Policy = {
  version: number;
  plan: { mode: string; reorderPoint: number; cause: string } | null;
};

async function policy(): Promise<Policy | undefined> {
  const response = await fetch(`${system.endpoints.http}/v1/policies/${PLACE}`);
  if (response.status !== 200) return undefined;
  return ((await response.json()) as { locations: Policy[] }).locations[0];
}

test("sales move the reorder points that /v1/policies shows", async () => {
  const startedMs = performance.now();
  await expect
    .poll(async () => (await policy())?.plan ?? null, { timeout: 150_000 })
    .not.toBeNull();
  const first = (await policy()) as Policy;
  expect(first.plan?.mode).toBe("recommend");
  expect(first.plan?.reorderPoint).toBeGreaterThan(0);
  const forecast = async () => {
    const response = await fetch(`${system.endpoints.http}/v1/forecasts/${PLACE}`);
    const body = (await response.json()) as { locations?: { forecast: unknown }[] };
    return body.locations?.[0]?.forecast ?? null;
  };
  await expect.poll(forecast, { timeout: 150_000 }).not.toBeNull();
  process.stderr.write(`first forecast after ${Math.round(performance.now() - startedMs)} ms\n`);
  // A day of trade passes each minute; up or down is for the trade to say.
  await expect
    .poll(
      async () => {
        const now = await policy();
        if (now?.plan == null || now.version <= first.version) return false;
        return now.plan.reorderPoint !== first.plan!.reorderPoint;
      },
      { timeout: 240_000, interval: 500 },
    )
    .toBe(true);
}, 600_000);
