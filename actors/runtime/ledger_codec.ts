// Pure.
// The ledger row between memory and Postgres' binary COPY: one list of columns, a writer and a reader that
// keep to its order.
import type { CopyWriter, PgColumn, PgValue } from "../../shared/postgres_binary.ts";
import type { LedgerRow, RowCause } from "./ledger_row.ts";

/** Columns of `stock_transaction` in the order they are written and read. */
export const LEDGER_COLUMNS: readonly PgColumn[] = [
  { name: "epoch", type: "int4" },
  { name: "shard", type: "int2" },
  { name: "seq", type: "int8" },
  { name: "index", type: "int2" },
  { name: "ordinal", type: "int4" },
  { name: "sku", type: "text" },
  { name: "location", type: "text" },
  { name: "id", type: "text" },
  { name: "identity", type: "int8" },
  { name: "digest", type: "int4" },
  { name: "type", type: "text" },
  { name: "cause", type: "text" },
  { name: "outcome", type: "text" },
  { name: "reason", type: "text" },
  { name: "at", type: "timestamptz" },
  { name: "appended_at", type: "timestamptz" },
  { name: "qty", type: "int8" },
  { name: "delta_sellable", type: "int8" },
  { name: "delta_reserved", type: "int8" },
  { name: "bucket", type: "text" },
  { name: "delta_bucket", type: "int8" },
  { name: "delta_backordered", type: "int8" },
  { name: "delta_in_transit", type: "int8" },
  { name: "delta_on_order", type: "int8" },
  { name: "sellable", type: "int8" },
  { name: "unavailable", type: "int8" },
  { name: "reserved", type: "int8" },
  { name: "backordered", type: "int8" },
  { name: "in_transit", type: "int8" },
  { name: "on_order", type: "int8" },
  { name: "channel", type: "text" },
  { name: "ref", type: "text" },
  { name: "price", type: "int8" },
  { name: "cost", type: "int8" },
  { name: "currency", type: "text" },
  { name: "hold", type: "text" },
  { name: "backfill", type: "bool" },
  { name: "lost", type: "int8" },
  { name: "demand", type: "int8" },
  { name: "extra", type: "jsonb" },
];

/**
 * Columns that carry what the caller wrote and no quantity: nulled when Postgres refuses a row all the same,
 * so that its deltas are kept.
 */
export const PAYLOAD_COLUMNS: ReadonlySet<number> = new Set(
  ["channel", "ref", "currency", "hold", "extra", "reason", "id", "bucket"].map((name) =>
    LEDGER_COLUMNS.findIndex((column) => column.name === name),
  ),
);

/** Writes `row` as the next tuple. */
export function writeLedgerRow(w: CopyWriter, row: LedgerRow): void {
  w.row(LEDGER_COLUMNS.length);
  w.int4(row.epoch);
  w.int2(row.shard);
  w.int8(row.seq);
  w.int2(row.index);
  w.int4(row.ordinal);
  w.text(row.sku);
  w.text(row.location);
  optionalText(w, row.id);
  if (row.identityHigh === null || row.identityLow === null) w.null();
  else w.int8Halves(row.identityHigh, row.identityLow);
  w.int4(row.digest | 0);
  w.text(row.type);
  w.text(row.cause);
  w.text(row.outcome);
  optionalText(w, row.reason);
  w.time(row.at);
  w.time(row.appendedAt);
  optionalInt(w, row.qty);
  w.int8(row.deltaSellable);
  w.int8(row.deltaReserved);
  optionalText(w, row.bucket);
  w.int8(row.deltaBucket);
  w.int8(row.deltaBackordered);
  w.int8(row.deltaInTransit);
  w.int8(row.deltaOnOrder);
  w.int8(row.sellable);
  w.int8(row.unavailable);
  w.int8(row.reserved);
  w.int8(row.backordered);
  w.int8(row.inTransit);
  w.int8(row.onOrder);
  optionalText(w, row.channel);
  optionalText(w, row.ref);
  optionalInt(w, row.price);
  optionalInt(w, row.cost);
  optionalText(w, row.currency);
  optionalText(w, row.hold);
  w.bool(row.backfill);
  w.int8(row.lost);
  w.int8(row.demand);
  if (row.extra === null) w.null();
  else w.json(row.extra);
}

function optionalText(w: CopyWriter, value: string | null): void {
  if (value === null) w.null();
  else w.text(value);
}

function optionalInt(w: CopyWriter, value: number | null): void {
  if (value === null) w.null();
  else w.int8(value);
}

/** Types for reading: the identity comes as its two halves' bytes, which no double could hold. */
export const LEDGER_READ_TYPES = LEDGER_COLUMNS.map((column) =>
  column.name === "identity" ? ("bytea" as const) : column.type,
);

/** The row of values read with LEDGER_READ_TYPES. */
export function readLedgerRow(values: readonly PgValue[]): LedgerRow {
  let next = 0;
  const int = () => values[next++] as number;
  const text = () => values[next++] as string;
  const optional = <T extends PgValue>() => values[next++] as T | null;
  const row = {} as LedgerRow;
  row.epoch = int();
  row.shard = int();
  row.seq = int();
  row.index = int();
  row.ordinal = int();
  row.sku = text();
  row.location = text();
  row.id = optional<string>();
  const identity = optional<Uint8Array>();
  row.identityHigh = identity === null ? null : uint32(identity, 0);
  row.identityLow = identity === null ? null : uint32(identity, 4);
  row.digest = int() >>> 0;
  row.type = text();
  row.cause = text() as RowCause;
  row.outcome = text() as LedgerRow["outcome"];
  row.reason = optional<string>();
  row.at = int();
  row.appendedAt = int();
  row.qty = optional<number>();
  row.deltaSellable = int();
  row.deltaReserved = int();
  row.bucket = optional<string>();
  row.deltaBucket = int();
  row.deltaBackordered = int();
  row.deltaInTransit = int();
  row.deltaOnOrder = int();
  row.sellable = int();
  row.unavailable = int();
  row.reserved = int();
  row.backordered = int();
  row.inTransit = int();
  row.onOrder = int();
  row.channel = optional<string>();
  row.ref = optional<string>();
  row.price = optional<number>();
  row.cost = optional<number>();
  row.currency = optional<string>();
  row.hold = optional<string>();
  row.backfill = values[next++] as boolean;
  row.lost = int();
  row.demand = int();
  row.extra = optional<string>();
  return row;
}

function uint32(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [
    number,
    number,
    number,
    number,
  ];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** The columns as they stand in a select. */
export const LEDGER_SELECT = LEDGER_COLUMNS.map((column) => `"${column.name}"`).join(", ");
