// How many rows of the ledger a piece of work has Postgres read, found or not.
import { Database } from "../../../../shared/postgres.ts";

/** @param work gets a database of one connection, which tells what it read when it is asked to */
export async function rowsRead(
  url: string,
  work: (database: Database) => Promise<void>,
): Promise<number> {
  const database = new Database(url, { connectionsMax: 1, name: "test" });
  const readSoFar = async () => {
    await database.sql`select pg_stat_force_next_flush()`;
    const [tables] = await database.sql<{ rows: number }[]>`
      select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int8 as rows
      from pg_stat_user_tables where relid in (select relid from pg_partition_tree('stock_transaction'))`;
    return tables?.rows ?? 0;
  };
  const before = await readSoFar();
  await work(database);
  const rows = (await readSoFar()) - before;
  await database.close();
  return rows;
}
