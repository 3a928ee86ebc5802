// Pure.
// Decisions as JSON text: JSON.stringify of a `Decision`, its fields in the same order, the level as the level message
// of the key has it. Made only for those who asked.

import type { Decision, DecisionLine } from "../../shared/decisions.ts";
import type { Command } from "./command.ts";
import { isPlain } from "./json_text.ts";
import { levelJson } from "./level_text.ts";
import { APPLIED, reasonName } from "./reasons.ts";
import type { Shard } from "./shard.ts";

/** The decision of `c` at `s.place`, just taken. */
export function decisionText(s: Shard, c: Command, reason: number): string {
  const outcome = reason === APPLIED ? "applied" : "rejected";
  const head = `${headText(s, c, outcome)},"level":${levelJson(s, s.place)}`;
  const lines = s.placed.length > 0 ? placedLines(s) : s.lines;
  const firm = s.firmLines > 0 && s.firmLines === (c.raw.lines?.length ?? 1);
  if (reason === APPLIED && s.detail === null && lines === null && !firm) return `${head}}`;
  const tail: Partial<Decision> = {};
  if (reason !== APPLIED) tail.reason = reasonName(reason);
  if (s.detail !== null) tail.detail = s.detail;
  if (lines !== null) tail.lines = lines;
  if (firm) tail.firm = true;
  return `${head},${JSON.stringify(tail).slice(1)}`;
}

/** A tick lets time pass: it tells the level of its key when there is one. */
export function tickText(s: Shard, c: Command): string {
  const key = s.key(c.sku, c.location);
  const head = headText(s, c, "applied");
  return s.isKept(key) ? `${head},"level":${levelJson(s, key)}}` : `${head}}`;
}

function headText(s: Shard, c: Command, outcome: "applied" | "rejected"): string {
  const id = c.id as string;
  // What the fast decoder took, and what was minted, needs no escapes.
  const start = c.name === null && !isPlain(id) ? `{"id":${JSON.stringify(id)}` : `{"id":"${id}"`;
  return start + s.texts.place(s, outcome);
}

function placedLines(s: Shard): DecisionLine[] {
  return s.placed.map(({ hold: { key }, qty }) => ({
    sku: key.sku.sku,
    location: key.location,
    qty,
    short: 0,
    level: s.level(key),
  }));
}
