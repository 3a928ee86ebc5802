// Asks the ledger, before anything is sent, whether what will be sent first stands there for longer than the log
// recognises repeats (ONHAND_IDENTITY_DAYS): every line would then be taken for a new one. Of a file that came in
// before, the first lines are the oldest; those that a cursor passes over are not sent.

import { OnhandError } from "../../shared/errors.ts";
import type { Command } from "../../shared/messages.ts";
import { commandOf, type RowOptions } from "./row.ts";
import { readRows } from "./rows.ts";
import type { Survey } from "./survey.ts";

/** Each is looked up in every partition of the ledger. */
const LINES_ASKED = 32;

/** A command, by its place among those asked for, and when it was decided last. */
export type Forgotten = { index: number; at: Date };

export type Recogniser = {
  /** The first that the ledger has and the log no longer recognises. @throws OnhandError when the ledger is away. */
  forgotten(commands: readonly Command[]): Promise<Forgotten | undefined>;
};

/** @throws OnhandError `repeats_forgotten`, or what the port throws. */
export async function requireRecognised(
  survey: Survey,
  delimiter: string,
  rowOptions: RowOptions,
  fromLine: number,
  ports: Recogniser,
): Promise<void> {
  const first = await firstCommands(survey, delimiter, rowOptions, fromLine);
  if (first.length === 0) return;
  const found = await ports.forgotten(first.map(({ command }) => command));
  if (found === undefined) return;
  throw new OnhandError(
    "repeats_forgotten",
    `Cannot import ${survey.path}: line ${first[found.index]?.line} came in on ${found.at.toISOString()}, too long ago for ` +
      "a repeat to be recognised (ONHAND_IDENTITY_DAYS), so it would count twice; --again sends it all the same",
  );
}

async function firstCommands(
  survey: Survey,
  delimiter: string,
  rowOptions: RowOptions,
  fromLine: number,
): Promise<{ line: number; command: Command }[]> {
  const found: { line: number; command: Command }[] = [];
  if (fromLine >= survey.lines) return found;
  let isHeader = true;
  for await (const batch of readRows(survey, delimiter)) {
    for (const row of batch) {
      if (!isHeader && row.line > fromLine && "cells" in row) {
        const result = commandOf(row.cells, row.line, rowOptions);
        if ("command" in result) found.push({ line: row.line, command: result.command });
        if (found.length === LINES_ASKED) return found;
      }
      isHeader = false;
    }
  }
  return found;
}
