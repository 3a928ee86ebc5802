// `onhand import FILE.csv[.gz]`: streams any sales file through the log. What is done and promised
// stands in scripts/import/import_file.ts; here are the options, the bar and the summary.

import { basename, join } from "node:path";
import { Presets, SingleBar } from "cli-progress";
import type { Command } from "commander";
import {
  type CommonOptions,
  configFrom,
  newCommand,
  printResult,
  progress,
  ResultIsNo,
  runningSystem,
  usageError,
} from "../command_line.ts";
import { type CursorOf, NO_CURSOR, openCursor } from "../import/cursor.ts";
import { parseMap } from "../import/fields.ts";
import {
  type ImportOptions,
  type ImportOutcome,
  type ImportProgress,
  importFile,
} from "../import/import_file.ts";
import { timeReader } from "../import/local_time.ts";
import { isSameFile, type Reject, Rejects, unwritable } from "../import/rejects.ts";
import { type Survey, surveyFile } from "../import/survey.ts";
import { openSystem, type SystemPorts } from "../import/system_ports.ts";
import { INTERRUPTED, stopOnSignal } from "../stop_on_signal.ts";

type ImportCommandOptions = CommonOptions & {
  map?: string;
  zone: string;
  delimiter: string;
  currency?: string;
  location?: string;
  rejects?: string;
  allowRejects?: boolean;
  cursor: boolean;
  again?: boolean;
  dryRun?: boolean;
};

export type ImportReport = ImportOutcome & {
  file: string;
  digest: string;
  resumedAtLine: number;
  rowsPerSecond: number;
  rejects: Reject[];
  rejectsFile: string | null;
  stopped: boolean;
  dryRun: boolean;
};

export function command(): Command {
  return newCommand("import", "stream a sales file through the log; safe to repeat")
    .argument("<file>", "CSV or gzipped CSV with a header row, UTF-8")
    .option("--map <columns>", "column=field, with commas: timestamp=at,invoice=ref,…")
    .option("--zone <zone>", "time zone of times without one", "UTC")
    .option("--currency <code>", "currency of the prices (minor units: 4.25 is 425)")
    .option("--location <name>", "one location for all rows, when the file has no such column")
    .option("--delimiter <character>", "between columns; \\t for a tab", ",")
    .option("--rejects <file>", "where to list bad rows (default: in the data directory)")
    .option("--allow-rejects", "exit 0 even when rows were rejected")
    .option("--no-cursor", "send every row again, also those known to be there")
    .option("--again", "bring in again what came in too long ago to be recognised")
    .option("--dry-run", "read and check the file; send nothing")
    .addHelpText("after", HELP)
    .action(runImport);
}

const HELP = `
Fields: at, ref, sku, location, qty, price, id, type, channel, reason; none ignores a column.
Known without --map: timestamp, invoice, sku, location, qty, unit_price.
A positive qty is a sale, a negative one a return, a row with price 0 an adjust. With a type column
(sale, return, receipt, adjust, count) qty is what that type says. Rows are history: no reorders.
Each row's identity is the file's digest and its line number, so nothing is counted twice. With a
column for id it is (location, sku, id): a second row of the same is rejected, with its line.
Repeats are recognised for ONHAND_IDENTITY_DAYS (90). The ledger is asked about the first rows to be
sent: if they came in longer ago, nothing is sent without --again.`;

async function runImport(file: string, options: ImportCommandOptions): Promise<void> {
  const importOptions = checkOptions(options);
  if (options.rejects !== undefined) checkRejects(options.rejects, file);
  const survey = await surveyFile(file);
  const common = options.data === undefined ? {} : { data: options.data };
  const { data, identityDays } = configFrom(common);
  const system = options.dryRun
    ? undefined
    : await openSystem(runningSystem(common).endpoints, identityDays);
  if (system !== undefined && options.again) system.forgotten = NOBODY.forgotten;
  try {
    // What a dry run leaves stands beside what a real one left.
    const name = `${survey.digest.slice(0, 16)}${options.dryRun ? ".dry" : ""}`;
    const base = join(data, "imports", name);
    await importSurveyed(file, survey, base, system, importOptions, options);
  } finally {
    await system?.close();
  }
}

/** @param base path of what is kept of this file, without its end */
async function importSurveyed(
  file: string,
  survey: Survey,
  base: string,
  system: SystemPorts | undefined,
  importOptions: ImportOptions,
  options: ImportCommandOptions,
): Promise<void> {
  const of: CursorOf = {
    source: [survey.digest, system?.logIdentity],
    reading: { ...importOptions, map: [...importOptions.map] },
  };
  const cursor =
    options.cursor && system !== undefined ? openCursor(`${base}.cursor.json`, of) : NO_CURSOR;
  const rejects = new Rejects(options.rejects ?? `${base}.rejects.csv`);
  const signal = stopOnSignal();
  const bar = startBar(basename(file), survey.lines - 1);
  if (cursor.line > 0) progress(`going on after line ${cursor.line} of ${survey.lines}`);
  try {
    const outcome = await importFile(
      survey,
      importOptions,
      system ?? NOBODY,
      rejects,
      cursor,
      signal,
      bar.update,
    );
    bar.stop();
    if (outcome.complete) rejects.complete();
    const report: ImportReport = {
      file,
      digest: survey.digest,
      ...outcome,
      resumedAtLine: cursor.line,
      rowsPerSecond: Math.round(outcome.rows / Math.max(0.001, outcome.decidedMs / 1000)),
      rejects: rejects.first,
      rejectsFile: rejects.count > 0 ? rejects.path : null,
      stopped: !outcome.complete,
      dryRun: system === undefined,
    };
    printResult(options, report, summary);
    if (!outcome.complete) process.exitCode = INTERRUPTED;
    else if (rejects.count > 0 && !options.allowRejects) throw new ResultIsNo();
  } finally {
    bar.stop();
    rejects.close();
  }
}

/** Ports of a dry run: nothing may be sent. */
const NOBODY: Omit<SystemPorts, "logIdentity" | "close"> = {
  decide: () => Promise.reject(usageError("A dry run sends nothing")),
  forgotten: async () => undefined,
  logEnds: async () => [],
  progress: async () => [],
};

/** @throws a usage error when the list cannot be written: not at the first bad row, when others were sent. */
function checkRejects(path: string, file: string): void {
  const fault =
    unwritable(path) ??
    (isSameFile(path, file) ? `${path} is the imported file itself` : undefined);
  if (fault !== undefined) throw usageError(`Cannot write --rejects: ${fault}`);
}

/** @throws usage errors before anything is opened. */
function checkOptions(options: ImportCommandOptions): ImportOptions {
  const map = options.map === undefined ? new Map<string, string>() : parseMap(options.map);
  if ("fault" in map) throw usageError(`Cannot read --map: ${map.fault}`);
  const delimiter = options.delimiter === "\\t" ? "\t" : options.delimiter;
  if (delimiter.length !== 1 || delimiter === '"')
    throw usageError(`Cannot read --delimiter: found "${delimiter}", expected one character`);
  timeReader(options.zone); // refuses a zone there is none of
  if (options.currency !== undefined && !/^[A-Z]{3}$/.test(options.currency))
    throw usageError(`Cannot read --currency: found "${options.currency}", expected e.g. GBP`);
  return {
    map,
    delimiter,
    zone: options.zone,
    ...(options.currency === undefined ? {} : { currency: options.currency }),
    ...(options.location === undefined ? {} : { location: options.location }),
    ...(options.dryRun === undefined ? {} : { dryRun: options.dryRun }),
  };
}

const PLAIN_EVERY_MS = 2_000;

/** A bar on a terminal, else a plain line now and then; both on stderr. */
function startBar(name: string, lines: number) {
  if (process.stderr.isTTY !== true) {
    let toldMs = performance.now();
    const update = ({ decided, rejected }: ImportProgress) => {
      if (performance.now() - toldMs < PLAIN_EVERY_MS) return;
      toldMs = performance.now();
      progress(`${decided} of ${lines} rows decided, ${rejected} rejected`);
    };
    return { update, stop: () => {} };
  }
  const format = `${name} {bar} {percentage}% | {value}/{total} rows | {rejected} rejected | {eta_formatted} left`;
  const bar = new SingleBar(
    { format, stream: process.stderr, hideCursor: true, etaBuffer: 200 },
    Presets.shades_classic,
  );
  bar.start(lines, 0, { rejected: 0 });
  return {
    update: ({ decided, rejected }: ImportProgress) => bar.update(decided + rejected, { rejected }),
    stop: () => bar.stop(),
  };
}

/** The report for people. */
export function summary(report: ImportReport): string {
  const types = Object.entries(report.types).map(([type, n]) => `${number(n)} ${type}`);
  const head = `${report.file}: ${number(report.rows)} rows (${types.join(", ") || "none good"})`;
  const lines = report.dryRun
    ? [head, `  ${number(report.rejected)} bad; nothing was sent`]
    : [
        head,
        `  ${number(report.applied)} brought in, ${number(report.alreadyThere)} were there already, ` +
          `${number(report.rejected)} rejected${report.sentAgain > 0 ? `; ${number(report.sentAgain)} sent again` : ""}`,
        `  decided in ${seconds(report.decidedMs)} (${number(report.rowsPerSecond)} rows/s)` +
          (report.committedMs === undefined
            ? ""
            : `, in the ledger after ${seconds(report.committedMs)}`) +
          (report.checkpointMs === undefined
            ? ""
            : `, last checkpoint after ${seconds(report.checkpointMs)}`),
      ];
  for (const { line, why } of report.rejects) lines.push(`  line ${line}: ${why}`);
  if (report.rejected > report.rejects.length)
    lines.push(`  … and ${number(report.rejected - report.rejects.length)} more`);
  if (report.rejectsFile !== null) lines.push(`  all rejects: ${report.rejectsFile}`);
  if (report.stopped)
    lines.push(
      `  stopped: every line up to ${report.decidedToLine} is decided.`,
      "  Give the same command again to go on; nothing is counted twice.",
    );
  return lines.join("\n");
}

const number = (n: number): string => n.toLocaleString("en-US");
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
