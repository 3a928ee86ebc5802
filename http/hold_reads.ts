// Owns reading one hold: its checkpoint rows and the ledger rows after the checkpoint, in one snapshot.

import { HTTP_READ_TIMEOUT_MS } from "../shared/limits.ts";
import type { Database } from "../shared/postgres.ts";
import { type HoldState, holdState, spansShards } from "./hold_state.ts";
import type { Row } from "./ledger_rows.ts";

/** @param shard that of `sku`; the others are read when the hold has lines there */
export async function readHold(
  database: Database,
  { hold, sku, epoch, shard }: { hold: string; sku: string; epoch: number; shard: number },
): Promise<HoldState | undefined> {
  return database.transaction(
    async (sql) => {
      const checkpoint = await sql<Row[]>`
        select * from hold where hold = ${hold}
        order by sku = ${sku} desc, shard = ${shard} desc, sku, location limit 1000`;
      const shards = await sql<{ shard: number; checkpoint_seq: number }[]>`
        select shard, checkpoint_seq from shard where epoch = ${epoch}
        order by shard = ${shard} desc, shard`;
      const after: Row[] = [];
      for (const one of shards) {
        if (one.shard !== shard && !spansShards(checkpoint, after)) break;
        const rows = await sql<Row[]>`
          select * from stock_transaction where epoch = ${epoch} and shard = ${one.shard}
            and seq > ${one.checkpoint_seq} and hold = ${hold}
          order by seq, index, ordinal limit 10000`;
        after.push(...rows);
      }
      return holdState(sku, checkpoint, after);
    },
    { mode: "isolation level repeatable read read only", timeLimitMs: HTTP_READ_TIMEOUT_MS },
  );
}
