// Pure.
// Owns how the decisions of an entry become one message, which NATS takes up to a size: what the ledger can tell
// as well is left out before nobody is told anything.

import type { Decision } from "../../shared/decisions.ts";
import { utf8Length } from "../../shared/ids.ts";
import { REPLY_BYTES_MAX } from "../../shared/limits.ts";

/** `decisions` (JSON) as one, or as a list; if too large without the lines of holds, and if still too large without levels. */
export function replyText(
  decisions: readonly string[],
  isList: boolean,
  bytesMax = REPLY_BYTES_MAX,
): string {
  const text = isList ? `[${decisions.join(",")}]` : (decisions[0] as string);
  if (fits(text, bytesMax)) return text;
  const all = decisions.map((decision) => JSON.parse(decision) as Decision);
  for (const one of all) delete one.lines;
  const shorter = JSON.stringify(isList ? all : all[0]);
  if (fits(shorter, bytesMax)) return shorter;
  for (const one of all) delete one.level;
  return JSON.stringify(isList ? all : all[0]);
}

/** A code unit has at most three bytes: most texts need no counting. */
function fits(text: string, bytesMax: number): boolean {
  return text.length * 3 <= bytesMax || utf8Length(text) <= bytesMax;
}
