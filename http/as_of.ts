// Owns reading levels as of an append time: of each location of a SKU the last ledger row before it. A hot SKU
// has hundreds of thousands of rows, so locations are found by skipping through the index of places, and each
// location's row along the ledger's entries from the newest back, or by its key, as Postgres finds cheaper. Refusals change no level, and make none.

import type { LedgerLevel } from "../shared/decisions.ts";
import { ANY_LOCATION } from "../shared/ids.ts";
import { ofKey, PLACE_ROW } from "../shared/ledger_key.ts";
import { ledgerPartitions, spanAround } from "../shared/ledger_partitions.ts";
import type { Sql } from "../shared/postgres.ts";
import { formatTime } from "../shared/time.ts";
import { partition } from "../streams/partition.ts";
import { toToken } from "../streams/subjects.ts";
import { levelOfRow, type Row } from "./ledger_rows.ts";

type Topology = { epoch: number; shards: number };

const LOCATIONS = `
  with recursive l as (
    (select location from stock_transaction where sku = $1 and ${PLACE_ROW} order by location limit 1)
    union all
    select (select s.location from stock_transaction s where s.sku = $1 and s.location > l.location
      and ${PLACE_ROW} order by s.location limit 1)
    from l where l.location is not null)
  select location from l where location is not null
  union select location from stock_level where sku = $1
  order by location`;

/**
 * The last entry of a shard by time $3, looked for by halves in the span [$4, $5) of the partition that time is in: append
 * times never go back. Nothing when the partition has no entry of the shard.
 */
const LAST_ENTRY = `
  with recursive entry as not materialized (
    select seq, appended_at from stock_transaction
    where epoch = $1 and shard = $2 and appended_at >= $4 and appended_at < $5
  ),
  search (low, high) as (
    select min(seq) - 1, max(seq) from entry having max(seq) is not null
    union all
    select case when at.appended_at <= $3 then at.seq else s.low end,
      case when at.appended_at <= $3 then s.high else s.middle - 1 end
    from (select low, high, (low + high + 1) / 2 as middle from search where low < high) s
    cross join lateral (select seq, appended_at from entry where seq >= s.middle order by seq limit 1) at
  )
  select low as seq from search where low >= high`;

const LAST_ROW = `
  select * from stock_transaction t
  where epoch = $1 and shard = $2 and ${ofKey("t", "$3", "$4")} and appended_at <= $5
    and outcome = 'applied' and seq <= $6
  order by seq desc, index desc, ordinal desc limit 1`;

const LAST_ROW_OF_OLDER_EPOCHS = `
  select * from stock_transaction t
  where epoch < $1 and ${ofKey("t", "$2", "$3")} and appended_at <= $4
    and outcome = 'applied'
  order by epoch desc, seq desc, index desc, ordinal desc limit 1`;

/** Demand lost where nothing ever was is booked there all the same, and makes no level. */
const MADE_LEVEL = `
  select from stock_transaction t
  where ${ofKey("t", "$1", "$2")} and appended_at <= $3
    and outcome = 'applied' and cause <> 'lostDemand' limit 1`;

/** Every location the ledger has rows of for this SKU, in order. */
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
  const shard = partition(toToken(sku), topology.shards);
  const to = { epoch: topology.epoch, shard, ms };
  const toSeq = await lastEntry(sql, to);
  const rows = await Promise.all(
    places.map((place) => levelRow(sql, { ...to, toSeq }, sku, place)),
  );
  return rows.filter((row) => row !== undefined).map(levelOfRow);
}

/** A shard's ledger up to a time: entries up to `toSeq`. */
type Prefix = { epoch: number; shard: number; ms: number };

/** The last entry by the time, or any number beyond it when the time alone tells. */
async function lastEntry(sql: Sql, { epoch, shard, ms }: Prefix): Promise<number> {
  const { fromMs, toMs } = spanAround(await ledgerPartitions(sql), ms);
  const times = [ms, fromMs, toMs].map(formatTime);
  const once = { prepare: false };
  const [found] = await sql.unsafe<{ seq: number }[]>(LAST_ENTRY, [epoch, shard, ...times], once);
  return found?.seq ?? Number.MAX_SAFE_INTEGER;
}

async function levelRow(
  sql: Sql,
  to: Prefix & { toSeq: number },
  sku: string,
  location: string,
): Promise<Row | undefined> {
  const row = await lastRow(sql, to, sku, location);
  if (row?.cause !== "lostDemand") return row;
  const at = formatTime(to.ms);
  const made = await sql.unsafe(MADE_LEVEL, [sku, location, at], { prepare: false });
  return made.length > 0 ? row : undefined;
}

async function lastRow(
  sql: Sql,
  { epoch, shard, ms, toSeq }: Prefix & { toSeq: number },
  sku: string,
  location: string,
): Promise<Row | undefined> {
  const at = formatTime(ms);
  // Not prepared: whether the entries or the key is better depends on the values.
  const once = { prepare: false };
  const parameters = [epoch, shard, sku, location, at, toSeq];
  const [row] = await sql.unsafe<Row[]>(LAST_ROW, parameters, once);
  if (row !== undefined || epoch === 1) return row;
  const older = await sql.unsafe<Row[]>(LAST_ROW_OF_OLDER_EPOCHS, [epoch, sku, location, at], once);
  return older[0];
}
