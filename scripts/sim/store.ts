// Owns the simulated Postgres of the house: shard rows, ledger, checkpoint tables, outbox, poison list.
// Every method is one transaction: it happens whole or not at all. What may be lost is the way there and
// back (process.ts).
//
// T1. A commit whose guard does not match changes nothing; our own token there says it happened before.
// T2. What a caller gets is a copy: no process sees another's memory through the store.
// T3. jsonb does not keep the order of keys, and a table not that of rows; nothing may depend on either.
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import type {
  CheckpointTable,
  Lookup,
  TableChange,
  TableRow,
} from "../../actors/runtime/machine.ts";
import type {
  BeginRestore,
  Commit,
  CommitOutcome,
  LedgerFind,
  LoadedShard,
  OutboxRow,
  ShardRow,
} from "../../actors/runtime/ports.ts";
import { rowsOf, voidsOf } from "./ledger_rows.ts";

/** A shard's row before its first commit. */
export const NEW_SHARD_ROW: Readonly<ShardRow> = {
  applyVersion: 0,
  committedSeq: 0,
  committed: undefined,
  token: "",
  checkpointSeq: 0,
  checkpoint: undefined,
  streamCreated: undefined,
  outboxNext: 1,
};

/** All of one shard. */
export class ShardStore {
  readonly row: ShardRow = { ...NEW_SHARD_ROW };
  checkpointNowMs = 0;
  snapshot: unknown = null;
  readonly ledger: LedgerRow[] = [];
  /** Checkpoint rows by table, then by key. */
  readonly tables = new Map<string, Map<string, TableRow>>();
  /** What waits for the relay. */
  readonly outbox: OutboxRow[] = [];
  /** Every outbox row there ever was, for the checkers. */
  readonly outboxEver: OutboxRow[] = [];
  readonly poison = new Map<number, string>();

  load(tables: readonly CheckpointTable[], begin: BeginRestore): LoadedShard {
    const row = structuredClone(this.row);
    const loaded = { row, poison: new Set(this.poison.keys()) };
    if (row.checkpointSeq === 0) return loaded;
    const position = { seq: row.checkpointSeq, nowMs: this.checkpointNowMs };
    const { applyVersion } = row;
    const restore = begin({ position, applyVersion, snapshot: structuredClone(this.snapshot) });
    for (const { name, columns } of restore === undefined ? [] : tables) {
      // As the real one does: no derived columns, and one object filled again for each row.
      const names = columns.filter((column) => column.isDerived !== true).map((c) => c.name);
      const filled: TableRow = {};
      for (const one of [...(this.tables.get(name)?.values() ?? [])].reverse()) {
        for (const column of names) filled[column] = structuredClone(one[column]);
        restore?.add(name, filled);
      }
    }
    return loaded;
  }

  commit(
    commit: Omit<Commit, "rows">,
    rows: readonly LedgerRow[],
    tables: ReadonlyMap<string, CheckpointTable>,
  ): CommitOutcome {
    const { row } = this;
    const { guard, checkpoint } = commit;
    if (row.committedSeq !== guard.seq || row.token !== guard.token) {
      if (row.token === commit.token) return { outcome: "committed", outboxNext: row.outboxNext };
      return { outcome: "fenced", seq: row.committedSeq, token: row.token };
    }
    row.token = commit.token;
    row.applyVersion = commit.applyVersion;
    row.streamCreated = commit.streamCreated ?? row.streamCreated;
    row.outboxNext = commit.outboxNext;
    if (commit.committed !== undefined) {
      row.committedSeq = commit.committed.seq;
      row.committed = commit.committed;
    }
    this.ledger.push(...rows);
    this.outbox.push(...commit.outbox);
    this.outboxEver.push(...commit.outbox);
    if (checkpoint !== undefined) {
      row.checkpointSeq = checkpoint.mark?.seq ?? row.checkpointSeq;
      row.checkpoint = checkpoint.mark ?? row.checkpoint;
      this.checkpointNowMs = checkpoint.nowMs;
      this.snapshot = JSON.parse(asJsonb(JSON.stringify(checkpoint.snapshot ?? null)));
      for (const change of checkpoint.changes) this.#save(change, tables.get(change.table));
    }
    return { outcome: "committed", outboxNext: commit.outboxNext };
  }

  /** By the identity's hash and id, whatever key the rows stand at, as the ports promise. */
  find(lookup: Lookup, sinceMs: number): LedgerFind {
    const recent = this.ledger.filter((row) => row.appendedAt >= sinceMs);
    const voids = voidsOf(recent, lookup);
    return {
      lookup,
      rows: rowsOf(recent, lookup),
      voids: voids.map(({ epoch, seq, appendedAt }) => ({ epoch, seq, appendedAt })),
    };
  }

  #save(change: TableChange, table: CheckpointTable | undefined): void {
    if (table === undefined) throw new Error(`Cannot checkpoint: no table ${change.table}`);
    const rows = this.tables.get(table.name) ?? new Map<string, TableRow>();
    this.tables.set(table.name, rows);
    for (const row of change.deletes) rows.delete(keyOf(table, row));
    for (const row of change.upserts) rows.set(keyOf(table, row), stored(table, row));
  }
}

export class SimStore {
  readonly shards: readonly ShardStore[];

  constructor(shards: number) {
    this.shards = Array.from({ length: shards }, () => new ShardStore());
  }
}

function keyOf(table: CheckpointTable, row: TableRow): string {
  return JSON.stringify(table.key.map((column) => row[column]));
}

/** The row as Postgres gives it back: only declared columns, null for absent, jsonb in its own order. */
function stored(table: CheckpointTable, row: TableRow): TableRow {
  const kept: TableRow = {};
  for (const { name, type } of table.columns) {
    const value = row[name] ?? null;
    if (type === "jsonb" && typeof value === "string") kept[name] = asJsonb(value);
    else kept[name] = value instanceof Uint8Array ? new Uint8Array(value) : value;
  }
  return kept;
}

/** JSON text as jsonb keeps it: keys by length, then by bytes. Source: PostgreSQL, jsonb_util.c. */
export function asJsonb(text: string): string {
  return JSON.stringify(sorted(JSON.parse(text)));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  entries.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries);
}
