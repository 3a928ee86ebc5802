// Owns what Postgres' planner is told where it cannot know better: statistics of what grows or shrinks all the time are wrong.

import type { Database, Transaction } from "../../../shared/postgres.ts";

/**
 * Runs statements on rows of the ledger's end, of which Postgres' statistics know nothing yet: it would take them
 * for one row and join thousands by nested loops. Look-ups in tables are written as subqueries then. Nor is it planned
 * for each piece of them anew: with a ledger of many partitions that takes 15 ms, and its run 3. A plan that is kept may
 * have been made while a table was one page long, and would read all of it for each row: it goes by indexes.
 */
export async function onManyRows<T>(sql: Transaction, statements: () => Promise<T>): Promise<T> {
  await sql`
    select set_config('enable_nestloop', 'off', true), set_config('enable_seqscan', 'off', true),
      set_config('plan_cache_mode', 'force_generic_plan', true)`;
  const done = await statements();
  await sql`
    select set_config('enable_nestloop', 'on', true), set_config('enable_seqscan', 'on', true),
      set_config('plan_cache_mode', 'auto', true)`;
  return done;
}

/**
 * Runs a statement on what is due, which goes by the order of its key: a list that grows and shrinks is next to empty when its statistics
 * are taken and plans that are kept are made, and these would read all of it, or sort it, for each batch.
 */
export function byIndex<T>(
  database: Database,
  statement: (sql: Transaction) => Promise<T>,
): Promise<T> {
  return database.transaction(async (sql) => {
    await sql`
      select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
        set_config('enable_sort', 'off', true)`;
    return await statement(sql);
  });
}
