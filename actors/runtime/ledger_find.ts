// Owns looking identities up in the ledger, and ledger rows read as plain rows.
import { isElsewhere, ofKey } from "../../shared/ledger_key.ts";
import type { Sql } from "../../shared/postgres.ts";
import { LEDGER_COLUMNS } from "./ledger_codec.ts";
import type { LedgerRow } from "./ledger_row.ts";
import type { Lookup } from "./machine.ts";
import type { LedgerFind } from "./ports.ts";

/** The columns of `t` as text-mode values: times in ms, identity and extra as text. */
export const LEDGER_TEXT_SELECT = LEDGER_COLUMNS.map(({ name, type }) => {
  if (type === "timestamptz") return `(extract(epoch from t."${name}") * 1000)::int8 as "${name}"`;
  if (name === "identity" || type === "jsonb") return `t."${name}"::text as "${name}"`;
  return `t."${name}"`;
}).join(", ");

/**
 * Every row of the positions where the identities were decided: the last of a key has the level that was told. "offset 0"
 * keeps each a look-up by key: where partitions are small a join is planned as a walk of all of the ledger.
 */
const FIND_ROWS = `
  with l as materialized (
    select * from json_to_recordset($1::text::json) as l(n int4, sku text, location text, identity int8, id text)
  ),
  known as (
    select l.n, t.* from l cross join lateral (
      select t.epoch, t.shard, t.seq, t.index, t.appended_at from stock_transaction t
      where ${ofKey("t", "l.sku", "l.location")} and t.identity = l.identity and t.id = l.id
        and t.cause = 'command' and t.appended_at >= to_timestamp($2::int8 / 1000.0)
      offset 0) t
    union
    select l.n, t.* from l cross join lateral (
      select t.epoch, t.shard, t.seq, t.index, t.appended_at from stock_transaction t
      where ${isElsewhere("t")} and t.identity = l.identity and t.id = l.id
        and t.cause = 'command' and t.appended_at >= to_timestamp($2::int8 / 1000.0)
      offset 0) t)
  select known.n, t.* from known cross join lateral (
    select ${LEDGER_TEXT_SELECT} from stock_transaction t
    where t.epoch = known.epoch and t.shard = known.shard and t.seq = known.seq
      and t.index = known.index and t.appended_at = known.appended_at
    offset 0) t
  order by t.epoch, t.seq, t.index, t.ordinal`;

/** As above: few rows are voids, and a join may be planned as a walk of them all. */
const FIND_VOIDS = `
  select l.n, t.epoch, t.seq, (extract(epoch from t.appended_at) * 1000)::int8 as appended_at
  from json_to_recordset($1::text::json) as l(n int4, sku text, location text, id text)
  cross join lateral (
    select t.epoch, t.seq, t.appended_at from stock_transaction t
    where t.sku = l.sku and t.location = l.location and t.extra->>'of' = l.id
      and t.type = 'void' and t.outcome = 'applied' and t.cause = 'command'
      and t.appended_at >= to_timestamp($2::int8 / 1000.0)
    offset 0) t`;

/** What the ledger has of each look-up, wherever it stands in the log. */
export async function findIdentities(
  sql: Sql,
  lookups: readonly Lookup[],
  sinceMs: number,
): Promise<LedgerFind[]> {
  const finds: LedgerFind[] = lookups.map((lookup) => ({ lookup, rows: [], voids: [] }));
  const wanted = lookups.map((lookup, n) => ({
    n,
    identity: signed64(lookup.identityHigh, lookup.identityLow),
    id: lookup.id,
    sku: lookup.sku,
    location: lookup.location,
  }));
  const parameters = [JSON.stringify(wanted), String(Math.max(0, Math.floor(sinceMs)))];
  const rows = await sql.unsafe<TextRow[]>(FIND_ROWS, parameters, { prepare: true });
  for (const row of rows) finds[Number(row.n)]?.rows.push(ledgerRowOf(row));
  if (rows.length === 0) return finds;
  const voids = await sql.unsafe<TextRow[]>(FIND_VOIDS, parameters, { prepare: true });
  for (const { n, epoch, seq, appended_at } of voids)
    finds[Number(n)]?.voids.push({
      epoch: Number(epoch),
      seq: Number(seq),
      appendedAt: Number(appended_at),
    });
  return finds;
}

export type TextRow = Record<string, unknown>;

/** A ledger row selected with LEDGER_TEXT_SELECT. */
export function ledgerRowOf(row: TextRow): LedgerRow {
  const out: Record<string, unknown> = {};
  for (const { name } of LEDGER_COLUMNS) {
    if (name === "identity") continue;
    out[camelCase(name)] = row[name];
  }
  const identity = row.identity === null ? null : BigInt(String(row.identity));
  const bits = identity === null ? null : BigInt.asUintN(64, identity);
  out.identityHigh = bits === null ? null : Number(bits >> 32n);
  out.identityLow = bits === null ? null : Number(bits & 0xffffffffn);
  out.digest = Number(row.digest) >>> 0;
  return out as LedgerRow;
}

const camelNames = new Map<string, string>();
function camelCase(name: string): string {
  let camel = camelNames.get(name);
  if (camel === undefined) {
    camel = name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    camelNames.set(name, camel);
  }
  return camel;
}

/** The signed decimal text of a 64-bit pattern. */
function signed64(high: number, low: number): string {
  return String(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)));
}
