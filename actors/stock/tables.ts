// Pure.
// The checkpoint tables as the store needs to know them; the same columns as scripts/migrations. Every row carries
// its shard, so that a restore finds the rows of one shard.

import type { CheckpointTable, ColumnType } from "../runtime/machine.ts";

function table(
  name: string,
  key: string[],
  columns: Record<string, ColumnType>,
  derived: readonly string[] = [],
): CheckpointTable {
  const list = Object.entries(columns).map(([column, type]) => ({
    name: column,
    type,
    isDerived: derived.includes(column),
  }));
  return { name, key, columns: list };
}

const STOCK_LEVEL_DERIVED = [
  "epoch",
  "shard",
  "on_hand",
  "unavailable_by_bucket",
  "available",
  "inventory_position",
];

export const STOCK_LEVEL = table(
  "stock_level",
  ["sku", "location"],
  {
    sku: "text",
    location: "text",
    epoch: "int4",
    shard: "int2",
    on_hand: "int8",
    sellable: "int8",
    unavailable: "int8",
    unavailable_by_bucket: "jsonb",
    reserved: "int8",
    firm: "int8",
    available: "int8",
    backordered: "int8",
    in_transit: "int8",
    on_order: "int8",
    inventory_position: "int8",
    supplied: "bool",
    movement: "int8",
    version: "text",
    updated_at: "timestamptz",
    state: "jsonb",
  },
  STOCK_LEVEL_DERIVED,
);

export const HOLD_TABLE = table("hold", ["sku", "location", "hold"], {
  hold: "text",
  sku: "text",
  location: "text",
  shard: "int2",
  number: "int8",
  qty: "int8",
  backordered: "int8",
  status: "text",
  firm: "bool",
  expires_at: "timestamptz",
  channel: "text",
  shopper: "text",
  finished: "int8",
  finished_at: "timestamptz",
  hold_group: "int8",
  state: "jsonb",
});

export const TRANSFER_TABLE = table("transfer", ["sku", "transfer"], {
  transfer: "text",
  sku: "text",
  source: "text",
  target: "text",
  shard: "int2",
  shipped: "int8",
  arrived: "int8",
  lost: "int8",
  named: "bool",
  cancelled: "bool",
  closed: "bool",
  eta: "timestamptz",
  closing: "int8",
  closed_at: "timestamptz",
});

export const ORDER_LINE_TABLE = table("order_line", ["sku", "location", "order_id", "line"], {
  order_id: "text",
  line: "text",
  sku: "text",
  location: "text",
  shard: "int2",
  need: "text",
  rev: "int8",
  ordered: "int8",
  received: "int8",
  status: "text",
  eta: "timestamptz",
  quiet_until: "timestamptz",
  closing: "int8",
  closed_at: "timestamptz",
});

export const LOST_TABLE = table("lost_demand", ["sku", "day", "shopper"], {
  sku: "text",
  day: "int4",
  shopper: "text",
  location: "text",
  shard: "int2",
  number: "int8",
  at: "timestamptz",
  made_at: "timestamptz",
  asked: "int8",
  got: "int8",
  lost: "int8",
});

export const FILTER_TABLE = table("identity_filter", ["epoch", "shard", "generation"], {
  epoch: "int4",
  shard: "int2",
  generation: "int4",
  bits: "int2",
  count: "int8",
  newest_at: "timestamptz",
  left_print: "int8",
  left_bucket: "int8",
  filter: "bytea",
});

const SLICES: Record<string, ColumnType> = {
  epoch: "int4",
  shard: "int2",
  first: "int8",
  count: "int8",
  slice: "bytea",
};

export const RECENT_TABLE = table("recent_identity", ["epoch", "shard", "first"], SLICES);
export const MOVEMENT_TABLE = table("movement", ["epoch", "shard", "first"], SLICES);

export const TABLES: readonly CheckpointTable[] = [
  STOCK_LEVEL,
  HOLD_TABLE,
  TRANSFER_TABLE,
  ORDER_LINE_TABLE,
  LOST_TABLE,
  FILTER_TABLE,
  RECENT_TABLE,
  MOVEMENT_TABLE,
];
