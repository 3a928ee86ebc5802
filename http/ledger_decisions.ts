// Pure.
// Decisions made again from the ledger: what a caller was told, but for what only rules know (`atp`,
// `inventoryPosition`); of the lines of a refusal those that were short.

import type { Decision, DecisionLine, LedgerLevel } from "../shared/decisions.ts";
import { ANY_LOCATION } from "../shared/ids.ts";
import { levelOfRow, type Row, timeOf } from "./ledger_rows.ts";

/** A line that was short, as the stock machine leaves it with the row of a refusal. */
type ShortLine = Omit<DecisionLine, "qty" | "level"> & { line: number };

/** The decision taken at a position, or undefined when no command was. @param rows all of the position's, by ordinal */
export function decisionOf(rows: readonly Row[]): Decision | undefined {
  const row = rows.find(isOfCommand);
  if (row === undefined) return undefined;
  const lines = row.outcome === "applied" ? placedLines(rows) : shortLines(row);
  return {
    id: String(row.id),
    outcome: row.outcome as "applied" | "rejected",
    ...(row.reason === null ? {} : { reason: row.reason as NonNullable<Decision["reason"]> }),
    epoch: Number(row.epoch),
    shard: Number(row.shard),
    seq: Number(row.seq),
    index: Number(row.index),
    at: timeOf(row.appended_at),
    level: levelAfter(rows, row),
    ...(lines === undefined ? {} : { lines }),
  };
}

/** The decisions of several positions. @param rows of each position all, in order of the ledger */
export function decisionsOf(rows: readonly Row[]): Decision[] {
  const placeOf = ({ epoch, shard, seq, index }: Row) => `${epoch}.${shard}.${seq}.${index}`;
  const byPlace = Map.groupBy(rows, placeOf);
  return [...byPlace.values()].map(decisionOf).filter((decision) => decision !== undefined);
}

const isOfCommand = (row: Row): boolean => row.cause === "command";

/** The level of a row's key once the whole command was applied: what it set off there is booked after it. */
function levelAfter(rows: readonly Row[], { sku, location }: Row): LedgerLevel {
  const last = rows.findLast((row) => row.sku === sku && row.location === location);
  return levelOfRow(last as Row);
}

/** The lines of a refused hold that were short, in order; undefined when none was, or the ledger does not say. */
function shortLines({ extra, qty }: Row): DecisionLine[] | undefined {
  const { lines, short } = (extra ?? {}) as { lines?: { qty: number }[]; short?: ShortLine[] };
  return short?.map(({ line, ...of }) => ({ ...of, qty: lines?.[line]?.qty ?? Number(qty) }));
}

/** The lines of a hold that had several or let the actor choose: a row each, in order; its other rows follow. */
function placedLines(rows: readonly Row[]): DecisionLine[] | undefined {
  const own = rows.filter(isOfCommand);
  const first = own[0] as Row;
  if (first.type !== "hold" || first.outcome !== "applied") return undefined;
  const asked = (first.extra ?? {}) as { lines?: { qty: number }[]; location?: string };
  if (asked.lines === undefined && asked.location !== ANY_LOCATION) return undefined;
  const qtys = asked.lines?.map(({ qty }) => qty) ?? [Number(first.qty)];
  return own.slice(0, qtys.length).map((row, i) => ({
    sku: String(row.sku),
    location: String(row.location),
    qty: qtys[i] as number,
    short: 0,
    level: levelAfter(rows, row),
  }));
}
