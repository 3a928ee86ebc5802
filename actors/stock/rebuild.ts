// Pure.
// The command and its decision, made again from the rows of its position: what the ledger keeps is enough to fold
// it again as far back as it is kept. `rows` are all rows of one (epoch, shard, seq, index), by ordinal.

import type { Decision } from "../../shared/decisions.ts";
import { formatTime } from "../../shared/time.ts";
import { formatVersion } from "../../shared/version.ts";
import type { LedgerRow } from "../runtime/ledger_row.ts";
import { lastRowOf } from "./decide.ts";
import { ledgerLevel } from "./level.ts";
import { reasonName, reasonNumber } from "./reasons.ts";

/** A command as JSON would carry it. */
export type RebuiltCommand = Record<string, unknown> & {
  type: string;
  id: string;
  sku: string;
  location: string;
};

/** Name of the field that the column `qty` keeps, by type; `adjust` keeps its delta in `extra`. */
const QTY_NAME: Readonly<Record<string, string>> = { count: "counted", order: "ordered" };

/** The command, or undefined when the position had none of its own: time passed, a repeat, a tick. */
export function rebuildCommand(rows: readonly LedgerRow[]): RebuiltCommand | undefined {
  const row = commandRow(rows);
  if (row === undefined) return undefined;
  // What was short is no part of the command.
  const { short: _, ...extra } = JSON.parse(row.extra ?? "{}") as Record<string, unknown>;
  const command: Record<string, unknown> = {
    type: row.type,
    id: row.id,
    sku: row.sku,
    location: row.location,
    ...timeOf(row),
  };
  const qty = row.type === "adjust" ? null : row.qty;
  if (qty !== null) command[QTY_NAME[row.type] ?? "qty"] = qty;
  const columns = { channel: row.channel, ref: row.ref, price: row.price, cost: row.cost };
  for (const [name, value] of Object.entries({ ...columns, currency: row.currency })) {
    if (value !== null) command[name] = value;
  }
  if (row.hold !== null) command.hold = row.hold;
  if (row.backfill) command.backfill = true;
  return { ...command, ...extra } as RebuiltCommand;
}

/** The decision as a repeat is answered, without the mark of a repeat; undefined as above. */
export function rebuildDecision(rows: readonly LedgerRow[]): Decision | undefined {
  const row = commandRow(rows);
  if (row === undefined) return undefined;
  const at = formatTime(row.appendedAt);
  const version = formatVersion(row.epoch, row.seq, row.index);
  const decision: Decision = {
    id: (rebuildCommand(rows) as RebuiltCommand).id,
    outcome: row.outcome,
    epoch: row.epoch,
    shard: row.shard,
    seq: row.seq,
    index: row.index,
    at,
    level: ledgerLevel(row, lastRowOf(rows, row), version, at),
  };
  if (row.reason !== null) decision.reason = reasonName(reasonNumber(row.reason));
  return decision;
}

function commandRow(rows: readonly LedgerRow[]): LedgerRow | undefined {
  return rows.find((row) => row.cause === "command");
}

/** When it said it happened; `extra.at` stands in front of this. */
function timeOf(row: LedgerRow): { at?: string } {
  if (row.type === "void" || row.at === row.appendedAt) return {};
  return { at: formatTime(row.at) };
}
