// Pure.
// The fields of a command that no column of the ledger takes, as JSON text, so that the command can be rebuilt
// from its rows (rebuild.ts).

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

/** JSON text, or null when the columns tell all. `key` is where the row stands. */
export function extraOf(now: number, c: Command, key: KeyState): string | null {
  const elsewhere = c.location !== key.location || c.sku !== key.sku.sku;
  // `at` is told by the row unless it was bounded, or was given and is just log time; a void's row has
  // the time of what it undoes.
  const given = c.givenAtMs !== NO_TIME;
  const tellAt = given && (c.givenAtMs !== c.atMs || c.atMs === now || c.type === VOID);
  const plain = !c.hasMore && !elsewhere && !tellAt && c.bucket === null;
  if (plain) {
    if (c.type !== HOLD && c.type !== EXTEND) return null;
    return `{"ttlMs":${c.ttlMs === FIRM ? "null" : c.ttlMs}}`;
  }
  return fullExtra(c, key, tellAt);
}

function fullExtra(c: Command, key: KeyState, tellAt: boolean): string | null {
  const extra: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(c.raw)) if (!COVERED.has(name)) extra[name] = value;
  // The fast decoder keeps no raw fields.
  if (c.type === HOLD || c.type === EXTEND) extra.ttlMs = c.ttlMs === FIRM ? null : c.ttlMs;
  if (c.location !== key.location) extra.location = c.location;
  if (c.sku !== key.sku.sku) extra.sku = c.sku;
  if (tellAt) extra.at = formatTime(c.givenAtMs);
  const text = JSON.stringify(extra);
  return text === "{}" ? null : text;
}
