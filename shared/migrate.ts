// Owns bringing a database to the present: plain SQL files in the order of their names, each once and in
// a transaction of its own, under a lock so that processes that start together do not meet.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OnhandError } from "./errors.ts";
import type { Database, Transaction } from "./postgres.ts";

/** Where the migrations of this version are. */
export const MIGRATIONS_DIR = fileURLToPath(new URL("../scripts/migrations", import.meta.url));

/** Any number will do, as long as nobody else locks it: "onhand" in ASCII, cut to 31 bits. */
const LOCK_KEY = 0x6f6e6861;
/** Waiting for another process that migrates, and long migrations. */
const TIME_LIMIT_MS = 120_000;

/**
 * Applies what has not been applied; returns the names of what it applied.
 * @throws OnhandError `migration_changed` when a file that was applied has another content now;
 *   `database_unavailable`, `database_refused` from the database.
 */
export async function migrate(database: Database, dir = MIGRATIONS_DIR): Promise<string[]> {
  const files = readdirSync(dir)
    .filter((file) => /^\d{4}_\w+\.sql$/.test(file))
    .sort();
  const applied: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(dir, file), "utf8");
    const isNew = await database.transaction((sql) => applyFile(sql, file, text), {
      timeLimitMs: TIME_LIMIT_MS,
    });
    if (isNew) applied.push(file);
  }
  return applied;
}

async function applyFile(sql: Transaction, file: string, text: string): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(${LOCK_KEY})`;
  await sql`create table if not exists migration (
    name text primary key, digest text not null, applied_at timestamptz not null default now())`;
  const digest = createHash("sha256").update(text).digest("hex");
  const [row] = await sql<{ digest: string }[]>`select digest from migration where name = ${file}`;
  if (row !== undefined) {
    if (row.digest === digest) return false;
    throw new OnhandError(
      "migration_changed",
      `Cannot migrate: ${file} was applied with another content; this database is of another version`,
      { fields: { file } },
    );
  }
  await sql.unsafe(text);
  await sql`insert into migration (name, digest) values (${file}, ${digest})`;
  return true;
}
