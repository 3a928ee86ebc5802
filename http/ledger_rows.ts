// Pure.
// Rows of the ledger and the checkpoint tables as the edge shows them: SQL's spelling is mapped here.

import type { LedgerLevel, Level } from "../shared/decisions.ts";
import { formatVersion } from "../shared/version.ts";

/** A row as Postgres gives it, int8 as numbers. */
export type Row = Record<string, unknown>;

/** One row of the ledger, for people and programs. */
export type HistoryRow = {
  version: string;
  shard: number;
  ordinal: number;
  location: string;
  id?: string;
  type: string;
  cause: string;
  outcome: "applied" | "rejected";
  reason?: string;
  /** When it happened, and when the log took it. */
  at: string;
  appendedAt: string;
  qty?: number;
  /** What the row changed; only what is not 0. */
  delta: Record<string, number>;
  bucket?: string;
  level: LedgerLevel;
  channel?: string;
  ref?: string;
  price?: number;
  cost?: number;
  currency?: string;
  hold?: string;
  backfill?: true;
  lost?: number;
  demand?: number;
  extra?: unknown;
};

/** Place of a row in the order of the ledger. */
export type LedgerPlace = { epoch: number; seq: number; index: number; ordinal: number };

export function checkpointedLevel(row: Row): Level {
  const { version: _version, ...numbers } = levelOfRow({
    ...row,
    seq: 0,
    index: 0,
    appended_at: row.updated_at,
  });
  return {
    ...numbers,
    unavailable: (row.unavailable_by_bucket ?? {}) as Record<string, number>,
    atp: {},
    inventoryPosition: Number(row.inventory_position),
    version: String(row.version),
  };
}

export function placeOf(row: Row): LedgerPlace {
  const { epoch, seq, index, ordinal } = row;
  return {
    epoch: Number(epoch),
    seq: Number(seq),
    index: Number(index),
    ordinal: Number(ordinal),
  };
}

export function levelOfRow(row: Row): LedgerLevel {
  const sellable = Number(row.sellable);
  const reserved = Number(row.reserved);
  return {
    sku: String(row.sku),
    location: String(row.location),
    onHand: sellable + Number(row.unavailable),
    sellable,
    reserved,
    available: sellable - reserved,
    oversold: Math.max(0, reserved - sellable),
    backordered: Number(row.backordered),
    inTransit: Number(row.in_transit),
    onOrder: Number(row.on_order),
    version: formatVersion(Number(row.epoch), Number(row.seq), Number(row.index)),
    updatedAt: timeOf(row.appended_at),
  };
}

const DELTAS = {
  sellable: "delta_sellable",
  reserved: "delta_reserved",
  bucket: "delta_bucket",
  backordered: "delta_backordered",
  inTransit: "delta_in_transit",
  onOrder: "delta_on_order",
} as const;

export function historyRow(row: Row): HistoryRow {
  const delta: Record<string, number> = {};
  for (const [name, column] of Object.entries(DELTAS)) {
    const value = Number(row[column]);
    if (value !== 0) delta[name] = value;
  }
  const lost = Number(row.lost);
  const demand = Number(row.demand);
  return {
    version: formatVersion(Number(row.epoch), Number(row.seq), Number(row.index)),
    shard: Number(row.shard),
    ordinal: Number(row.ordinal),
    location: String(row.location),
    ...textIf("id", row.id),
    type: String(row.type),
    cause: String(row.cause),
    outcome: row.outcome as "applied" | "rejected",
    ...textIf("reason", row.reason),
    at: timeOf(row.at),
    appendedAt: timeOf(row.appended_at),
    ...numberIf("qty", row.qty),
    delta,
    ...textIf("bucket", row.bucket),
    level: levelOfRow(row),
    ...textIf("channel", row.channel),
    ...textIf("ref", row.ref),
    ...numberIf("price", row.price),
    ...numberIf("cost", row.cost),
    ...textIf("currency", row.currency),
    ...textIf("hold", row.hold),
    ...(row.backfill === true ? { backfill: true as const } : {}),
    ...(lost === 0 ? {} : { lost }),
    ...(demand === 0 ? {} : { demand }),
    ...(row.extra === null ? {} : { extra: row.extra }),
  };
}

export function timeOf(value: unknown): string {
  return value instanceof Date ? value.toISOString() : new Date(String(value)).toISOString();
}

function textIf<K extends string>(name: K, value: unknown): { [P in K]?: string } {
  return (value === null || value === undefined ? {} : { [name]: String(value) }) as {
    [P in K]?: string;
  };
}

function numberIf<K extends string>(name: K, value: unknown): { [P in K]?: number } {
  return (value === null || value === undefined ? {} : { [name]: Number(value) }) as {
    [P in K]?: number;
  };
}
