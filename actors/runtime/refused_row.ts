// Pure.
// The dead letter of a ledger row whose payload Postgres refused.

import type { DeadLetter } from "../../shared/effects.ts";
import { COPY_HEADER, CopyReader } from "../../shared/postgres_binary.ts";
import { formatTime } from "../../shared/time.ts";
import { LEDGER_READ_TYPES, readLedgerRow } from "./ledger_codec.ts";
import type { LedgerRow } from "./ledger_row.ts";
import type { OutboxRow } from "./ports.ts";

/** Source of such dead letters, and their subject. */
const SOURCE = "ledger";
const SUBJECT = "inv.dead.ledger";
const PAYLOAD_LENGTH_MAX = 16_000;

/** The letter for the outbox under `number`; its id is made from the row's position. */
export function refusedRowLetter(tuple: Buffer, error: Error, number: number): OutboxRow {
  let row: LedgerRow | undefined;
  new CopyReader(LEDGER_READ_TYPES, (values) => {
    row = readLedgerRow(values);
  }).push(Buffer.concat([COPY_HEADER, tuple]));
  const { epoch, shard, seq, index, ordinal, sku, location, appendedAt } = row as LedgerRow;
  const text = JSON.stringify(row);
  const effectId = `dead/${location}/${sku}/${epoch}.${shard}.${seq}.${index}.${ordinal}/ledger`;
  const letter: DeadLetter = {
    id: effectId,
    epoch,
    shard,
    seq,
    index,
    sku,
    location,
    at: formatTime(appendedAt),
    source: SOURCE,
    reason: "row_refused",
    detail: error.message,
    subject: SUBJECT,
    payload: text.slice(0, PAYLOAD_LENGTH_MAX),
    payloadBytes: Buffer.byteLength(text),
  };
  return { number, effectId, kind: "dead", subject: SUBJECT, payload: JSON.stringify(letter) };
}
