// What looking up orders costs: by identity and by hold, in what partitions it must, with plans that are kept.
import { afterEach, beforeEach, expect, it } from "vitest";
import { leadTimes } from "../../../../actors/runtime/projections/lead_times.ts";
import {
  type Projection,
  stepProjection,
} from "../../../../actors/runtime/projections/projection.ts";
import { AT_AHEAD_MS_MAX } from "../../../../actors/stock/limits.ts";
import { LEDGER_AHEAD_MS_MAX } from "../../../../shared/limits.ts";
import { EPOCH, type LedgerHouse, openLedgerHouse } from "./support/ledger_house.ts";

let house: LedgerHouse;
beforeEach(async () => {
  house = await openLedgerHouse();
});
afterEach(() => house.close());

const DAY_MS = 86_400_000;
const startMs = Date.parse("2026-03-02T10:00:00Z");
const KEYS = "ledger_key_identity_idx$";
const ENTRIES = "epoch_shard_seq_idx$";

const sale = (day: number, qty: number, more = {}) => ({
  type: "sale",
  at: startMs + day * DAY_MS,
  qty,
  deltaSellable: -qty,
  demand: qty,
  ...more,
});
const voided = (day: number, of: string, at: number, units: number) => ({
  type: "void",
  at,
  appendedAt: startMs + day * DAY_MS,
  deltaSellable: units,
  demand: -units,
  extra: JSON.stringify({ of, reason: "typo" }),
});

it("a void finds what it undoes by its identity, in however many partitions, and reads neither key nor log", async () => {
  const [days, sales, voids] = [40, 8_000, 100];
  await house.partitions(startMs, days + 1);
  const dayOf = (i: number) => Math.floor((i * days) / sales);
  await house.rows(...Array.from({ length: sales }, (_, i) => sale(dayOf(i), 2, { id: `s${i}` })), {
    ...sale(days, 5, { id: "goods" }),
    type: "receipt",
    extra: '{"order":"o"}',
    demand: 0,
  });
  await house.commit(startMs + days * DAY_MS);
  const projections = [house.windows(), leadTimes(7)];
  for (const projection of projections) await house.step(projection);
  const [keysBefore, entriesBefore] = [
    await house.tuplesRead(KEYS),
    await house.tuplesRead(ENTRIES),
  ];
  // One of each day is left: no window loses its largest order, so none is looked for.
  await house.rows(
    ...Array.from({ length: voids }, (_, i) =>
      voided(days, `s${i * 80 + 7}`, startMs + dayOf(i * 80 + 7) * DAY_MS, 1),
    ),
    { ...voided(days, "goods", startMs + days * DAY_MS, 0), deltaSellable: -5 },
  );
  await house.commit(startMs + days * DAY_MS);
  for (const projection of projections) await house.step(projection);
  const table = await house.table();
  expect(table.reduce((sum, { demand }) => sum + demand, 0)).toBe(sales * 2 - voids);
  expect(table.reduce((sum, { orders }) => sum + orders, 0)).toBe(sales);
  const [line] = await house.database.run(
    (sql) => sql`select received from lead_time_line where order_id = 'o'`,
  );
  expect(line).toEqual({ received: 0 });
  // The windows' largest orders are sought among the rows of the key, once a piece of keys.
  expect((await house.tuplesRead(KEYS)) - keysBefore).toBeLessThan(sales + voids * 10);
  expect((await house.tuplesRead(ENTRIES)) - entriesBefore).toBeLessThan(voids * 20);
});

it("the largest order of a window is looked for in what was appended since the window began", async () => {
  await house.partitions(startMs, 3);
  await house.rows(...Array.from({ length: 500 }, () => sale(0, 9)), sale(2, 4), {
    type: "hold",
    at: startMs + 2 * DAY_MS,
    hold: "h",
    demand: 6,
  });
  await house.commit(startMs + 2 * DAY_MS);
  const windows = house.windows();
  await house.step(windows);
  const before = await house.rowsRead("stock_transaction_20260302");
  await house.rows({ type: "release", at: startMs + 2 * DAY_MS, hold: "h", demand: -6 });
  await house.commit(startMs + 2 * DAY_MS);
  await house.step(windows);
  expect(await house.table()).toMatchObject([
    { largest_order: 9 },
    { largest_order: 4, demand: 4 },
  ]);
  expect((await house.rowsRead("stock_transaction_20260302")) - before).toBe(0);
  expect(LEDGER_AHEAD_MS_MAX).toBeGreaterThanOrEqual(AT_AHEAD_MS_MAX);
});

it("a step without orders locks nothing of older partitions, and one with orders plans nothing of them anew", async () => {
  const days = 30;
  await house.partitions(startMs, days + 1);
  await house.rows(...Array.from({ length: days }, (_, day) => sale(day, 1)));
  await house.commit(startMs + days * DAY_MS);
  const windows = house.windows();
  await house.step(windows);
  const at = startMs + (days - 1) * DAY_MS;
  const part = (type: string, hold: string, demand: number) => ({ type, at, hold, demand });
  /** Locks of partitions older than the last two days that a step of one row holds at its end, and their indexes. */
  const locksOf = async (row: Parameters<typeof house.rows>[0]) => {
    await house.rows(row);
    await house.commit(at);
    let locks = -1;
    const counted: Projection = {
      ...windows,
      async settle(sql, folded, committedMs) {
        await windows.settle?.(sql, folded, committedMs);
        const [held] = await sql<{ locks: number }[]>`
          select count(*)::int4 as locks from pg_locks l join pg_class c on c.oid = l.relation
          where l.pid = pg_backend_pid() and c.relname ~ '^stock_transaction_2026' and c.relname < 'stock_transaction_20260330'`;
        locks = held?.locks ?? -1;
      },
    };
    await stepProjection(house.database, counted, { epoch: EPOCH, shard: 0 });
    return locks;
  };
  const [sold, held, released]: number[][] = [[], [], []];
  for (let round = 0; round < 8; round++) {
    sold?.push(await locksOf(sale(days - 1, 1)));
    held?.push(await locksOf(part("hold", `h${round}`, 1)));
    released?.push(await locksOf(part("release", `h${round}`, -1)));
  }
  // Each partition and an index of it; in a round in which Postgres had a plan made anew, all of its indexes.
  const least = [sold, held, released].map((locks = []) => Math.min(...locks));
  expect(least).toEqual([0, 28 * 2, 28 * 4]);
});
