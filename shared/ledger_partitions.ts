// Which span of append time each partition of the ledger has. Postgres' catalog says so and nothing else does: a name
// tells the first day only.
import type { Sql } from "./postgres.ts";
import { TIME_MAX_MS } from "./time.ts";

/** A span of append time, ms since 1970: `fromMs` is in it, `toMs` is not. */
export type LedgerSpan = { fromMs: number; toMs: number };

/** A partition, but for the default one, which has what is in none. */
export type LedgerPartition = LedgerSpan & { oid: number };

/** Bounds read `FOR VALUES FROM ('…') TO ('…')`; they name no column, so they need no table to be read by. */
const PARTITIONS = `
  select oid::int8 as oid, (extract(epoch from bounds[2]::timestamptz) * 1000)::int8 as "fromMs",
    (extract(epoch from bounds[4]::timestamptz) * 1000)::int8 as "toMs"
  from pg_inherits join pg_class on oid = inhrelid
  cross join string_to_array(pg_get_expr(relpartbound, 0), '''') bounds
  where inhparent = 'stock_transaction'::regclass and bounds[1] = 'FOR VALUES FROM (' and bounds[3] = ') TO ('
  order by 2`;

/** The partitions in order of time. */
export async function ledgerPartitions(sql: Pick<Sql, "unsafe">): Promise<LedgerPartition[]> {
  return [...(await sql.unsafe<LedgerPartition[]>(PARTITIONS, [], { prepare: true }))];
}

/** The span a time is in: of a partition, or between two of them. All rows of it stand in one partition, be it the default one. */
export function spanAround(partitions: readonly LedgerSpan[], ms: number): LedgerSpan {
  const between = { fromMs: 0, toMs: TIME_MAX_MS };
  for (const { fromMs, toMs } of partitions) {
    if (fromMs > ms) return { ...between, toMs: fromMs };
    if (toMs > ms) return { fromMs, toMs };
    between.fromMs = toMs;
  }
  return between;
}
