// Owns the part of Postgres that belongs to one shard: its row, ledger, checkpoint tables and outbox.
//
// S2, S12: a commit is one transaction whose first statement is the guard: it moves the shard's row only
// from where the owner last left it. M5, M6: ledger, outbox and checkpoint are inside of it.
// A commit whose answer was lost may be repeated: the guard then finds our own token and says so.
import { OnhandError } from "../../shared/errors.ts";
import type { Gate } from "../../shared/gate.ts";
import { COMMIT_LARGE_ROWS } from "../../shared/limits.ts";
import {
  copyIn,
  copyOut,
  copyStatement,
  type Database,
  quoted,
  setLocal,
  type Transaction,
} from "../../shared/postgres.ts";
import {
  type CopyRows,
  encodeRows,
  nullColumns,
  type PgColumn,
  rowBytes,
} from "../../shared/postgres_binary.ts";
import { saveChanges } from "./checkpoint_tables.ts";
import { LEDGER_COLUMNS, PAYLOAD_COLUMNS } from "./ledger_codec.ts";
import { findIdentities } from "./ledger_find.ts";
import type { CheckpointTable, Lookup, Restore, TableRow } from "./machine.ts";
import type {
  BeginRestore,
  Commit,
  CommitOutcome,
  LedgerFind,
  LoadedShard,
  Mark,
  OutboxRow,
  ShardRow,
  StorePort,
} from "./ports.ts";
import { refusedRowLetter } from "./refused_row.ts";

const COPY_LEDGER = copyStatement("stock_transaction", LEDGER_COLUMNS);
const OUTBOX_COLUMNS: readonly PgColumn[] = [
  { name: "epoch", type: "int4" },
  { name: "shard", type: "int2" },
  { name: "number", type: "int8" },
  { name: "effect_id", type: "text" },
  { name: "kind", type: "text" },
  { name: "subject", type: "text" },
  { name: "payload", type: "text" },
];
const COPY_OUTBOX = copyStatement("outbox", OUTBOX_COLUMNS);
/** A commit that takes longer is given up and asked about; doubled each time, or a slow Postgres would never be done. */
const COMMIT_LIMIT_MS = 20_000;
const COMMIT_LIMIT_MS_MAX = 600_000;
/** Loading a checkpoint of millions of rows. */
const LOAD_LIMIT_MS = 300_000;

export type ShardOfEpoch = { epoch: number; shard: number };

export class PostgresStore implements StorePort {
  private readonly database: Database;
  private readonly epoch: number;
  private readonly shard: number;
  private readonly tables: ReadonlyMap<string, CheckpointTable>;
  private readonly gate: Gate;
  /** The commit asked for last, and how often it was before. */
  private asked = { token: "", before: 0 };

  /** @param gate of all commits of this thread: many at once would take the processors from what decides */
  constructor(
    database: Database,
    of: ShardOfEpoch,
    tables: readonly CheckpointTable[],
    gate: Gate,
  ) {
    this.database = database;
    this.gate = gate;
    this.epoch = of.epoch;
    this.shard = of.shard;
    this.tables = new Map(tables.map((table) => [table.name, table]));
  }

  async load(tables: readonly CheckpointTable[], begin: BeginRestore): Promise<LoadedShard> {
    const { epoch, shard } = this;
    await this.database.run(
      (sql) => sql`
        insert into shard (epoch, shard, apply_version) values (${epoch}, ${shard}, 0)
        on conflict do nothing`,
    );
    return this.database.transaction(
      async (sql) => {
        const { row, snapshot, checkpointNowMs } = await this.readRow(sql);
        const poison = await sql<{ seq: number }[]>`
          select seq from poison_entry where epoch = ${epoch} and shard = ${shard}`;
        const loaded = { row, poison: new Set(poison.map(({ seq }) => seq)) };
        if (row.checkpointSeq === 0) return loaded;
        const position = { seq: row.checkpointSeq, nowMs: checkpointNowMs };
        const restore = begin({ position, applyVersion: row.applyVersion, snapshot });
        if (restore === undefined) return loaded;
        await setLocal(sql, "epoch", epoch);
        await setLocal(sql, "shard", shard);
        for (const table of tables) await loadTable(sql, table, restore);
        return loaded;
      },
      { mode: "isolation level repeatable read read only", timeLimitMs: LOAD_LIMIT_MS },
    );
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    const { token } = commit;
    this.asked = { token, before: this.asked.token === token ? this.asked.before + 1 : 0 };
    return this.gate.run(
      async (leave) => {
        try {
          return await this.attempt(commit, leave, false);
        } catch (error) {
          if (!(error instanceof OnhandError) || error.code !== "database_data") throw error;
          return this.attempt(commit, leave, true);
        }
      },
      { urgent: commit.outbox.some((row) => row.kind === "need") },
    );
  }

  find(lookups: readonly Lookup[], sinceMs: number): Promise<LedgerFind[]> {
    return this.database.run((sql) => findIdentities(sql, lookups, sinceMs));
  }

  async addPoison(seq: number, error: string): Promise<void> {
    await this.database.run(
      (sql) => sql`
        insert into poison_entry (epoch, shard, seq, error)
        values (${this.epoch}, ${this.shard}, ${seq}, ${error}) on conflict do nothing`,
    );
  }

  async outbox(limit: number): Promise<OutboxRow[]> {
    const rows = await this.database.run(
      (sql) => sql<OutboxRow[]>`
        select number, effect_id as "effectId", kind, subject, payload from outbox
        where epoch = ${this.epoch} and shard = ${this.shard} order by number limit ${limit}`,
    );
    return [...rows];
  }

  async published(number: number): Promise<void> {
    await this.database.run(
      (sql) => sql`
        delete from outbox
        where epoch = ${this.epoch} and shard = ${this.shard} and number <= ${number}`,
    );
  }

  async alert(alert: {
    id: string;
    kind: string;
    text: string;
    details: Record<string, unknown>;
  }): Promise<void> {
    await this.database.run(
      (sql) => sql`
        insert into alert (alert, kind, text, body, raised_at)
        values (${alert.id}, ${alert.kind}, ${alert.text},
          ${JSON.stringify(alert.details)}::text::jsonb, now())
        on conflict (alert) do nothing`,
    );
  }

  private async readRow(sql: Transaction) {
    const [found] = await sql<ShardRecord[]>`
      select apply_version, committed_seq, committed_digest, token, checkpoint_seq, checkpoint_digest,
        checkpoint_snapshot as snapshot, stream_created, outbox_next,
        (extract(epoch from committed_at) * 1000)::int8 as committed_at_ms,
        (extract(epoch from checkpoint_at) * 1000)::int8 as checkpoint_at_ms,
        (extract(epoch from checkpoint_now) * 1000)::int8 as checkpoint_now_ms
      from shard where epoch = ${this.epoch} and shard = ${this.shard}`;
    const r = found as ShardRecord;
    const row: ShardRow = {
      applyVersion: r.apply_version,
      committedSeq: r.committed_seq,
      committed: markOf(r.committed_seq, r.committed_at_ms, r.committed_digest),
      token: r.token,
      checkpointSeq: r.checkpoint_seq,
      checkpoint: markOf(r.checkpoint_seq, r.checkpoint_at_ms, r.checkpoint_digest),
      streamCreated: r.stream_created ?? undefined,
      outboxNext: r.outbox_next,
    };
    return { row, snapshot: r.snapshot, checkpointNowMs: r.checkpoint_now_ms ?? 0 };
  }

  // ---------------------------------------------------------------- commit

  /** @param leave called when Postgres has only to force a large commit to disk: others need not wait for that */
  private attempt(commit: Commit, leave: () => void, careful: boolean): Promise<CommitOutcome> {
    return this.database.transaction(
      async (sql) => {
        if (!(await this.moveGuard(sql, commit))) return this.afterGuard(sql, commit);
        let outbox = commit.outbox;
        if (commit.rows.data.length > 0) {
          if (careful) outbox = [...outbox, ...(await this.copyCarefully(sql, commit))];
          else await copyIn(sql, COPY_LEDGER, commit.rows);
        }
        await this.copyOutbox(sql, outbox);
        await this.raiseAlerts(sql, outbox, careful);
        if (commit.checkpoint !== undefined)
          await saveChanges(sql, this.tables, commit.checkpoint.changes);
        const outboxNext = commit.outboxNext + outbox.length - commit.outbox.length;
        if (outboxNext !== commit.outboxNext)
          await sql`update shard set outbox_next = ${outboxNext}
            where epoch = ${this.epoch} and shard = ${this.shard}`;
        if (commit.rows.ends.length >= COMMIT_LARGE_ROWS) leave();
        return { outcome: "committed", outboxNext };
      },
      { timeLimitMs: Math.min(COMMIT_LIMIT_MS * 2 ** this.asked.before, COMMIT_LIMIT_MS_MAX) },
    );
  }

  /** Moves the shard's row from the guard to the commit's end; false when it stands elsewhere. */
  private async moveGuard(sql: Transaction, commit: Commit): Promise<boolean> {
    const { guard, committed, checkpoint } = commit;
    const point = checkpoint?.mark;
    const moved = await sql`
      update shard set
        apply_version = ${commit.applyVersion},
        token = ${commit.token},
        outbox_next = ${commit.outboxNext},
        stream_created = coalesce(${commit.streamCreated ?? null}, stream_created),
        committed_seq = coalesce(${committed?.seq ?? null}::int8, committed_seq),
        committed_at = coalesce(to_timestamp(${seconds(committed?.appendedAtMs)}::numeric), committed_at),
        committed_digest = coalesce(${committed?.digest ?? null}, committed_digest),
        checkpoint_seq = coalesce(${point?.seq ?? null}::int8, checkpoint_seq),
        checkpoint_at = coalesce(to_timestamp(${seconds(point?.appendedAtMs)}::numeric), checkpoint_at),
        checkpoint_digest = coalesce(${point?.digest ?? null}, checkpoint_digest),
        checkpoint_now = coalesce(to_timestamp(${seconds(checkpoint?.nowMs)}::numeric), checkpoint_now),
        checkpoint_snapshot = coalesce(
          ${checkpoint === undefined ? null : JSON.stringify(checkpoint.snapshot ?? null)}::text::jsonb,
          checkpoint_snapshot)
      where epoch = ${this.epoch} and shard = ${this.shard}
        and committed_seq = ${guard.seq} and token = ${guard.token}`;
    return moved.count === 1;
  }

  private async afterGuard(sql: Transaction, commit: Commit): Promise<CommitOutcome> {
    const [row] = await sql<{ seq: number; token: string; next: number }[]>`
      select committed_seq as seq, token, outbox_next as next from shard
      where epoch = ${this.epoch} and shard = ${this.shard}`;
    if (row !== undefined && row.token === commit.token)
      return { outcome: "committed", outboxNext: row.next };
    return { outcome: "fenced", seq: row?.seq ?? -1, token: row?.token ?? "" };
  }

  /**
   * Copies what can be copied in ever smaller parts; a row that is refused alone goes in without its payload,
   * and a dead letter tells of it. @returns those dead letters
   */
  private async copyCarefully(sql: Transaction, commit: Commit): Promise<OutboxRow[]> {
    const letters: OutboxRow[] = [];
    const { rows } = commit;
    const copy = async (from: number, to: number): Promise<void> => {
      const error = await tryCopy(sql, slice(rows, from, to));
      if (error === undefined) return;
      if (to - from > 1) {
        const middle = (from + to) >> 1;
        await copy(from, middle);
        await copy(middle, to);
        return;
      }
      const tuple = rowBytes(rows, from);
      const cured = nullColumns(tuple, PAYLOAD_COLUMNS);
      const again = await tryCopy(sql, { data: cured, ends: [cured.length] });
      if (again !== undefined) throw again;
      letters.push(refusedRowLetter(tuple, error, commit.outboxNext + letters.length));
    };
    await copy(0, rows.ends.length);
    return letters;
  }

  private async copyOutbox(sql: Transaction, rows: readonly OutboxRow[]): Promise<void> {
    if (rows.length === 0) return;
    const { epoch, shard } = this;
    const records = rows.map((row) => ({ ...row, epoch, shard, effect_id: row.effectId }));
    await copyIn(sql, COPY_OUTBOX, encodeRows(OUTBOX_COLUMNS, records));
  }

  /** An alert is a row for people as well as a message. */
  private async raiseAlerts(
    sql: Transaction,
    rows: readonly OutboxRow[],
    careful: boolean,
  ): Promise<void> {
    let alerts = rows.filter((row) => row.kind === "alert").map((row) => row.payload);
    if (alerts.length === 0) return;
    if (careful) alerts = alerts.map((payload) => payload.replaceAll(NOT_IN_JSONB, "\\ufffd"));
    await sql`
      insert into alert (alert, kind, sku, location, text, body, raised_at)
      select distinct on (a->>'id') a->>'id', a->>'kind', a->>'sku', a->>'location', a->>'text', a,
        (a->>'at')::timestamptz
      from jsonb_array_elements(${`[${alerts.join(",")}]`}::text::jsonb) as a
      on conflict (alert) do nothing`;
  }
}

type ShardRecord = {
  apply_version: number;
  committed_seq: number;
  committed_at_ms: number | null;
  committed_digest: string | null;
  token: string;
  checkpoint_seq: number;
  checkpoint_at_ms: number | null;
  checkpoint_digest: string | null;
  checkpoint_now_ms: number | null;
  snapshot: unknown;
  stream_created: string | null;
  outbox_next: number;
};

function markOf(seq: number, atMs: number | null, digest: string | null): Mark | undefined {
  if (seq === 0 || atMs === null || digest === null) return undefined;
  return { seq, appendedAtMs: atMs, digest };
}

/** Whole ms as seconds with three decimals, exactly. */
function seconds(ms: number | undefined): string | null {
  if (ms === undefined) return null;
  const sign = ms < 0 ? "-" : "";
  const digits = String(Math.abs(ms)).padStart(4, "0");
  return `${sign}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

function slice(rows: CopyRows, from: number, to: number): CopyRows {
  const start = from === 0 ? 0 : (rows.ends[from - 1] as number);
  const end = rows.ends[to - 1] as number;
  const ends = rows.ends.slice(from, to).map((at) => at - start);
  return { data: rows.data.subarray(start, end), ends };
}

/** What JSON may escape and jsonb refuses: NUL and lone surrogates. */
const NOT_IN_JSONB = /\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** @returns the error when Postgres refuses the data; throws any other */
async function tryCopy(sql: Transaction, rows: CopyRows): Promise<Error | undefined> {
  await sql.unsafe("savepoint careful");
  try {
    await copyIn(sql, COPY_LEDGER, rows);
    await sql.unsafe("release savepoint careful");
    return undefined;
  } catch (error) {
    const state = String((error as { code?: unknown }).code);
    if (!(error instanceof Error) || !/^(22|23|54)/.test(state)) throw error;
    await sql.unsafe("rollback to savepoint careful");
    return error;
  }
}

/** Hands the shard's rows of a table over as they come, in one object filled again for each. */
async function loadTable(
  sql: Transaction,
  table: CheckpointTable,
  restore: Pick<Restore, "add">,
): Promise<void> {
  const columns = table.columns.filter((column) => column.isDerived !== true);
  const names = columns.map((column) => column.name);
  const list = names.map(quoted).join(", ");
  const ofEpoch = table.key.includes("epoch")
    ? "and epoch = current_setting('onhand.epoch')::int4"
    : "";
  const row: TableRow = Object.fromEntries(names.map((name) => [name, null]));
  await copyOut(
    sql,
    `copy (select ${list} from ${quoted(table.name)}
       where shard = current_setting('onhand.shard')::int2 ${ofEpoch}) to stdout (format binary)`,
    columns.map((column) => column.type),
    (values) => {
      for (let i = 0; i < names.length; i++) row[names[i] as string] = values[i];
      restore.add(table.name, row);
    },
  );
}
