// A database with a ledger that tests write themselves, and projections stepped by hand.
import { LEDGER_COLUMNS, writeLedgerRow } from "../../../../../actors/runtime/ledger_codec.ts";
import type { LedgerRow } from "../../../../../actors/runtime/ledger_row.ts";
import {
  type DemandWindowsOptions,
  demandWindows,
} from "../../../../../actors/runtime/projections/demand_windows.ts";
import {
  noRest,
  type Projection,
  stepProjection,
} from "../../../../../actors/runtime/projections/projection.ts";
import type { DemandMessage } from "../../../../../shared/effects.ts";
import { hashIdentity, identityHash } from "../../../../../shared/identity_hash.ts";
import { migrate } from "../../../../../shared/migrate.ts";
import { copyIn, copyStatement, Database } from "../../../../../shared/postgres.ts";
import { CopyWriter } from "../../../../../shared/postgres_binary.ts";
import { freshDatabase } from "../../../../support/servers.ts";

export const EPOCH = 1;
const DAY_MS = 86_400_000;
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

export type LedgerHouse = Awaited<ReturnType<typeof openLedgerHouse>>;

export type WindowRow = {
  sku: string;
  location: string;
  window_start: Date;
  window_end: Date;
  local_day: string;
  demand: number;
  lost: number;
  orders: number;
  largest_order: number;
  returns: number;
  transfers: number;
  counts: number;
  minutes_open: number;
  minutes_out_of_stock: number | null;
  out_of_stock_ms: number | null;
  signals: Record<string, number>;
  closed: boolean;
  version: string;
};

const QUIET: Partial<LedgerRow> = {
  epoch: EPOCH,
  shard: 0,
  index: 0,
  ordinal: 0,
  location: "shop",
  sku: "A",
  identityHigh: null,
  identityLow: null,
  digest: 0,
  type: "sale",
  cause: "command",
  outcome: "applied",
  reason: null,
  qty: null,
  deltaSellable: 0,
  deltaReserved: 0,
  bucket: null,
  deltaBucket: 0,
  deltaBackordered: 0,
  deltaInTransit: 0,
  deltaOnOrder: 0,
  sellable: 0,
  unavailable: 0,
  reserved: 0,
  backordered: 0,
  inTransit: 0,
  onOrder: 0,
  channel: null,
  ref: null,
  price: null,
  cost: null,
  currency: null,
  hold: null,
  backfill: false,
  lost: 0,
  demand: 0,
  extra: null,
};

export async function openLedgerHouse() {
  const fresh = await freshDatabase();
  const database = new Database(fresh.url, { connectionsMax: 2, name: "test" });
  await migrate(database);
  await database.run(
    (sql) => sql`insert into shard (epoch, shard, apply_version) values (${EPOCH}, 0, 1)`,
  );
  let lastAppendedMs = 0;
  let lastSeq = 0;
  const published: DemandMessage[] = [];
  const windows = (options: Partial<DemandWindowsOptions> = {}): Projection =>
    demandWindows({
      database,
      publish: async (_subject, _id, payload) => {
        published.push(JSON.parse(payload));
      },
      grain: "day",
      graceMs: 0,
      ...options,
    });

  return {
    database,
    /** All messages so far, in order. */
    published,
    windows,
    async location(location: string, timeZone: string, opens: string | null = null) {
      await database.run(
        (
          sql,
        ) => sql`insert into location (location, time_zone, opens) values (${location}, ${timeZone}, ${opens})
          on conflict (location) do update set time_zone = excluded.time_zone, opens = excluded.opens`,
      );
    },
    /** Writes ledger rows; what a row does not say is nothing. Each has its own entry unless it names one. */
    async rows(...rows: (Partial<Omit<LedgerRow, "at">> & { at: string | number })[]) {
      const whole = rows.map((row) => {
        const at = typeof row.at === "number" ? row.at : Date.parse(row.at);
        const seq = row.seq ?? lastSeq + 1;
        lastSeq = Math.max(lastSeq, seq);
        const whole = { ...QUIET, id: `c${seq}.${row.index ?? 0}`, ...row } as LedgerRow;
        // Append time never falls along a log, whatever `at` says.
        lastAppendedMs = Math.max(lastAppendedMs, row.appendedAt ?? at);
        return { ...whole, ...identityOf(whole), appendedAt: lastAppendedMs, seq, at };
      });
      await writeLedger(database, whole);
    },
    /** Says that everything written so far is committed, the last of it appended at `at`. */
    async commit(at: string | number, seq = lastSeq) {
      const atMs = typeof at === "number" ? at : Date.parse(at);
      await database.run(
        (sql) => sql`update shard set committed_seq = ${seq},
          committed_at = to_timestamp(${atMs}::float8 / 1000)`,
      );
    },
    async step(projection: Projection) {
      while (await stepProjection(database, projection, { epoch: EPOCH, shard: 0 }));
      await projection.emit?.(0, noRest);
    },
    /** Windows in order of location, SKU and start. */
    table(): Promise<WindowRow[]> {
      return database.run(
        (sql) => sql<WindowRow[]>`
          select *, local_day::text as local_day from demand_window
          order by location, sku, window_start`,
      );
    },
    /** Makes partitions of the ledger, one a day, named `stock_transaction_20260302` by it. */
    async partitions(firstMs: number, days: number) {
      for (let day = 0; day < days; day++) {
        const [from, to] = [firstMs, firstMs + DAY_MS].map((ms) => dayOf(ms + day * DAY_MS));
        await database.run((sql) =>
          sql.unsafe(
            `create table stock_transaction_${from?.replaceAll("-", "")} partition of stock_transaction
             for values from ('${from}T00:00:00Z') to ('${to}T00:00:00Z')`,
          ),
        );
      }
    },
    /** Rows of a table that were read so far, in whatever way. */
    async rowsRead(table: string): Promise<number> {
      await tellReads(database);
      const [read] = await database.run(
        (sql) => sql<{ rows: number }[]>`
          select (seq_tup_read + idx_tup_fetch)::int4 as rows from pg_stat_user_tables where relname = ${table}`,
      );
      return read?.rows ?? -1;
    },
    /** Tuples read so far of the indexes whose name has a pattern. */
    async tuplesRead(pattern: string): Promise<number> {
      await tellReads(database);
      const [read] = await database.run(
        (sql) => sql<{ tuples: number }[]>`
          select sum(idx_tup_read)::int4 as tuples from pg_stat_user_indexes where indexrelname ~ ${pattern}`,
      );
      return read?.tuples ?? 0;
    },
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}

/** Has the connections of transactions tell what they read, which Postgres does once a second or when it is idle. */
async function tellReads(database: Database): Promise<void> {
  const tell = () => database.transaction((sql) => sql`select pg_stat_force_next_flush()`);
  await Promise.all([tell(), tell()]);
}

/** The identity of a row that is of its own key. */
function identityOf({ location, sku, id }: LedgerRow) {
  if (id === null) return {};
  hashIdentity(location, sku, id);
  return { identityHigh: identityHash.high >>> 0, identityLow: identityHash.low >>> 0 };
}

/** Copies rows into the ledger as a commit does. */
export async function writeLedger(database: Database, rows: readonly LedgerRow[]): Promise<void> {
  if (rows.length === 0) return;
  const writer = new CopyWriter();
  for (const row of rows) writeLedgerRow(writer, row);
  const statement = copyStatement("stock_transaction", LEDGER_COLUMNS);
  await database.transaction((sql) => copyIn(sql, statement, writer.take()));
}

/** A window as its message tells it, for comparison with the messages. */
export function messageOf(row: WindowRow): Omit<DemandMessage, "id"> {
  return {
    sku: row.sku,
    location: row.location,
    windowStart: row.window_start.toISOString(),
    windowEnd: row.window_end.toISOString(),
    localDay: row.local_day,
    demand: row.demand,
    lost: row.lost,
    orders: row.orders,
    largestOrder: row.largest_order,
    returns: row.returns,
    transfers: row.transfers,
    counts: row.counts,
    minutesOpen: row.minutes_open,
    minutesOutOfStock: row.minutes_out_of_stock,
    signals: row.signals,
    closed: row.closed,
    version: row.version,
  };
}
