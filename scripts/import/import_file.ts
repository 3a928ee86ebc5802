// Sends a sales file through the log and waits until the ledger has it. Promises:
//
// I1. Every good line is decided exactly once, however often the file is sent: its identity is made
//     of the file's digest and the line number, and a repeat gets its first decision again. Where the file has
//     ids of its own, a second line of the same (location, SKU, id) is no good line: it is told, not sent.
// I2. Nothing is sent before the file proved readable to its end and its header complete, and the ledger was asked
//     whether its lines came in so long ago that they would not be recognised.
// I3. At most IMPORT_IN_FLIGHT_MAX lines are between sent and decided; the file is never in memory.
// I4. It is over when each line has its decision and the ledger's commit and checkpoint cover it.

import { setTimeout as sleep } from "node:timers/promises";
import { OnhandError } from "../../shared/errors.ts";
import { IMPORT_OWN_IDS_MAX } from "../../shared/limits.ts";
import type { Cursor } from "./cursor.ts";
import { type Layout, layoutOf } from "./fields.ts";
import { type Decider, ImportRun } from "./import_run.ts";
import { LineIdentities } from "./line_identities.ts";
import { timeReader } from "./local_time.ts";
import { minorDigits } from "./money.ts";
import { type Recogniser, requireRecognised } from "./recognised.ts";
import type { Rejects } from "./rejects.ts";
import type { RowOptions } from "./row.ts";
import { readRows, requireReadable } from "./rows.ts";
import { badFile, requireUnchanged, type Survey } from "./survey.ts";

/** How far a shard's work is in Postgres. */
export type ShardProgress = { shard: number; committedSeq: number; checkpointSeq: number };

/** What an import needs of the system. */
export type ImportPorts = Decider &
  Recogniser & {
    /** Last sequence of each shard's log, by shard. */
    logEnds(): Promise<number[]>;
    progress(): Promise<ShardProgress[]>;
  };

export type ImportOptions = {
  map: ReadonlyMap<string, string>;
  zone: string;
  delimiter: string;
  currency?: string;
  location?: string;
  /** Parse and count only; nothing is sent. */
  dryRun?: boolean;
};

/** What is told while it runs. `sent` of `lines` data lines are behind. */
export type ImportProgress = { lines: number; read: number; decided: number; rejected: number };

export type ImportOutcome = {
  /** Data lines read, bad ones included. */
  rows: number;
  /** Commands by type, of the lines read. */
  types: Record<string, number>;
  /** Lines this run brought in. */
  applied: number;
  /** Lines an earlier run had brought in. */
  alreadyThere: number;
  rejected: number;
  /** Lines sent more than once because no decision came. */
  sentAgain: number;
  /** False when it was stopped before the end. */
  complete: boolean;
  /** Every line up to this one is decided. */
  decidedToLine: number;
  /** From the first line read: to the last decision, the last commit, the last checkpoint. */
  decidedMs: number;
  committedMs?: number;
  checkpointMs?: number;
};

const POLL_MS = 50;
const CURSOR_EVERY_MS = 1_000;
/** How long the end waits for the commit of what is decided, for the sake of the cursor. */
const CURSOR_LAST_MS = 3_000;
const STOP_GRACE_MS = 5_000;

/** @throws OnhandError `bad_file`, `bad_header`, `usage` (the map), `repeats_forgotten`, or what the ports throw for good. */
export async function importFile(
  survey: Survey,
  options: ImportOptions,
  ports: ImportPorts,
  rejects: Rejects,
  cursor: Cursor,
  signal: AbortSignal,
  onProgress: (progress: ImportProgress) => void,
): Promise<ImportOutcome> {
  await requireReadable(survey, options.delimiter);
  const rowOptions = await readHeader(survey, options);
  if (!options.dryRun)
    await requireRecognised(survey, options.delimiter, rowOptions, cursor.line, ports);
  const run = new ImportRun(ports, rejects, {
    before: options.dryRun ? [] : await ports.logEnds(),
    identities: rowOptions.layout.at.id === undefined ? undefined : identitiesOf(survey),
    signal,
  });
  const startedMs = performance.now();
  const sinceStart = () => Math.round(performance.now() - startedMs);
  const tell = () => onProgress({ lines: survey.lines - 1, ...run.counts() });
  const keeper = options.dryRun ? undefined : keepCursor(run, ports, cursor);
  try {
    await sendRows(survey, options, rowOptions, run, cursor.line, signal, tell);
    const complete = !signal.aborted;
    await run.settled(complete ? undefined : STOP_GRACE_MS);
    const decidedMs = sinceStart();
    tell();
    const outcome = { ...run.outcome(), complete, decidedMs };
    if (!complete || signal.aborted || options.dryRun)
      return { ...outcome, complete: !signal.aborted };
    await requireUnchanged(survey);
    const covered = await untilCovered(run, ports, signal, sinceStart);
    return { ...outcome, ...covered, complete: !signal.aborted };
  } finally {
    await keeper?.stop();
  }
}

async function readHeader(survey: Survey, options: ImportOptions): Promise<RowOptions> {
  const layout = await headerLayout(survey, options);
  return {
    layout,
    idPrefix: `imp-${survey.digest.slice(0, 16)}`,
    readTime: timeReader(options.zone),
    priceDigits: minorDigits(options.currency),
    ...(options.currency === undefined ? {} : { currency: options.currency }),
    ...(options.location === undefined ? {} : { location: options.location }),
  };
}

async function headerLayout(survey: Survey, options: ImportOptions): Promise<Layout> {
  for await (const [header] of readRows(survey, options.delimiter)) {
    if (header === undefined) continue;
    if (!("cells" in header)) throw badFile(survey.path, `line ${header.line}: ${header.fault}`);
    const layout = layoutOf(header.cells, options);
    if ("fault" in layout) {
      const code = layout.ofMap ? "usage" : "bad_header";
      throw new OnhandError(code, `Cannot import ${survey.path}: ${layout.fault}`);
    }
    return layout;
  }
  throw badFile(survey.path, "found only blank lines, expected a header row");
}

/** @throws OnhandError `bad_file` when there are more lines than are kept in mind. */
function identitiesOf(survey: Survey): LineIdentities {
  if (survey.lines <= IMPORT_OWN_IDS_MAX) return new LineIdentities(survey.lines);
  throw badFile(
    survey.path,
    `found ${survey.lines} lines with ids of their own, expected at most ${IMPORT_OWN_IDS_MAX}; split the file`,
  );
}

async function sendRows(
  survey: Survey,
  options: ImportOptions,
  rowOptions: RowOptions,
  run: ImportRun,
  fromLine: number,
  signal: AbortSignal,
  tell: () => void,
): Promise<void> {
  let isHeader = true;
  for await (const batch of readRows(survey, options.delimiter)) {
    for (const row of batch) {
      if (isHeader) {
        isHeader = false;
        continue;
      }
      if (signal.aborted) return;
      const command = run.take(row, rowOptions);
      if (command === undefined || options.dryRun) continue;
      if (row.line <= fromLine) run.skip(row.line);
      else await run.send(row.line, command);
    }
    tell();
  }
}

/** Keeps the cursor file a step behind what is decided and committed. */
function keepCursor(run: ImportRun, ports: ImportPorts, cursor: Cursor) {
  let mark = run.mark();
  let stopped = false;
  const step = async () => {
    const progress = await ports.progress();
    if (!covers(progress, mark.ends, "committedSeq")) return false;
    // Of a file whose every line was refused nothing is there: it may be read in another way next time.
    if (run.counts().decided > 0) cursor.save(mark.line);
    mark = run.mark();
    return true;
  };
  const loop = (async () => {
    for (let waitedMs = 0; !stopped; waitedMs += POLL_MS) {
      await sleep(POLL_MS);
      if (waitedMs % CURSOR_EVERY_MS !== 0) continue;
      // Without Postgres there is no cursor for a while; identities make sending again safe.
      await step().catch(() => {});
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await loop;
      mark = run.mark();
      for (let waitedMs = 0; waitedMs < CURSOR_LAST_MS && !(await step().catch(() => false)); ) {
        await sleep(POLL_MS);
        waitedMs += POLL_MS;
      }
    },
  };
}

async function untilCovered(
  run: ImportRun,
  ports: ImportPorts,
  signal: AbortSignal,
  sinceStart: () => number,
): Promise<{ committedMs?: number; checkpointMs?: number }> {
  const { ends } = run.mark();
  let committedMs: number | undefined;
  while (!signal.aborted) {
    const progress = await ports.progress().catch(() => []);
    if (committedMs === undefined && covers(progress, ends, "committedSeq"))
      committedMs = sinceStart();
    if (committedMs !== undefined && covers(progress, ends, "checkpointSeq"))
      return { committedMs, checkpointMs: sinceStart() };
    await sleep(POLL_MS);
  }
  return committedMs === undefined ? {} : { committedMs };
}

function covers(
  progress: readonly ShardProgress[],
  ends: ReadonlyMap<number, number>,
  what: "committedSeq" | "checkpointSeq",
): boolean {
  const reached = new Map(progress.map((one) => [one.shard, one[what]]));
  for (const [shard, seq] of ends) if ((reached.get(shard) ?? 0) < seq) return false;
  return true;
}
