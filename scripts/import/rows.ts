// The second pass over a sales file: its rows with their line numbers, in batches, never more than a
// batch in memory. Files without a quote are split by our own fast splitter; others by csv-parse
// (RFC 4180), where a record may span lines and counts by its first. Either way a line ends in LF or
// CRLF, also both in one file, and is counted by its LF.

import { isUtf8 } from "node:buffer";
import { CsvError, type Info, type Options, Parser } from "csv-parse";
import { describeError } from "../../shared/errors.ts";
import { IMPORT_LINE_BYTES_MAX } from "../../shared/limits.ts";
import { badFile, openUnpacked, type Survey } from "./survey.ts";

/** A row, or why the line is none. `line` counts from 1, the header's. */
export type Row = { line: number; cells: string[] } | { line: number; fault: string };

const LF = 0x0a;
const BATCH_ROWS = 2_000;

/** Rows of a surveyed file, the header first; blank lines are left out. */
export async function* readRows(survey: Survey, delimiter: string): AsyncGenerator<Row[]> {
  const batches = survey.quoted ? quotedRows(survey, delimiter) : plainRows(survey, delimiter);
  for await (const batch of batches) if (batch.length > 0) yield batch;
}

/**
 * Reads a quoted file through once: a quote that is never closed is found before anything is sent.
 * @throws OnhandError `bad_file`.
 */
export async function requireReadable(survey: Survey, delimiter: string): Promise<void> {
  if (survey.quoted) for await (const _ of quotedRows(survey, delimiter));
}

async function* plainRows(survey: Survey, delimiter: string): AsyncGenerator<Row[]> {
  let rest: Buffer = Buffer.alloc(0);
  let line = 0;
  for await (const chunk of openUnpacked(survey.path, survey.gzip) as AsyncIterable<Buffer>) {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    let batch: Row[] = [];
    for (let end = data.indexOf(LF); end >= 0; end = data.indexOf(LF, start)) {
      const row = plainRow(data.subarray(start, end), ++line, survey.utf8, delimiter);
      if (row !== undefined) batch.push(row);
      start = end + 1;
      if (batch.length >= BATCH_ROWS) {
        yield batch;
        batch = [];
      }
    }
    rest = data.subarray(start);
    if (rest.length > IMPORT_LINE_BYTES_MAX)
      throw badFile(survey.path, `line ${line + 1} is over ${IMPORT_LINE_BYTES_MAX} bytes long`);
    yield batch;
  }
  if (rest.length > 0) {
    const row = plainRow(rest, ++line, survey.utf8, delimiter);
    if (row !== undefined) yield [row];
  }
}

function plainRow(bytes: Buffer, line: number, utf8: boolean, delimiter: string): Row | undefined {
  if (!utf8 && !isUtf8(bytes)) return { line, fault: NOT_UTF8 };
  let text = bytes.toString("utf8");
  if (line === 1 && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  if (text.endsWith("\r")) text = text.slice(0, -1);
  if (text === "") return undefined;
  return { line, cells: text.split(delimiter) };
}

const NOT_UTF8 = "found bytes that are not UTF-8";

async function* quotedRows(survey: Survey, delimiter: string): AsyncGenerator<Row[]> {
  const options: Options = {
    bom: true,
    delimiter,
    info: true,
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: IMPORT_LINE_BYTES_MAX,
  };
  const parser = new Parser(options);
  const source = openUnpacked(survey.path, survey.gzip);
  source.on("error", (error) => parser.destroy(error));
  parser.on("close", () => source.destroy());
  const ends = new LineEnds();
  source.on("data", (chunk: Buffer) => ends.add(chunk));
  source.pipe(parser);
  let batch: Row[] = [];
  try {
    for await (const parsed of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      // `bytes` is the end of the record with its line end; it began one line for each LF inside it earlier.
      const inside = parsed.record.reduce((n, cell) => n + lineEnds(cell), 0);
      const line = ends.before(parsed.info.bytes - 1) + 1 - inside;
      const broken = !survey.utf8 && parsed.record.some((cell) => cell.includes("\ufffd"));
      batch.push(broken ? { line, fault: NOT_UTF8 } : { line, cells: parsed.record });
      if (batch.length >= BATCH_ROWS) {
        yield batch;
        batch = [];
      }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw badFile(survey.path, describeError(error), error);
    // `bytes` is here the end of the last cell that could be read.
    const line = ends.before((error as CsvError & Info).bytes) + 1;
    const why = error.message.replace(/ at line \d+/, "");
    throw badFile(survey.path, `line ${line}: ${why}`, error);
  } finally {
    parser.destroy();
  }
  yield batch;
}

/** Where the lines end in what was read and not yet asked for. */
class LineEnds {
  #offsets: number[] = [];
  #head = 0;
  #passed = 0;
  #bytes = 0;

  add(chunk: Buffer): void {
    this.#offsets = this.#offsets.slice(this.#head);
    this.#head = 0;
    for (let i = chunk.indexOf(LF); i >= 0; i = chunk.indexOf(LF, i + 1))
      this.#offsets.push(this.#bytes + i);
    this.#bytes += chunk.length;
  }

  /** Line ends in the first so many bytes; not fewer than asked before. */
  before(bytes: number): number {
    while (this.#head < this.#offsets.length && (this.#offsets[this.#head] as number) < bytes) {
      this.#head++;
      this.#passed++;
    }
    return this.#passed;
  }
}

function lineEnds(text: string): number {
  let count = 0;
  for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) count++;
  return count;
}
