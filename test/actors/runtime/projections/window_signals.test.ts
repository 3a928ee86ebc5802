import { afterEach, beforeEach, expect, it } from "vitest";
import { type LedgerHouse, openLedgerHouse } from "./support/ledger_house.ts";

let house: LedgerHouse;
beforeEach(async () => {
  house = await openLedgerHouse();
});
afterEach(() => house.close());

const sale = (at: string, more = {}) => ({
  type: "sale",
  at,
  qty: 1,
  deltaSellable: -1,
  demand: 1,
  ...more,
});

type SignalRow = { name: string; location?: string; sku?: string; day: string; value: number };

async function signals(...rows: SignalRow[]) {
  for (const { name, location = "", sku = "", day, value } of rows) {
    await house.database.run(
      (sql) => sql`
        insert into signal (name, location, sku, day, value) values (${name}, ${location}, ${sku}, ${day}, ${value})
        on conflict (name, location, sku, day) do update set value = excluded.value, updated_at = now()`,
    );
  }
}

async function fold(at: string) {
  await house.commit(at);
  await house.step(house.windows());
}

it("a window tells the signals in force; the closest to the key speaks, 0 is off", async () => {
  const day = "2026-03-02";
  await signals(
    { name: "holiday", day, value: 1 },
    { name: "promotion", location: "shop", day, value: 1 },
    { name: "promotion", location: "shop", sku: "B", day, value: 3 },
    { name: "market", sku: "B", day, value: 1.02 },
    { name: "market", location: "shop", day, value: 0.97 },
    { name: "holiday", location: "mall", day, value: 0 },
  );
  await house.rows(
    sale(`${day}T10:00:00Z`),
    sale(`${day}T10:00:00Z`, { sku: "B" }),
    sale(`${day}T10:00:00Z`, { location: "mall" }),
  );
  await fold(`${day}T11:00:00Z`);
  expect(await house.table()).toMatchObject([
    { location: "mall", signals: {} },
    { location: "shop", sku: "A", signals: { holiday: 1, promotion: 1, market: 0.97 } },
    { location: "shop", sku: "B", signals: { holiday: 1, promotion: 3, market: 1.02 } },
  ]);
});

it("signals that are told later restate the windows of their day, once", async () => {
  await house.rows(sale("2026-03-02T10:00:00Z"), sale("2026-03-03T10:00:00Z"));
  await fold("2026-03-04T00:00:00Z");
  const told = house.published.length;
  await signals({ name: "promotion", day: "2026-03-02", value: 1 });
  await fold("2026-03-04T00:00:01Z");
  await fold("2026-03-04T00:00:02Z");
  expect(house.published.slice(told)).toMatchObject([
    { localDay: "2026-03-02", demand: 1, closed: true, signals: { promotion: 1 } },
  ]);
  await signals({ name: "promotion", day: "2026-03-02", value: 0 });
  await fold("2026-03-04T00:00:03Z");
  expect(await house.table()).toMatchObject([{ signals: {} }, { signals: {} }]);
});

it("signals are looked at again for some seconds after they were written, and then no more", async () => {
  await house.rows(sale("2026-03-02T10:00:00Z"));
  await fold("2026-03-04T00:00:00Z");
  const seen = () =>
    house.database.run(
      (sql) => sql<{ lag: number; is_news: boolean }[]>`
        select extract(epoch from now() - signals_seen)::float8 as lag,
          exists (select from signal s where s.updated_at > m.signals_seen) as is_news
        from demand_watermark m`,
    );
  await signals({ name: "promotion", day: "2026-03-02", value: 1 });
  await fold("2026-03-04T00:00:01Z");
  expect(await seen()).toMatchObject([{ is_news: true }]);
  // Eleven seconds later.
  await house.database.run(
    (sql) => sql`update signal set updated_at = updated_at - interval '11 seconds'`,
  );
  await house.database.run((sql) => sql`update demand_watermark set signals_seen = '-infinity'`);
  await fold("2026-03-04T00:00:02Z");
  const [first] = await seen();
  expect(first).toMatchObject({ is_news: false });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await fold("2026-03-04T00:00:03Z");
  // Nothing was new, so nothing was looked at and the mark stands where it stood.
  expect((await seen())[0]?.lag).toBeGreaterThan((first?.lag ?? 0) + 0.04);
});

it("a holiday closes the places whose opening hours say so, also when it is told late", async () => {
  await house.location("shop", "UTC", "Mo-Su 10:00-20:00; PH off");
  await house.location("mall", "UTC", "Mo-Su 10:00-20:00");
  await signals({ name: "holiday", day: "2026-04-03", value: 1 });
  const day = (location: string, at: string) => [
    {
      type: "receipt",
      location,
      at: `${at}T00:00:00Z`,
      deltaSellable: 1,
      sellable: 1,
    },
    sale(`${at}T19:00:00Z`, { location }),
  ];
  await house.rows(...day("shop", "2026-04-02"), ...day("mall", "2026-04-02"));
  await fold("2026-04-07T00:00:00Z");
  const table = async (location: string) =>
    (await house.table())
      .filter((row) => row.location === location)
      .map((row) => [row.local_day, row.minutes_out_of_stock, row.minutes_open]);
  expect(await table("shop")).toEqual([
    ["2026-04-02", 60, 600],
    ["2026-04-04", 600, 600],
    ["2026-04-05", 600, 600],
    ["2026-04-06", 600, 600],
  ]);
  expect(await table("mall")).toHaveLength(5);
  await signals({ name: "holiday", location: "shop", day: "2026-04-06", value: 1 });
  await fold("2026-04-07T00:00:01Z");
  expect((await table("shop")).at(-1)).toEqual(["2026-04-06", 0, 0]);
});

it("other opening hours hold from then on; a rebuild counts with them from the start", async () => {
  await house.rows(sale("2026-03-02T10:00:00Z"));
  await fold("2026-03-03T00:00:00Z");
  await house.location("shop", "UTC", "Mo-Su 10:00-20:00");
  await house.rows(sale("2026-03-03T10:00:00Z"));
  await fold("2026-03-04T00:00:00Z");
  expect(await house.table()).toMatchObject([{ minutes_open: 1440 }, { minutes_open: 600 }]);
  await house.database.run((sql) => sql`update demand_watermark set rebuild = true`);
  await fold("2026-03-04T00:00:00Z");
  expect(await house.table()).toMatchObject([{ minutes_open: 600 }, { minutes_open: 600 }]);
});

it("location_days() tells open minutes of days with and without windows, and of days to come", async () => {
  await house.location("shop", "Europe/Berlin", "Mo-Sa 10:00-20:00; PH off");
  await signals({ name: "holiday", day: "2026-04-06", value: 1 });
  await house.rows(sale("2026-03-27T10:00:00Z"));
  await fold("2026-03-28T10:00:00Z");
  const days = async (location: string, from: string, to: string) =>
    (
      await house.database.run(
        (sql) => sql<{ day: string; hours: number; open: number }[]>`
          select local_day::text as day, minutes_open as open,
            extract(epoch from window_end - window_start)::int / 3600 as hours
          from location_days(${location}, ${from}, ${to})`,
      )
    ).map(({ day, hours, open }) => [day, hours, open]);
  expect(await days("shop", "2026-03-28", "2026-03-30")).toEqual([
    ["2026-03-28", 24, 600],
    ["2026-03-29", 23, 0],
    ["2026-03-30", 24, 600],
  ]);
  expect(await days("shop", "2026-04-06", "2026-04-06")).toEqual([["2026-04-06", 24, 0]]);
  expect(await days("nowhere", "2026-03-29", "2026-03-29")).toEqual([["2026-03-29", 24, 1440]]);
});

it("location_days() tells the same days in every session, also where midnight is skipped", async () => {
  await house.location("shop", "Africa/Cairo");
  for (const zone of ["UTC", "Africa/Cairo"]) {
    const days = await house.database.transaction(async (sql) => {
      await sql`select set_config('timezone', ${zone}, true)`;
      return sql<{ day: string }[]>`
        select local_day::text as day from location_days('shop', '2025-04-24', '2025-04-26')`;
    });
    expect(days.map(({ day }) => day)).toEqual(["2025-04-24", "2025-04-25", "2025-04-26"]);
  }
});
