import { afterEach, beforeEach, expect, it } from "vitest";
import { stepProjection } from "../../../../actors/runtime/projections/projection.ts";
import { type LedgerHouse, openLedgerHouse } from "./support/ledger_house.ts";

let house: LedgerHouse;
beforeEach(async () => {
  house = await openLedgerHouse();
});
afterEach(() => house.close());

/** A movement after which so much is available. */
const moved = (at: string, available: number, more = {}) => ({
  type: "sale",
  at,
  deltaSellable: -1,
  sellable: available,
  ...more,
});
const received = (at: string, available: number) =>
  moved(at, available, { type: "receipt", deltaSellable: 10 });

async function outByDay() {
  return (await house.table()).map((row) => [
    row.local_day,
    row.minutes_out_of_stock,
    row.minutes_open,
  ]);
}

async function foldTo(at: string) {
  await house.commit(at);
  await house.step(house.windows());
}

it("minutes out of stock: from the sale that took the last one to the receipt", async () => {
  await house.rows(
    received("2026-03-02T08:00:00Z", 3),
    moved("2026-03-02T21:00:00Z", 0),
    received("2026-03-04T01:30:00Z", 10),
  );
  await foldTo("2026-03-05T00:00:00Z");
  expect(await outByDay()).toEqual([
    ["2026-03-02", 180, 1440],
    ["2026-03-03", 1440, 1440], // nothing happened that day, and yet it says why
    ["2026-03-04", 90, 1440],
  ]);
});

it("only open minutes count, and what is reserved is not for sale", async () => {
  await house.location("shop", "Europe/Berlin", "Mo-Sa 09:00-20:00");
  await house.rows(
    received("2026-03-06T08:00:00Z", 5),
    // Friday 19:00 in Berlin: five on the shelf, all promised.
    { type: "hold", at: "2026-03-06T18:00:00Z", deltaReserved: 5, sellable: 5, reserved: 5 },
    // Monday 09:45.
    { type: "expiry", at: "2026-03-09T08:45:00Z", deltaReserved: -5, sellable: 5 },
  );
  await foldTo("2026-03-10T00:00:00Z");
  expect(await outByDay()).toEqual([
    ["2026-03-06", 60, 660],
    ["2026-03-07", 660, 660],
    ["2026-03-09", 45, 660], // and no Sunday
  ]);
});

it("nothing is said before the stock was first counted or received", async () => {
  await house.rows(
    moved("2026-03-01T10:00:00Z", -1, { demand: 1 }),
    moved("2026-03-02T10:00:00Z", -2, { demand: 1 }),
    {
      type: "count",
      at: "2026-03-02T12:00:00Z",
      sellable: 0,
      deltaSellable: 2,
    },
  );
  await foldTo("2026-03-03T00:00:00Z");
  expect(await outByDay()).toEqual([
    ["2026-03-01", null, 1440],
    ["2026-03-02", 720, 1440],
  ]);
});

it("a receipt told late takes back what was counted out of stock, in closed windows too", async () => {
  await house.rows(received("2026-03-02T08:00:00Z", 1), moved("2026-03-02T22:00:00Z", 0));
  await foldTo("2026-03-04T00:00:00Z");
  expect(await outByDay()).toEqual([
    ["2026-03-02", 120, 1440],
    ["2026-03-03", 1440, 1440],
  ]);
  await house.rows(received("2026-03-03T06:00:00Z", 10));
  await foldTo("2026-03-04T09:00:00Z");
  expect(await outByDay()).toEqual([
    ["2026-03-02", 120, 1440],
    ["2026-03-03", 360, 1440],
  ]);
  expect(house.published.at(-1)).toMatchObject({ minutesOutOfStock: 360, closed: true });
});

it("what is told late begins no earlier than the movement before it", async () => {
  await house.rows(
    received("2026-03-02T08:00:00Z", 2),
    moved("2026-03-02T23:00:00Z", 1),
    moved("2026-03-02T20:00:00Z", 0, { appendedAt: Date.parse("2026-03-03T09:00:00Z") }),
  );
  await foldTo("2026-03-03T09:00:00Z");
  expect(await outByDay()).toEqual([["2026-03-02", 60, 1440]]);
});

it("it is counted hour by hour, over a clock change", async () => {
  await house.location("shop", "Europe/Berlin");
  await house.rows(
    received("2026-03-28T08:00:00Z", 1),
    moved("2026-03-28T22:59:00Z", 0), // 23:59 in Berlin
    received("2026-03-29T22:30:00Z", 10), // 00:30 on the 30th
  );
  await foldTo("2026-03-31T00:00:00Z");
  expect(await outByDay()).toEqual([
    ["2026-03-28", 1, 1440],
    ["2026-03-29", 1380, 1380],
    ["2026-03-30", 30, 1440],
  ]);
  await house.step(house.windows({ grain: "hour" }));
  const hours = await house.table();
  expect(hours).toHaveLength(1 + 23 + 1);
  expect(hours.reduce((sum, row) => sum + (row.minutes_out_of_stock ?? 0), 0)).toBe(1411);
  expect(hours[0]).toMatchObject({ minutes_out_of_stock: 1, minutes_open: 60 });
});

it("an item that did not move for 90 days is gone, not out of stock", async () => {
  await house.rows(received("2026-01-01T00:00:00Z", 1), moved("2026-01-02T00:00:00Z", 0));
  await foldTo("2026-07-01T00:00:00Z");
  expect(await outByDay()).toHaveLength(90);
  await house.rows(received("2026-07-02T00:00:00Z", 4));
  await foldTo("2026-07-03T00:00:00Z");
  const days = await outByDay();
  expect(days).toHaveLength(90);
  expect(days.at(-1)).toEqual(["2026-04-01", 1440, 1440]);
});

it("many keys at the end of the ledger, which Postgres knows nothing of yet, are folded at once", async () => {
  await house.rows(received("2026-03-02T08:00:00Z", 3));
  await foldTo("2026-03-02T08:00:00Z");
  await house.database.run((sql) => sql`analyze`);
  const rows = Array.from({ length: 10_000 }, (_, i) => [
    { ...received("2026-03-02T09:00:00Z", 1), sku: `N${i}` },
    moved("2026-03-02T10:00:00Z", i % 10 === 0 ? 0 : 1, { sku: `N${i}`, demand: 1 }),
  ]);
  await house.rows(...rows.flat());
  await house.commit("2026-03-02T11:00:00Z");
  const startedMs = performance.now();
  await stepProjection(house.database, house.windows(), { epoch: 1, shard: 0 });
  // Half a second; joined by nested loops it took 25 s.
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(await house.table()).toHaveLength(10_000);
});
