// Owns reading levels as of an append time: of each location of a SKU the last ledger row before it. A hot SKU
// has hundreds of thousands of rows, so locations are found by skipping through the index, and each
// location's row along the ledger's key from the newest back. Refusals change no level, and make none.

import { ANY_LOCATION } from "../shared/ids.ts";
import type { LedgerLevel } from "../shared/messages.ts";
import type { Sql } from "../shared/postgres.ts";
import { formatTime } from "../shared/time.ts";
import { partition } from "../streams/partition.ts";
import { toToken } from "../streams/subjects.ts";
import { levelOfRow, type Row } from "./ledger_rows.ts";

type Topology = { epoch: number; shards: number };

const LOCATIONS = `
  with recursive l as (
    (select location from stock_transaction where sku = $1 order by location limit 1)
    union all
    select (select s.location from stock_transaction s where s.sku = $1 and s.location > l.location
      order by s.location limit 1)
    from l where l.location is not null)
  select location from l where location is not null`;

const LAST_ROW = `
  select * from stock_transaction
  where epoch = $1 and shard = $2 and sku = $3 and location = $4 and appended_at <= $5
    and outcome = 'applied'
  order by seq desc, index desc, ordinal desc limit 1`;

const LAST_ROW_OF_OLDER_EPOCHS = `
  select * from stock_transaction
  where epoch < $1 and sku = $2 and location = $3 and appended_at <= $4
    and outcome = 'applied'
  order by epoch desc, seq desc, index desc, ordinal desc limit 1`;

/** Demand lost where nothing ever was is booked there all the same, and makes no level. */
const MADE_LEVEL = `
  select from stock_transaction
  where sku = $1 and location = $2 and appended_at <= $3
    and outcome = 'applied' and cause <> 'lostDemand' limit 1`;

/** Every location the ledger has rows of for this SKU. */
export async function locationsOf(sql: Sql, sku: string): Promise<string[]> {
  const rows = await sql.unsafe<{ location: string }[]>(LOCATIONS, [sku]);
  return rows.map((row) => row.location);
}

/** The levels of `sku` as known at `ms`, at `location` or at all of its locations. */
export async function levelsAsOf(
  sql: Sql,
  topology: Topology,
  { sku, location, ms }: { sku: string; location: string | undefined; ms: number },
): Promise<LedgerLevel[]> {
  const locations = location === undefined ? await locationsOf(sql, sku) : [location];
  const places = locations.filter((place) => place !== ANY_LOCATION);
  const rows = await Promise.all(places.map((place) => levelRow(sql, topology, sku, place, ms)));
  return rows.filter((row) => row !== undefined).map(levelOfRow);
}

async function levelRow(
  sql: Sql,
  topology: Topology,
  sku: string,
  location: string,
  ms: number,
): Promise<Row | undefined> {
  const row = await lastRow(sql, topology, sku, location, ms);
  if (row?.cause !== "lostDemand") return row;
  const made = await sql.unsafe(MADE_LEVEL, [sku, location, formatTime(ms)], { prepare: false });
  return made.length > 0 ? row : undefined;
}

async function lastRow(
  sql: Sql,
  { epoch, shards }: Topology,
  sku: string,
  location: string,
  ms: number,
): Promise<Row | undefined> {
  const at = formatTime(ms);
  // Not prepared: whether the key or the SKU's index is better depends on the values.
  const once = { prepare: false };
  const shard = partition(toToken(sku), shards);
  const [row] = await sql.unsafe<Row[]>(LAST_ROW, [epoch, shard, sku, location, at], once);
  if (row !== undefined || epoch === 1) return row;
  const older = await sql.unsafe<Row[]>(LAST_ROW_OF_OLDER_EPOCHS, [epoch, sku, location, at], once);
  return older[0];
}
