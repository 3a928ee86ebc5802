// Owns the edge's log lines: warnings and errors, and of one text at most one in ten seconds with the count of
// those left out, so that an outage does not fill a disk.

import { journalOf, openLogger } from "../shared/telemetry.ts";
import type { EdgeLog } from "./ports.ts";

const SAME_LINE_MS = 10_000;
const TEXTS_MAX = 100;

/** @param level least severe line that is written  @param name of this process */
export function edgeLog(level: string, name: string): EdgeLog {
  const journal = journalOf(openLogger(level, "http"), { name });
  const last = new Map<string, { atMs: number; left: number }>();
  /** What to add to a line now, or undefined when it is to be left out. */
  const admitted = (text: string): Record<string, unknown> | undefined => {
    const now = performance.now();
    const seen = last.get(text);
    if (seen !== undefined && now - seen.atMs < SAME_LINE_MS) {
      seen.left += 1;
      return undefined;
    }
    if (last.size >= TEXTS_MAX) last.clear();
    last.set(text, { atMs: now, left: 0 });
    return seen === undefined || seen.left === 0 ? {} : { alsoLeftOut: seen.left };
  };
  return {
    warn(fields, text) {
      const more = admitted(text);
      if (more !== undefined) journal.warn({ ...fields, ...more }, text);
    },
    error(fields, text) {
      const more = admitted(text);
      if (more !== undefined) journal.error({ ...fields, ...more }, text);
    },
  };
}
