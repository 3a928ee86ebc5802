// How long the partitions of a ledger are, as days pass in it.
import { afterEach, beforeEach, expect, test } from "vitest";
import { makePartitions } from "../../../actors/runtime/house_keeping.ts";
import { ledgerPartitions, spanAround } from "../../../shared/ledger_partitions.ts";
import { PARTITION_DAYS_AHEAD } from "../../../shared/limits.ts";
import { migrate } from "../../../shared/migrate.ts";
import { Database } from "../../../shared/postgres.ts";
import { type FreshDatabase, freshDatabase } from "../../support/servers.ts";
import { writeLedger } from "./projections/support/ledger_house.ts";
import { NOON_MS, LEDGER_ROW as ROW } from "./support/ledger_row.ts";

const DAY_MS = 86_400_000;
const MIDNIGHT_MS = NOON_MS - DAY_MS / 2;
let fresh: FreshDatabase;
let database: Database;
beforeEach(async () => {
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 1, name: "test" });
  await migrate(database);
});
afterEach(async () => {
  await database.close();
  await fresh.drop();
});

/** Keeps house at noon of a day, counted from NOON_MS'. */
const keep = (day: number, bytes?: number) =>
  makePartitions(database, NOON_MS + day * DAY_MS, PARTITION_DAYS_AHEAD, bytes);

/** The partitions as `first day + days`. */
const spans = async () =>
  (await ledgerPartitions(database.sql)).map(
    ({ fromMs, toMs }) => `${(fromMs - MIDNIGHT_MS) / DAY_MS}+${(toMs - fromMs) / DAY_MS}`,
  );

let seq = 0;
const write = (day: number, rows: number) =>
  writeLedger(
    database,
    Array.from({ length: rows }, () => ({
      ...ROW,
      seq: ++seq,
      appendedAt: NOON_MS + day * DAY_MS,
    })),
  );

const byHand = (name: string, fromDay: number, toDay: number) => {
  const [from, to] = [fromDay, toDay].map((day) =>
    new Date(MIDNIGHT_MS + day * DAY_MS).toISOString(),
  );
  return database.sql.unsafe(
    `create table ${name} partition of stock_transaction for values from ('${from}') to ('${to}')`,
  );
};

test("a ledger begins with single days; each next one is as long as its rate was seen, a month at most", async () => {
  for (let day = 0; day <= 120; day++) await keep(day);
  expect(await spans()).toEqual(
    "0+1 1+1 2+1 3+1 4+1 5+2 7+4 11+8 19+16 35+31 66+31 97+31".split(" "),
  );
});

test("partitions have as many days as hold so many bytes at the rate of late", async () => {
  await keep(0);
  await write(0, 100);
  const [size] = await database.sql<{ bytes: number }[]>`
    select pg_relation_size('stock_transaction_20261123')::int8 as bytes`;
  for (let day = 1; day < 8; day++) {
    await keep(day, 2.5 * (size?.bytes ?? 0));
    await write(day, 100);
  }
  expect(await spans()).toEqual("0+1 1+1 2+1 3+1 4+1 5+2 7+2 9+2".split(" "));
});

test("daily partitions of before are followed from where they end; what is long past tells no rate", async () => {
  for (let day = -40; day < 8; day++) await byHand(`old_${day + 40}`, day, day + 1);
  await write(-39, 1_000);
  expect(await keep(4)).toEqual([]);
  expect(await keep(5, 8_192)).toEqual(["stock_transaction_20261201"]);
  expect((await spans()).at(-1)).toBe("8+31");
});

test("a gap is filled up to what follows, and no further", async () => {
  for (let day = -40; day < 2; day++) await byHand(`old_${day + 40}`, day, day + 1);
  await byHand("later", 5, 6);
  await keep(0);
  expect((await spans()).slice(42)).toEqual(["2+3", "5+1"]);
  await keep(3);
  expect((await spans()).slice(42)).toEqual(["2+3", "5+1", "6+31"]);
});

test("rows in the default partition keep their day there, and no other", async () => {
  for (let day = -40; day < 0; day++) await byHand(`old_${day + 40}`, day, day + 1);
  await write(0, 1);
  await write(3, 1);
  await keep(0);
  expect((await spans()).slice(40)).toEqual(["1+2"]);
  await keep(1);
  expect((await spans()).slice(40)).toEqual(["1+2", "4+30"]);
});

test("spanAround() is the partition of a time, or what is between two", () => {
  const partitions = [
    { fromMs: 10, toMs: 20 },
    { fromMs: 20, toMs: 25 },
    { fromMs: 40, toMs: 50 },
  ];
  const around = (ms: number) => {
    const { fromMs, toMs } = spanAround(partitions, ms);
    return [fromMs, toMs === 253_402_300_799_999 ? "end" : toMs];
  };
  expect([9, 10, 19, 20, 25, 39, 40, 50].map(around)).toEqual([
    [0, 10],
    [10, 20],
    [10, 20],
    [20, 25],
    [25, 40],
    [25, 40],
    [40, 50],
    [50, "end"],
  ]);
});
