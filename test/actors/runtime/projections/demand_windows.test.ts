import { afterEach, beforeEach, expect, it } from "vitest";
import { type LedgerHouse, messageOf, openLedgerHouse } from "./support/ledger_house.ts";

let house: LedgerHouse;
beforeEach(async () => {
  house = await openLedgerHouse();
});
afterEach(() => house.close());

const sale = (at: string | number, qty: number, more = {}) => ({
  type: "sale",
  at,
  qty,
  deltaSellable: -qty,
  demand: qty,
  ...more,
});

/** Last message of each window, as a consumer that lets the highest version win has them. */
function heard() {
  const last = new Map<string, (typeof house.published)[number]>();
  for (const message of house.published) {
    const name = JSON.stringify([message.location, message.sku, message.windowStart]);
    const known = last.get(name);
    if (known === undefined || message.version > known.version) last.set(name, message);
  }
  return [...last.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, message]) => message)
    .filter(({ removed }) => removed !== true)
    .map(({ id: _, ...message }) => message);
}

async function streamAgreesWithTable() {
  expect(heard()).toEqual((await house.table()).map(messageOf));
}

it("demandWindows() sums by the location's own day, 23 hours when the clock goes forward", async () => {
  await house.location("york", "America/New_York");
  // 03:30 UTC on the 9th is still the 8th in New York, where the clock went forward that night.
  await house.rows(
    sale("2026-03-09T03:30:00Z", 2, { location: "york" }),
    sale("2026-03-09T12:00:00Z", 3, { location: "york" }),
    { type: "return", at: "2026-03-08T12:00:00Z", qty: 1, deltaSellable: 1, location: "york" },
  );
  await house.commit("2026-03-09T12:00:00Z");
  await house.step(house.windows());
  expect(heard()).toMatchObject([
    {
      windowStart: "2026-03-08T05:00:00.000Z",
      windowEnd: "2026-03-09T04:00:00.000Z",
      localDay: "2026-03-08",
      demand: 2,
      returns: 1,
      minutesOpen: 23 * 60,
      closed: true,
    },
    {
      windowStart: "2026-03-09T04:00:00.000Z",
      windowEnd: "2026-03-10T04:00:00.000Z",
      demand: 3,
      returns: 0,
      minutesOpen: 24 * 60,
      closed: false,
    },
  ]);
  await streamAgreesWithTable();
});

it("demandWindows() has a day of 25 hours when the clock goes back", async () => {
  await house.location("york", "America/New_York");
  await house.rows(
    sale("2026-11-01T05:30:00Z", 1, { location: "york" }), // 01:30, for the first time
    sale("2026-11-01T06:30:00Z", 1, { location: "york" }), // 01:30, for the second
    sale("2026-11-02T04:59:59Z", 1, { location: "york" }),
  );
  await house.commit("2026-11-02T05:00:00Z");
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([
    { local_day: "2026-11-01", demand: 3, orders: 3, minutes_open: 25 * 60, closed: true },
  ]);
});

it("demandWindows() begins a day when its date begins, also where midnight comes twice", async () => {
  // At 01:00 the clock goes back to 00:00 on the Azores: 00:30 is there twice.
  await house.location("ponta", "Atlantic/Azores", "Mo-Su 00:00-24:00");
  await house.rows(
    sale("2025-10-25T12:00:00Z", 1, { location: "ponta" }),
    sale("2025-10-26T00:30:00Z", 9, { location: "ponta", id: "typo" }),
    sale("2025-10-26T01:30:00Z", 2, { location: "ponta" }),
    sale("2025-10-27T00:59:59Z", 1, { location: "ponta" }),
    {
      type: "void",
      at: "2025-10-26T00:30:00Z",
      appendedAt: Date.parse("2025-10-27T01:00:00Z"),
      deltaSellable: 9,
      demand: -9,
      extra: '{"of":"typo","reason":"x"}',
      location: "ponta",
    },
  );
  await house.commit("2025-10-27T01:00:00Z");
  await house.step(house.windows());
  expect(
    (await house.table()).map((row) => [
      row.window_start.toISOString(),
      row.local_day,
      row.demand,
      row.largest_order,
      row.minutes_open,
      row.closed,
    ]),
  ).toEqual([
    ["2025-10-25T00:00:00.000Z", "2025-10-25", 1, 1, 24 * 60, true],
    ["2025-10-26T00:00:00.000Z", "2025-10-26", 3, 2, 25 * 60, true],
  ]);
});

it("demandWindows() closes a window a grace after its end, and restates it for what comes late", async () => {
  const windows = house.windows({ graceMs: 3_600_000 });
  await house.rows(sale("2026-03-02T10:00:00Z", 2));
  await house.commit("2026-03-03T00:59:59Z");
  await house.step(windows);
  expect(await house.table()).toMatchObject([{ demand: 2, closed: false }]);
  await house.commit("2026-03-03T01:00:00Z");
  await house.step(windows);
  expect(await house.table()).toMatchObject([{ demand: 2, closed: true }]);
  await house.rows(sale("2026-03-02T23:00:00Z", 5), sale("2026-03-01T23:00:00Z", 1));
  await house.commit("2026-03-03T02:00:00Z");
  await house.step(windows);
  expect(await house.table()).toMatchObject([
    { local_day: "2026-03-01", demand: 1, closed: true },
    { local_day: "2026-03-02", demand: 7, orders: 2, largest_order: 5, closed: true },
  ]);
  await streamAgreesWithTable();
});

it("demandWindows() closes by the clock when the log holds nothing more", async () => {
  await house.rows(sale("2026-03-02T10:00:00Z", 2));
  await house.commit("2026-03-02T10:00:00Z");
  let lastSeq = 99;
  const timeWhenLast = (seq: number) =>
    seq === lastSeq ? Date.parse("2026-03-03T00:00:00Z") : undefined;
  await house.step(house.windows({ timeWhenLast }));
  expect(await house.table()).toMatchObject([{ closed: false }]);
  lastSeq = 1;
  await house.step(house.windows({ timeWhenLast }));
  expect(await house.table()).toMatchObject([{ closed: true }]);
});

it("demandWindows() makes windows of hours when set so, and anew when the setting changes", async () => {
  await house.location("shop", "Asia/Kolkata");
  await house.rows(sale("2026-03-02T10:10:00Z", 2), sale("2026-03-02T10:40:00Z", 3));
  await house.commit("2026-03-02T11:00:00Z");
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([{ demand: 5, minutes_open: 1440 }]);
  await house.step(house.windows({ grain: "hour" }));
  const table = await house.table();
  expect(table).toMatchObject([
    { local_day: "2026-03-02", demand: 2, minutes_open: 60, closed: true },
    { local_day: "2026-03-02", demand: 3, minutes_open: 60, closed: false },
  ]);
  expect(table[0]?.window_start.toISOString()).toBe("2026-03-02T09:30:00.000Z");
  expect(house.published.filter(({ removed }) => removed)).toHaveLength(1);
  await streamAgreesWithTable();
});

it("demandWindows() makes the windows of a location anew when its time zone changes", async () => {
  await house.rows(
    sale("2026-03-02T23:30:00Z", 2),
    sale("2026-03-03T10:00:00Z", 3),
    sale("2026-03-02T23:30:00Z", 4, { location: "other" }),
  );
  await house.commit("2026-03-04T10:00:00Z");
  await house.step(house.windows());
  expect((await house.table()).map(({ location, demand }) => [location, demand])).toEqual([
    ["other", 4],
    ["shop", 2],
    ["shop", 3],
  ]);
  await house.location("shop", "Europe/Berlin");
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([
    { location: "other", demand: 4, local_day: "2026-03-02" },
    { location: "shop", demand: 5, local_day: "2026-03-03", closed: true },
  ]);
  await streamAgreesWithTable();
  // And goes on from there.
  await house.rows(sale("2026-03-04T22:59:00Z", 1));
  await house.commit("2026-03-04T23:00:00Z");
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([
    {},
    { demand: 5 },
    { local_day: "2026-03-04", demand: 1, closed: true },
  ]);
});

it("stepProjection() folds each row once, however often it runs", async () => {
  await house.rows(sale("2026-03-02T10:00:00Z", 2));
  await house.commit("2026-03-02T10:00:01Z");
  await house.step(house.windows());
  const told = house.published.length;
  await house.step(house.windows());
  await house.step(house.windows());
  expect(house.published).toHaveLength(told);
  expect(await house.table()).toMatchObject([{ demand: 2 }]);
});

it("a void and a released order are taken back in the window they stood in", async () => {
  await house.rows(
    sale("2026-03-02T10:00:00Z", 74_215, { id: "huge" }),
    sale("2026-03-02T10:05:00Z", 3, { id: "small" }),
    { type: "hold", at: "2026-03-02T11:00:00Z", hold: "h1", deltaReserved: 8, demand: 8 },
    { type: "hold", at: "2026-03-02T11:00:00Z", hold: "h2", deltaReserved: 2, demand: 2 },
  );
  await house.commit("2026-03-03T00:00:00Z");
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([{ demand: 74_228, orders: 4, largest_order: 74_215 }]);
  await house.rows(
    {
      type: "void",
      at: "2026-03-02T10:00:00Z",
      appendedAt: Date.parse("2026-03-03T09:00:00Z"),
      deltaSellable: 74_215,
      demand: -74_215,
      extra: '{"of":"huge","reason":"typo"}',
    },
    { type: "release", at: "2026-03-04T09:00:00Z", hold: "h1", deltaReserved: -8, demand: -8 },
    { type: "fulfill", at: "2026-03-04T09:00:00Z", hold: "h2", deltaReserved: -2, demand: -1 },
  );
  await house.commit("2026-03-04T10:00:00Z");
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([
    { local_day: "2026-03-02", demand: 4, orders: 2, largest_order: 3 },
  ]);
  await streamAgreesWithTable();
});

it("returns, transfers and counts are fields of their own; a voided one is taken back", async () => {
  const at = "2026-03-02T10:00:00Z";
  await house.rows(
    { type: "return", at, qty: 4, deltaSellable: 4, id: "r" },
    { type: "return", at, qty: 2, bucket: "damaged", deltaBucket: 2, id: "d" },
    { type: "adjust", at, qty: 3, deltaSellable: -3, id: "a" },
    { type: "adjust", at, qty: 5, deltaSellable: -5, id: "b" },
    { type: "count", at, qty: 7, deltaSellable: -2 },
    { type: "sale", cause: "countCorrection", at, deltaSellable: 1 },
    { type: "ship", at, qty: 6, deltaSellable: -6 },
    { type: "arrive", at, qty: 9, deltaSellable: 9 },
    { type: "arrive", cause: "transfer", at, deltaInTransit: -9 },
    { type: "void", at, qty: 1, deltaSellable: -1, extra: '{"of":"r","reason":"x"}' },
    { type: "void", at, deltaBucket: -2, bucket: "damaged", extra: '{"of":"d","reason":"x"}' },
    { type: "void", at, deltaSellable: 5, extra: '{"of":"b","reason":"x"}' },
    { type: "return", outcome: "rejected", reason: "out_of_range", at, qty: 8 },
  );
  await house.commit(at);
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([
    { demand: 0, orders: 0, largest_order: 0, returns: 3, transfers: 3, counts: -4 },
  ]);
});

it("a day on which more came back than was sold has its returns beside its demand, not in it", async () => {
  await house.rows(sale("2026-03-02T10:00:00Z", 2), {
    type: "return",
    at: "2026-03-02T11:00:00Z",
    qty: 9,
    deltaSellable: 9,
  });
  await house.commit("2026-03-03T00:00:00Z");
  await house.step(house.windows());
  expect(await house.table()).toMatchObject([{ demand: 2, returns: 9 }]);
});

it("a location with a zone Postgres does not know is refused", async () => {
  await expect(house.location("m", "Mars/Base")).rejects.toMatchObject({ code: "database_data" });
});

it("demandWindows() reads what belongs to an order by its hold, and not the log before it", async () => {
  const at = "2026-03-02T10:00:00Z";
  const sales = 60_000;
  const holds = 100;
  for (let written = 0; written < sales; written += 10_000)
    await house.rows(...Array.from({ length: 10_000 }, () => sale(at, 1)));
  await house.commit(at);
  const windows = house.windows();
  await house.step(windows);
  const before = await entriesRead();
  const parts = [
    { type: "hold", sign: 1 },
    { type: "release", sign: -1 },
  ].flatMap(({ type, sign }) =>
    Array.from({ length: holds }, (_, i) => ({
      type,
      at,
      hold: `h${i}`,
      deltaReserved: sign,
      demand: sign,
    })),
  );
  await house.rows(...parts);
  await house.commit(at);
  await house.step(windows);
  expect(await house.table()).toMatchObject([{ demand: sales, orders: sales }]);
  // The range itself is read some times over; the log before it once for each of these rows would be 12 million. Postgres
  // may tell of the first step's own reading late, as it tells of such things once a second.
  expect((await entriesRead()) - before).toBeLessThan(sales + parts.length * 20);
});

it("publishing reads what is due some times over, and not the whole list for each batch", async () => {
  const at = "2026-03-02T10:00:00Z";
  const windows = house.windows();
  const publish = async (due: number) => {
    await house.rows(...Array.from({ length: due }, (_, i) => sale(at, 1, { sku: `s${i}` })));
    await house.commit(at);
    await house.step(windows);
  };
  // Whatever plans are kept, they are made while the list is next to empty.
  for (let round = 0; round < 12; round++) await publish(1);
  await house.database.run((sql) => sql`vacuum analyze demand_due`);
  for (let round = 0; round < 12; round++) await publish(1);
  const due = 6_000;
  await publish(due);
  expect(house.published.length).toBe(24 + due);
  await expect.poll(() => house.rowsRead("demand_due")).toBeGreaterThan(due / 2);
  expect(await house.rowsRead("demand_due")).toBeLessThan(due * 10);
});

it("demandWindows() looks up a released order once, not for each window of its key", async () => {
  const dayMs = 86_400_000;
  const startMs = Date.parse("2026-03-02T10:00:00Z");
  const days = 300;
  const holds = 100;
  const windows = house.windows();
  await house.rows(...Array.from({ length: days }, (_, day) => sale(startMs + day * dayMs, 1)));
  const at = startMs + days * dayMs;
  const part = (type: string, demand: number) =>
    Array.from({ length: holds }, (_, i) => ({ type, at, hold: `h${i}`, qty: 1, demand }));
  await house.rows(...part("hold", 1));
  await house.commit(at);
  await house.step(windows);
  const before = await house.tuplesRead("hold_idx|^stock_transaction_order$");
  await house.rows(...part("release", -1));
  await house.commit(at);
  await house.step(windows);
  expect((await house.table()).at(-1)).toMatchObject({ demand: 0, orders: 0, largest_order: 0 });
  expect((await house.tuplesRead("hold_idx|^stock_transaction_order$")) - before).toBeLessThan(
    holds * 50,
  );
});

it("demandWindows() looks keys up by index though few were known when the step began", async () => {
  const startMs = Date.parse("2026-03-02T10:00:00Z");
  const windows = house.windows();
  /** Supplied, then sold out. */
  const soldOut = (sku: string) => [
    { type: "receipt", sku, at: startMs, qty: 1, deltaSellable: 1, sellable: 1 },
    sale(startMs + 3_600_000, 1, { sku }),
  ];
  await house.rows(...soldOut("first"));
  await house.commit(startMs + 86_400_000);
  await house.step(windows);
  await house.database.run((sql) => sql`vacuum analyze stock_out`);
  const keys = 3_000;
  await house.rows(...Array.from({ length: keys }, (_, i) => soldOut(`s${i}`)).flat());
  await house.commit(startMs + 2 * 86_400_000);
  await house.step(windows);
  await expect.poll(() => house.tuplesRead("stock_out_pkey")).toBeGreaterThan(keys);
  const [read] = await house.database.run(
    (sql) => sql<{ tuples: number }[]>`
      select seq_tup_read::int4 as tuples from pg_stat_user_tables where relname = 'stock_out'`,
  );
  expect(read?.tuples).toBeLessThan(keys * 20);
});

/** Entries read so far of the ledger's indexes of entries. */
const entriesRead = (): Promise<number> =>
  house.tuplesRead("epoch_shard_seq|^stock_transaction_entry$");
