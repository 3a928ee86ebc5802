// Owns the note of how far an import came, so that going on need not send again what the ledger has.
// It is only ever a saving: without it, or with a note that is not for this file, mapping and log,
// everything is sent again and nothing is counted twice.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export type Cursor = {
  /** Every line up to this one was decided and committed; 0 for none. */
  readonly line: number;
  save(line: number): void;
};

/**
 * @param path the note's file
 * @param about what it is a note of: file, mapping, log. Another one makes the note void.
 */
export function openCursor(path: string, about: unknown): Cursor {
  const key = createHash("sha256").update(JSON.stringify(about)).digest("hex");
  const line = readLine(path, key);
  let saved = line;
  return {
    line,
    save: (next) => {
      if (next <= saved) return;
      saved = next;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.new`, `${JSON.stringify({ key, line: next })}\n`);
      renameSync(`${path}.new`, path);
    },
  };
}

/** A cursor that knows and keeps nothing. */
export const NO_CURSOR: Cursor = { line: 0, save: () => {} };

function readLine(path: string, key: string): number {
  try {
    const note = JSON.parse(readFileSync(path, "utf8")) as { key?: unknown; line?: unknown };
    const isOurs = note.key === key && Number.isSafeInteger(note.line);
    return isOurs ? Math.max(0, note.line as number) : 0;
  } catch {
    return 0;
  }
}
