// Owns the edge's reads of Postgres: history and as-of from the ledger, decisions of commands, lists
// from the checkpoint. Every read has a time limit. History pages the current epoch along the ledger's
// entries (one shard, newest first) or by its keys, as Postgres finds cheaper; older epochs after it.

import type { Decision, DecisionLine, LedgerLevel, Level } from "../shared/decisions.ts";
import { identityText } from "../shared/identity_hash.ts";
import { ANY_LOCATION } from "../shared/ids.ts";
import { isElsewhere, ofKey, PLACE_ROW } from "../shared/ledger_key.ts";
import { HTTP_COMMIT_WAIT_MS, HTTP_READ_TIMEOUT_MS } from "../shared/limits.ts";
import type { Database, Sql } from "../shared/postgres.ts";
import { partition } from "../streams/partition.ts";
import { toToken } from "../streams/subjects.ts";
import { levelsAsOf, locationsOf } from "./as_of.ts";
import { readHold } from "./hold_reads.ts";
import type { HoldState } from "./hold_state.ts";
import { decisionOf, decisionsOf } from "./ledger_decisions.ts";
import {
  checkpointedLevel,
  type HistoryRow,
  historyRow,
  type LedgerPlace,
  placeOf,
  type Row,
} from "./ledger_rows.ts";

export type HistoryQuery = {
  sku: string;
  location: string | undefined;
  /** Rows older than this place. */
  before: LedgerPlace | undefined;
  limit: number;
};

/** What the checkpoint tables know, whatever the topology. */
export type StoredLevels = {
  /** Keys of a location in order of SKU, after `afterSku`. */
  keysOf(location: string, afterSku: string, limit: number): Promise<string[]>;
  /** Levels as of the last checkpoint, for when the registry is away; without what rules decide. */
  checkpointed(skus: readonly string[], location: string | undefined): Promise<Level[]>;
  /** Whether anything was ever booked of them. */
  isBooked(skus: readonly string[], location: string | undefined): Promise<boolean>;
};

export type LedgerReads = StoredLevels & {
  asOf(sku: string, location: string | undefined, ms: number): Promise<LedgerLevel[]>;
  history(query: HistoryQuery): Promise<{ rows: HistoryRow[]; next: LedgerPlace | undefined }>;
  /**
   * The decisions of an id: at a location (`-` as the command had it), or one for each of the SKU's. Of an id used
   * again, which is allowed once it is forgotten, the newest.
   */
  decision(sku: string, location: string | undefined, id: string): Promise<Decision[]>;
  /**
   * The lines of the hold decided at the position of `decision`, of a refused one those that were short, none when the
   * ledger does not say; undefined while it has not got the decision.
   */
  lines(decision: Decision): Promise<DecisionLine[] | undefined>;
  /** The hold that `sku` has under an id, as committed, with its lines of other SKUs in all shards. */
  hold(hold: string, sku: string): Promise<HoldState | undefined>;
};

type Topology = { epoch: number; shards: number };

/** The reads, for the log of `topology`. @throws OnhandError what shared/postgres.ts throws */
export function ledgerReads(database: Database, topology: Topology): LedgerReads {
  const run = <T>(work: (sql: Sql) => Promise<T>) => database.run(work, HTTP_READ_TIMEOUT_MS);
  return {
    ...storedLevels(database),
    asOf: (sku, location, ms) => run((sql) => levelsAsOf(sql, topology, { sku, location, ms })),
    history: (query) =>
      run(async (sql) => {
        const rows = await historyRows(sql, topology, query);
        const page = rows.slice(0, query.limit);
        const last = rows.length > query.limit ? page.at(-1) : undefined;
        return { rows: page.map(historyRow), next: last === undefined ? undefined : placeOf(last) };
      }),
    decision: (sku, location, id) =>
      run(async (sql) => {
        const locations = location === undefined ? await locationsOf(sql, sku) : [location];
        if (location === undefined && !locations.includes(ANY_LOCATION))
          locations.push(ANY_LOCATION);
        return decisionsOf(await newestRows(sql, sku, locations, id));
      }),
    lines: (decision) =>
      database.run(async (sql) => {
        const found = decisionOf(await rowsAt(sql, decision));
        return found === undefined ? undefined : (found.lines ?? []);
      }, HTTP_COMMIT_WAIT_MS),
    hold: (hold, sku) => {
      const shard = partition(toToken(sku), topology.shards);
      return readHold(database, { hold, sku, epoch: topology.epoch, shard });
    },
  };
}

/** @throws OnhandError what shared/postgres.ts throws */
export function storedLevels(database: Database): StoredLevels {
  const run = <T>(work: (sql: Sql) => Promise<T>) => database.run(work, HTTP_READ_TIMEOUT_MS);
  return {
    keysOf: (location, afterSku, limit) =>
      run(async (sql) => {
        const rows = await sql<{ sku: string }[]>`
          select sku from stock_level where location = ${location} and sku > ${afterSku}
          order by sku limit ${limit}`;
        return rows.map((row) => row.sku);
      }),
    checkpointed: (skus, location) =>
      run(async (sql) => {
        const rows = await sql<Row[]>`
          select * from stock_level where sku in ${sql([...skus])} ${at(sql, location)}`;
        return rows.map(checkpointedLevel);
      }),
    isBooked: (skus, location) =>
      run(async (sql) => {
        const rows =
          location === undefined
            ? await sql`
                select from stock_transaction
                where sku in ${sql([...skus])} and ${sql.unsafe(PLACE_ROW)} limit 1`
            : await sql`
                select from (select u as sku, ${location}::text as location
                  from unnest(${[...skus]}::text[]) u) n
                cross join lateral (select from stock_transaction t
                  where ${sql.unsafe(ofKey("t", "n.sku", "n.location"))} limit 1) t
                limit 1`;
        return rows.length > 0;
      }),
  };
}

const at = (sql: Sql, location: string | undefined) =>
  location === undefined ? sql`` : sql`and location = ${location}`;

/** Every row of the position where each identity was last decided, in order of the ledger. */
function newestRows(
  sql: Sql,
  sku: string,
  locations: readonly string[],
  id: string,
): Promise<Row[]> {
  const identities = locations.map((location) => identityText(location, sku, id));
  return sql<Row[]>`
    with n as materialized (
      select ${sku}::text as sku, ${id}::text as id, * from unnest(
        ${[...locations]}::text[], ${identities}::int8[]) as u (location, identity)
    ),
    known as (
      select distinct on (found.location) found.* from (
        select n.location, t.epoch, t.shard, t.seq, t.index, t.appended_at
        from n join stock_transaction t on t.identity = n.identity and t.id = n.id
          and ${sql.unsafe(ofKey("t", "n.sku", "n.location"))}
        where t.cause = 'command'
        union all
        select n.location, t.epoch, t.shard, t.seq, t.index, t.appended_at
        from n join stock_transaction t on t.identity = n.identity and t.id = n.id
          and ${sql.unsafe(isElsewhere("t"))}
        where t.cause = 'command') found
      order by found.location, found.epoch desc, found.seq desc, found.index desc)
    select t.* from known cross join lateral (
      select * from stock_transaction t
      where t.epoch = known.epoch and t.shard = known.shard and t.seq = known.seq
        and t.index = known.index and t.appended_at = known.appended_at
      offset 0) t
    order by t.epoch, t.shard, t.seq, t.index, t.ordinal`;
}

/** Every row of a position; its append time tells the partition. */
function rowsAt(sql: Sql, { epoch, shard, seq, index, at: time }: Decision): Promise<Row[]> {
  return sql<Row[]>`
    select * from stock_transaction
    where epoch = ${epoch} and shard = ${shard} and seq = ${seq} and index = ${index}
      and appended_at = ${time}
    order by ordinal`;
}

/** One row more than the page, when there are more. */
async function historyRows(sql: Sql, topology: Topology, query: HistoryQuery): Promise<Row[]> {
  const { sku, location, before, limit } = query;
  const shard = partition(toToken(sku), topology.shards);
  const locations = location === undefined ? await locationsOf(sql, sku) : [location];
  if (locations.length === 0) return [];
  const current =
    before !== undefined && before.epoch < topology.epoch
      ? []
      : await sql<Row[]>`
          select * from stock_transaction t
          where epoch = ${topology.epoch} and shard = ${shard} and ${ofKeys(sql, sku, locations)}
          ${beforeInEpoch(sql, topology.epoch, before)}
          order by seq desc, index desc, ordinal desc limit ${limit + 1}`;
  const left = limit + 1 - current.length;
  if (left === 0 || topology.epoch === 1) return current;
  const past = await sql<Row[]>`
    select * from stock_transaction t
    where epoch < ${topology.epoch} and ${ofKeys(sql, sku, locations)}
    ${
      before === undefined
        ? sql``
        : sql`and (epoch, seq, index, ordinal) <
            (${before.epoch}, ${before.seq}, ${before.index}, ${before.ordinal})`
    }
    order by epoch desc, seq desc, index desc, ordinal desc limit ${left}`;
  return [...current, ...past];
}

/**
 * Row `t` is of the SKU at one of these locations. The numbers of the keys stand by themselves, so that the planner knows how many
 * rows they have; what else is compared tells it nothing.
 */
function ofKeys(sql: Sql, sku: string, locations: readonly string[]) {
  const keys = locations.map(
    (location, i) => sql`${i === 0 ? sql`` : sql`,`} ledger_key(${sku}, ${location})`,
  );
  return sql`ledger_key(t.sku, t.location) = any(array[${keys}]::int8[])
    and texteq(t.sku, ${sku}) and array_position(${[...locations]}::text[], t.location) is not null`;
}

/** With a bound on seq alone, so that Postgres starts at the right place of the key. */
function beforeInEpoch(sql: Sql, epoch: number, before: LedgerPlace | undefined) {
  if (before === undefined || before.epoch > epoch) return sql``;
  const { seq, index, ordinal } = before;
  return sql`and seq <= ${seq} and (seq, index, ordinal) < (${seq}, ${index}, ${ordinal})`;
}
