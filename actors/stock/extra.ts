// Pure.
// The fields of a command that no column of the ledger takes, as JSON text, so that the command can be rebuilt
// from its rows (rebuild.ts); and of a refused hold the lines that were short, so that a repeat can be told them.

import type { DecisionLine } from "../../shared/decisions.ts";
import { formatTime } from "../../shared/time.ts";
import { type Command, EXTEND, FIRM, HOLD, NO_TIME, VOID } from "./command.ts";
import type { KeyState } from "./state.ts";

/** Fields with a column of their own, or told by the row's other columns. */
const COVERED = new Set([
  "type",
  "id",
  "sku",
  "location",
  "at",
  "qty",
  "counted",
  "ordered",
  "channel",
  "ref",
  "price",
  "cost",
  "currency",
  "hold",
  "backfill",
  "qtyChange",
  "warehouseId",
  "timestamp",
]);

/** A line that was short: its number among those asked for, units missing, and what was available there, if anything ever was. */
export type ShortLine = {
  line: number;
  sku: string;
  location: string;
  short: number;
  available?: number;
};

/** JSON text, or null when the columns tell all. `key` is where the row stands, `lines` those of a refusal. */
export function extraOf(
  now: number,
  c: Command,
  key: KeyState,
  lines: readonly DecisionLine[] | null,
): string | null {
  const elsewhere = c.location !== key.location || c.sku !== key.sku.sku;
  // `at` is told by the row unless it was bounded, or was given and is just log time; a void's row has
  // the time of what it undoes.
  const given = c.givenAtMs !== NO_TIME;
  const tellAt = given && (c.givenAtMs !== c.atMs || c.atMs === now || c.type === VOID);
  const plain = !c.hasMore && !elsewhere && !tellAt && c.bucket === null && lines === null;
  if (plain) {
    if (c.type !== HOLD && c.type !== EXTEND) return null;
    return `{"ttlMs":${c.ttlMs === FIRM ? "null" : c.ttlMs}}`;
  }
  return fullExtra(c, key, tellAt, lines);
}

function fullExtra(
  c: Command,
  key: KeyState,
  tellAt: boolean,
  lines: readonly DecisionLine[] | null,
): string | null {
  const extra: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(c.raw)) if (!COVERED.has(name)) extra[name] = value;
  // The fast decoder keeps no raw fields.
  if (c.type === HOLD || c.type === EXTEND) extra.ttlMs = c.ttlMs === FIRM ? null : c.ttlMs;
  if (c.location !== key.location) extra.location = c.location;
  if (c.sku !== key.sku.sku) extra.sku = c.sku;
  if (tellAt) extra.at = formatTime(c.givenAtMs);
  const short = lines === null ? [] : shortLines(lines);
  if (short.length > 0) extra.short = short;
  const text = JSON.stringify(extra);
  return text === "{}" ? null : text;
}

function shortLines(lines: readonly DecisionLine[]): ShortLine[] {
  const all = lines.map(({ sku, location, short, level }, line) => ({
    ...{ line, sku, location, short },
    ...(level === undefined ? {} : { available: level.available }),
  }));
  return all.filter(({ short }) => short > 0);
}
