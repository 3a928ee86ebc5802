import { afterAll, beforeAll, expect, test } from "vitest";
import { makePartitions } from "../../../actors/runtime/house_keeping.ts";
import { LEDGER_COLUMNS, writeLedgerRow } from "../../../actors/runtime/ledger_codec.ts";
import { findIdentities } from "../../../actors/runtime/ledger_find.ts";
import type { LedgerRow } from "../../../actors/runtime/ledger_row.ts";
import { migrate } from "../../../shared/migrate.ts";
import { copyIn, copyStatement, Database } from "../../../shared/postgres.ts";
import { CopyWriter } from "../../../shared/postgres_binary.ts";
import { type FreshDatabase, freshDatabase } from "../../support/servers.ts";
import { NOON_MS, LEDGER_ROW as ROW } from "./support/ledger_row.ts";
import { rowsRead } from "./support/rows_read.ts";

const DAY_MS = 86_400_000;
let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 3, name: "test" });
  await migrate(database);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

async function insert(...rows: LedgerRow[]): Promise<void> {
  const writer = new CopyWriter();
  for (const row of rows) writeLedgerRow(writer, row);
  const taken = writer.take();
  await database.transaction((sql) =>
    copyIn(sql, copyStatement("stock_transaction", LEDGER_COLUMNS), taken),
  );
}

test("makePartitions() makes today's and the coming days' once, whoever else does", async () => {
  await insert({ ...ROW, seq: 1, appendedAt: NOON_MS });
  const made = await Promise.all([
    makePartitions(database, NOON_MS, 3),
    makePartitions(database, NOON_MS, 3),
  ]);
  // Today stays in the default partition: rows of it stand there already.
  expect(made.flat().sort()).toEqual([
    "stock_transaction_20261124",
    "stock_transaction_20261125",
    "stock_transaction_20261126",
  ]);
  expect(await makePartitions(database, NOON_MS + DAY_MS, 3)).toEqual([
    "stock_transaction_20261127",
  ]);
  await insert({ ...ROW, seq: 2, appendedAt: NOON_MS + DAY_MS });
  const where = await database.sql`
    select seq, tableoid::regclass::text as part from stock_transaction order by seq`;
  expect(where).toEqual([
    { seq: 1, part: "stock_transaction_default" },
    { seq: 2, part: "stock_transaction_20261124" },
  ]);
});

test("partitions keep statistics of what rows are chosen by, and of nothing else", async () => {
  const kept = await database.sql<{ column: string; target: number }[]>`
    select attname as column, attstattarget as target from pg_attribute
    where attrelid in ('stock_transaction_default'::regclass, 'stock_transaction_20261125'::regclass)
      and attname in ('sku', 'reserved')
    order by attrelid, attname desc`;
  expect(kept.map(({ column, target }) => `${column} ${target}`)).toEqual([
    "sku 25",
    "reserved 0",
    "sku 25",
    "reserved 0",
  ]);
});

test("findIdentities() gives rows back as they were written, in order, with the voids that name them", async () => {
  const identity = { identityHigh: 0xfedcba98, identityLow: 0x89abcdef };
  await insert(
    { ...ROW, seq: 30, ordinal: 0 },
    {
      ...ROW,
      seq: 30,
      ordinal: 1,
      cause: "countCorrection",
      id: null,
      identityHigh: null,
      identityLow: null,
    },
    { ...ROW, seq: 31, id: "other" },
    {
      ...ROW,
      seq: 32,
      id: "v",
      type: "void",
      extra: '{"of": "till-1"}',
      identityHigh: 1,
      identityLow: 1,
    },
    {
      ...ROW,
      seq: 33,
      id: "w",
      type: "void",
      outcome: "rejected",
      extra: '{"of": "till-1"}',
      identityHigh: 2,
      identityLow: 2,
    },
  );
  const lookup = { sku: "SKU é", location: "L", id: "till-1", ...identity };
  const [found, none] = await database.run((sql) =>
    findIdentities(sql, [lookup, { ...lookup, id: "nobody" }], NOON_MS - DAY_MS),
  );
  // With every row of their positions: the last of a key has the level its decision told (S4).
  expect(found?.rows.map((row) => [row.seq, row.cause])).toEqual([
    [1, ROW.cause],
    [2, ROW.cause],
    [30, ROW.cause],
    [30, "countCorrection"],
  ]);
  expect(found?.rows.at(-2)).toEqual({ ...ROW, seq: 30, ordinal: 0 });
  expect(found?.voids).toEqual([{ epoch: 1, seq: 32, appendedAt: NOON_MS }]);
  expect(none).toMatchObject({ rows: [], voids: [] });
  const [late] = await database.run((sql) => findIdentities(sql, [lookup], NOON_MS + 1));
  expect(late?.rows.map((row) => row.seq)).toEqual([2]);
});

test("makePartitions() gives up soon while somebody reads the ledger: commits would wait behind it", async () => {
  const reader = database.transaction(async (sql) => {
    await sql`select count(*) from stock_transaction`;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const startMs = performance.now();
  const day = NOON_MS + 40 * DAY_MS;
  await expect(makePartitions(database, day, 0)).rejects.toMatchObject({ retryable: true });
  expect(performance.now() - startMs).toBeLessThan(1_000);
  await reader;
  expect(await makePartitions(database, day, 0)).toHaveLength(1);
});

test("findIdentities() finds a command that stands at another key than it named", async () => {
  const identity = { identityHigh: 77, identityLow: 78 };
  await insert(
    { ...ROW, seq: 40, id: "chosen", location: "M", extra: '{"location": "-"}', ...identity },
    { ...ROW, seq: 40, ordinal: 3, id: "chosen", location: "N", extra: null, ...identity },
  );
  const lookup = { sku: ROW.sku, location: "-", id: "chosen", ...identity };
  const [found] = await database.run((sql) => findIdentities(sql, [lookup], NOON_MS - DAY_MS));
  expect(found?.rows.map(({ seq, location }) => [seq, location])).toEqual([
    [40, "M"],
    [40, "N"],
  ]);
});

test("findIdentities() looks identities up, however small the partitions are", async () => {
  const days = [60, 61, 62, 63];
  for (const day of days) await makePartitions(database, NOON_MS + day * DAY_MS, 0);
  const rows = days.flatMap((day) =>
    Array.from({ length: 3_000 }, (_, i) => ({
      ...ROW,
      seq: 1_000 * day + i,
      id: `d${day}-${i}`,
      sku: `S${i % 50}`,
      identityHigh: day,
      identityLow: i,
      appendedAt: NOON_MS + day * DAY_MS,
    })),
  );
  await insert(...rows);
  await database.sql`analyze stock_transaction`;
  const of = { sku: "S7", location: ROW.location, id: "d61-7", identityHigh: 61, identityLow: 7 };
  const read = await rowsRead(fresh.url, async (alone) => {
    const [found] = await alone.run((sql) => findIdentities(sql, [of], 0));
    expect(found?.rows.map(({ seq }) => seq)).toEqual([61_007]);
  });
  expect(read).toBeLessThan(1_000);
});
