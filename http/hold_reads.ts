// Owns reading one hold: its checkpoint rows and the ledger rows after the checkpoint, in one snapshot.

import { HTTP_READ_TIMEOUT_MS } from "../shared/limits.ts";
import type { Database } from "../shared/postgres.ts";
import { type HoldLineState, holdLines } from "./hold_state.ts";
import type { Row } from "./ledger_rows.ts";

/** @param shard null: every shard */
export async function readHolds(
  database: Database,
  { hold, epoch, shard }: { hold: string; epoch: number; shard: number | null },
): Promise<HoldLineState[]> {
  const found = await database.transaction(
    async (sql) => {
      const own = shard === null ? sql`` : sql`and shard = ${shard}`;
      const checkpoint = await sql<Row[]>`
        select * from hold where hold = ${hold} ${own} order by sku, location limit 1000`;
      const shards = await sql<{ shard: number; checkpoint_seq: number }[]>`
        select shard, checkpoint_seq from shard where epoch = ${epoch} ${own}`;
      const after: Row[] = [];
      for (const one of shards) {
        const rows = await sql<Row[]>`
          select * from stock_transaction where epoch = ${epoch} and shard = ${one.shard}
            and seq > ${one.checkpoint_seq} and hold = ${hold}
          order by seq, index, ordinal limit 10000`;
        after.push(...rows);
      }
      return { checkpoint, after };
    },
    { mode: "isolation level repeatable read read only", timeLimitMs: HTTP_READ_TIMEOUT_MS },
  );
  return holdLines(found.checkpoint, found.after);
}
