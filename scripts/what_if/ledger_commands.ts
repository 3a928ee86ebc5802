// Owns reading a shard's commands back out of the ledger, in the order in which they happened. The ledger reaches
// further back than the log, and holds each command once.
import {
  LEDGER_READ_TYPES,
  LEDGER_SELECT,
  readLedgerRow,
} from "../../actors/runtime/ledger_codec.ts";
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import { type RebuiltCommand, rebuildCommand } from "../../actors/stock/rebuild.ts";
import { copyOut, type Database, setLocal } from "../../shared/postgres.ts";

/** A command and when it happened, ms since 1970. */
export type Happened = { ms: number; command: RebuiltCommand };

const LIMIT_MS = 600_000;

/** Every applied command of a shard, by the time it happened; of one time in the order of the log. */
export async function readCommands(
  database: Database,
  { epoch, shard }: { epoch: number; shard: number },
): Promise<Happened[]> {
  const all: Happened[] = [];
  await database.transaction(
    async (sql) => {
      await setLocal(sql, "epoch", epoch);
      await setLocal(sql, "shard", shard);
      const statement = `copy (select ${LEDGER_SELECT} from stock_transaction
        where epoch = current_setting('onhand.epoch')::int4 and shard = current_setting('onhand.shard')::int2
          and cause = 'command' and outcome = 'applied'
        order by seq, index, ordinal) to stdout (format binary)`;
      let last: LedgerRow | undefined;
      await copyOut(sql, statement, LEDGER_READ_TYPES, (values) => {
        const row = readLedgerRow(values);
        // The first row of a command tells all of it.
        if (last?.seq === row.seq && last.index === row.index) return;
        last = row;
        const command = rebuildCommand([row]);
        if (command !== undefined) all.push({ ms: timeOf(row), command });
      });
    },
    { mode: "isolation level repeatable read read only", timeLimitMs: LIMIT_MS },
  );
  // Stable: equal times stay in the order of the log.
  return all.sort((a, b) => a.ms - b.ms);
}

/** When it happened; a void's row has the time of what it undoes. */
const timeOf = (row: LedgerRow): number => (row.type === "void" ? row.appendedAt : row.at);
