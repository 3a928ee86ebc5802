// Owns the note of how far an import came, so that going on need not send again what the ledger has.
// It is only ever a saving: without it, or with a note that is not for this file and log, everything is sent again
// and nothing is counted twice (or all of it refused: recognised.ts). And it tells when lines of this file came in read in another way: sent again,
// each of them would be refused as another content under its identity, with a dead letter for each.

import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { usageError } from "../command_line.ts";
import { makeDirectory } from "../make_directory.ts";

export type Cursor = {
  /** Every line up to this one was decided and committed; 0 for none. */
  readonly line: number;
  save(line: number): void;
};

/** What a note is of. */
export type CursorOf = {
  /** File and log. Another one makes the note void. */
  source: unknown;
  /** How its lines are read. */
  reading: unknown;
};

type Note = { source: string; reading: string; line: number };

/**
 * @param path the note's file
 * @throws a usage error when lines of the same source came in read in another way
 */
export function openCursor(path: string, of: CursorOf): Cursor {
  const source = digestOf(of.source);
  const reading = digestOf(of.reading);
  const note = readNote(path);
  const line = note?.source === source ? note.line : 0;
  if (line > 0 && note?.reading !== reading) {
    throw usageError(
      `Cannot import: lines up to ${line} of this file are in the log with other options. A line comes in once: give ` +
        "the same options, or --no-cursor to send all of them (those that differ are refused)",
    );
  }
  let saved = line;
  return {
    line,
    save: (next) => {
      if (next <= saved) return;
      saved = next;
      makeDirectory(dirname(path));
      writeFileSync(`${path}.new`, `${JSON.stringify({ source, reading, line: next })}\n`);
      renameSync(`${path}.new`, path);
    },
  };
}

/** A cursor that knows and keeps nothing. */
export const NO_CURSOR: Cursor = { line: 0, save: () => {} };

const digestOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex");

function readNote(path: string): Note | undefined {
  try {
    const note = JSON.parse(readFileSync(path, "utf8")) as Note | null;
    return Number.isSafeInteger(note?.line) ? (note as Note) : undefined;
  } catch {
    return undefined;
  }
}
