// Owns writing the rows a checkpoint changed: each table's upserts by COPY into a temporary table and one
// insert … on conflict, its deletes by one statement. Part of the commit's transaction.

import { assert } from "../../shared/assert.ts";
import { copyIn, copyStatement, quoted, type Transaction } from "../../shared/postgres.ts";
import { encodeRows } from "../../shared/postgres_binary.ts";
import type { CheckpointTable, TableChange, TableRow } from "./machine.ts";

/** Saves `changes`; within a table deletes come first, so a row both deleted and set stays. */
export async function saveChanges(
  sql: Transaction,
  tables: ReadonlyMap<string, CheckpointTable>,
  changes: readonly TableChange[],
): Promise<void> {
  for (const change of changes) {
    const table = tables.get(change.table);
    assert(table !== undefined, `Cannot checkpoint: no table ${change.table} is declared`);
    if (change.deletes.length > 0) await deleteRows(sql, table, change.deletes);
    if (change.upserts.length > 0) await upsertRows(sql, table, change.upserts);
  }
}

async function upsertRows(sql: Transaction, table: CheckpointTable, rows: readonly TableRow[]) {
  const stage = `stage_${table.name}`;
  const names = table.columns.map((column) => quoted(column.name)).join(", ");
  const keys = table.key.map(quoted).join(", ");
  const rest = table.columns.filter((column) => !table.key.includes(column.name));
  const sets = rest.map((column) => `${quoted(column.name)} = excluded.${quoted(column.name)}`);
  const action = sets.length === 0 ? "nothing" : `update set ${sets.join(", ")}`;
  await sql.unsafe(
    `create temporary table if not exists ${quoted(stage)} (like ${quoted(table.name)} including defaults including storage)
     on commit delete rows`,
  );
  await copyIn(sql, copyStatement(stage, table.columns), encodeRows(table.columns, rows));
  await sql.unsafe(
    `insert into ${quoted(table.name)} (${names}) select ${names} from ${quoted(stage)}
     on conflict (${keys}) do ${action}`,
  );
}

async function deleteRows(sql: Transaction, table: CheckpointTable, rows: readonly TableRow[]) {
  const keyColumns = table.columns.filter((column) => table.key.includes(column.name));
  const record = keyColumns.map((column) => `${quoted(column.name)} ${column.type}`).join(", ");
  const match = keyColumns
    .map((column) => `t.${quoted(column.name)} = d.${quoted(column.name)}`)
    .join(" and ");
  const keys = rows.map((row) =>
    Object.fromEntries(keyColumns.map((column) => [column.name, row[column.name]])),
  );
  await sql.unsafe(
    `delete from ${quoted(table.name)} t using json_to_recordset($1::text::json) as d(${record})
     where ${match}`,
    [JSON.stringify(keys)],
    { prepare: true },
  );
}
