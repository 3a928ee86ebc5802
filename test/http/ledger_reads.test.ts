// The edge's reads of the ledger, over rows written by hand: keys without a checkpoint, commands that stand elsewhere.
import { afterAll, beforeAll, expect, test } from "vitest";
import { LEDGER_COLUMNS, writeLedgerRow } from "../../actors/runtime/ledger_codec.ts";
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import { type LedgerReads, ledgerReads } from "../../http/ledger_reads.ts";
import { identityText } from "../../shared/identity_hash.ts";
import { migrate } from "../../shared/migrate.ts";
import { copyIn, copyStatement, Database } from "../../shared/postgres.ts";
import { CopyWriter } from "../../shared/postgres_binary.ts";
import { partition } from "../../streams/partition.ts";
import { toToken } from "../../streams/subjects.ts";
import { NOON_MS, LEDGER_ROW as ROW } from "../actors/runtime/support/ledger_row.ts";
import { rowsRead } from "../actors/runtime/support/rows_read.ts";
import { type FreshDatabase, freshDatabase } from "../support/servers.ts";

const SKU = "S";
const SHARDS = 4;
const SHARD = partition(toToken(SKU), SHARDS);
let fresh: FreshDatabase;
let database: Database;
let reads: LedgerReads;

/** A row of SKU S; the command's identity as it named its key. */
function row(
  seq: number,
  location: string,
  id: string,
  more: Partial<LedgerRow> & { named?: string } = {},
): LedgerRow {
  const { named = location, ...fields } = more;
  const bits = BigInt.asUintN(64, BigInt(identityText(named, SKU, id)));
  const plain = { index: 0, ordinal: 0, type: "receipt", reason: null, bucket: null, hold: null };
  const none = { deltaReserved: 0, deltaBucket: 0, deltaBackordered: 0, deltaInTransit: 0 };
  return {
    ...ROW,
    ...plain,
    ...none,
    shard: SHARD,
    seq,
    sku: SKU,
    location,
    id,
    identityHigh: Number(bits >> 32n),
    identityLow: Number(bits & 0xffffffffn),
    appendedAt: NOON_MS + seq,
    deltaSellable: 5,
    sellable: 5,
    reserved: 0,
    extra: null,
    ...fields,
  };
}

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 3, name: "test" });
  await migrate(database);
  reads = ledgerReads(database, { epoch: 2, shards: SHARDS });
  await insert([
    row(1, "a", "old", { epoch: 1 }),
    row(3, "a", "r1", { epoch: 2, sellable: 10 }),
    row(4, "b", "r1", { epoch: 2 }),
    row(5, "a", "r2", { epoch: 2, sellable: 15 }),
    // Refused where nothing ever was.
    row(6, "c", "no", {
      epoch: 2,
      outcome: "rejected",
      reason: "insufficient_available",
      deltaSellable: 0,
      sellable: 0,
    }),
    // The actor chose b.
    row(7, "b", "any", {
      epoch: 2,
      type: "hold",
      hold: "h",
      deltaSellable: 0,
      deltaReserved: 1,
      reserved: 1,
      extra: '{"ttlMs":1000,"location":"-"}',
      named: "-",
    }),
  ]);
});

async function insert(rows: readonly LedgerRow[]): Promise<void> {
  const writer = new CopyWriter();
  for (const one of rows) writeLedgerRow(writer, one);
  const taken = writer.take();
  await database.transaction((sql) =>
    copyIn(sql, copyStatement("stock_transaction", LEDGER_COLUMNS), taken),
  );
}
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const seqs = async (location: string | undefined, limit = 10) => {
  const page = await reads.history({ sku: SKU, location, before: undefined, limit });
  return page.rows.map(({ version, location: at }) => `${Number(version.split(".")[1])} ${at}`);
};

test("history() has every row of every location, newest first, older epochs after it", async () => {
  expect(await seqs(undefined)).toEqual(["7 b", "6 c", "5 a", "4 b", "3 a", "1 a"]);
  expect(await seqs(undefined, 2)).toEqual(["7 b", "6 c"]);
  expect(await seqs("a")).toEqual(["5 a", "3 a", "1 a"]);
  expect(await seqs("nowhere")).toEqual([]);
});

test("decision() finds an id at its location, at any, and where the actor chose the location", async () => {
  const at = async (location: string | undefined, id: string) =>
    (await reads.decision(SKU, location, id)).map(({ seq }) => seq);
  expect(await at("a", "r1")).toEqual([3]);
  expect(await at(undefined, "r1")).toEqual([3, 4]);
  expect(await at(undefined, "no")).toEqual([6]);
  expect(await at("-", "any")).toEqual([7]);
  expect(await at(undefined, "any")).toEqual([7]);
  expect(await at("b", "any")).toEqual([]);
});

test("asOf() has the last level of each location then, none where all was refused", async () => {
  const at = async (ms: number, location?: string) =>
    (await reads.asOf(SKU, location, ms)).map((one) => `${one.location} ${one.sellable}`);
  expect(await at(NOON_MS + 9)).toEqual(["a 15", "b 5"]);
  expect(await at(NOON_MS + 4)).toEqual(["a 10", "b 5"]);
  expect(await at(NOON_MS + 2, "a")).toEqual(["a 5"]);
});

test("asOf() takes the last entry of its time, whatever came later that day or before it", async () => {
  const rows = Array.from({ length: 40 }, (_, i) =>
    row(101 + i * 3, "z", `z${i}`, {
      epoch: 2,
      sellable: 5 * (i + 1),
      appendedAt: NOON_MS + 1_000 + i,
    }),
  );
  await insert(rows);
  for (let i = -1; i < 40; i++) {
    const found = await reads.asOf(SKU, "z", NOON_MS + 1_000 + i);
    expect(found.map(({ sellable }) => sellable)).toEqual(i < 0 ? [] : [5 * (i + 1)]);
  }
  const [late] = await reads.asOf(SKU, "z", NOON_MS + 3 * 86_400_000);
  expect(late?.sellable).toBe(200);
  expect(await reads.asOf(SKU, "z", NOON_MS - 86_400_000)).toEqual([]);
});

test("asOf() does not read what its partition has of the days before", async () => {
  const DAY_MS = 86_400_000;
  const [from, to] = [10, 41].map((day) => new Date(NOON_MS + day * DAY_MS).toISOString());
  await database.sql.unsafe(
    `create table month partition of stock_transaction for values from ('${from}') to ('${to}')`,
  );
  const lateMs = NOON_MS + 30 * DAY_MS;
  const earlier = Array.from({ length: 20_000 }, (_, i) =>
    row(1_000 + i, "busy", `m${i}`, { epoch: 2, appendedAt: NOON_MS + 10 * DAY_MS + i }),
  );
  await insert([
    ...earlier,
    row(30_000, "m", "m", { epoch: 2, sellable: 7, appendedAt: lateMs }),
    row(30_001, "m", "n", { epoch: 2, sellable: 8, appendedAt: lateMs + 2 }),
  ]);
  await database.sql`analyze month`;
  const rows = await rowsRead(fresh.url, async (alone) => {
    const found = await ledgerReads(alone, { epoch: 2, shards: SHARDS }).asOf(SKU, "m", lateMs + 1);
    expect(found.map(({ sellable }) => sellable)).toEqual([7]);
  });
  expect(rows).toBeLessThan(1_000);
});

test("isBooked() of any location, or of one", async () => {
  expect(await reads.isBooked(["X", SKU], undefined)).toBe(true);
  expect(await reads.isBooked(["X"], undefined)).toBe(false);
  expect(await reads.isBooked(["X", SKU], "b")).toBe(true);
  expect(await reads.isBooked([SKU], "d")).toBe(false);
});
