// Owns the reading of event-level sales for a backtest: CSV, plain or gzip'd, with the columns
// `timestamp, sku, location, qty, unit_price` in any order; others are ignored. A line it cannot use is
// counted by reason, never guessed at.
import { createReadStream, statSync } from "node:fs";
import { createGunzip } from "node:zlib";
import { type CsvError, parse } from "csv-parse";
import { OnhandError } from "../../shared/errors.ts";

export interface SaleLine {
  /** Milliseconds since 1970 of the wall time in the file, read as if it were UTC. */
  readonly atMs: number;
  readonly sku: string;
  readonly location: string;
  /** Units; negative for a return or cancellation. */
  readonly qty: number;
  /** Price of a unit, in the file's currency; 0 marks an adjustment. */
  readonly unitPrice: number;
}

export interface SalesFile {
  readonly lines: readonly SaleLine[];
  /** Lines not used, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

const COLUMNS = ["timestamp", "sku", "location", "qty", "unit_price"] as const;
const LINES_MAX = 20_000_000;
const LINE_BYTES_MAX = 65_536;

/** Reads the whole file. `progress` is told the share of bytes read, 0 to 1. Throws OnhandError `usage`. */
export async function readSales(
  file: string,
  progress: (share: number) => void = () => {},
): Promise<SalesFile> {
  const lines: SaleLine[] = [];
  const skipped: Record<string, number> = {};
  let checked = false;
  const bytes = sizeOf(file);
  const parser = parse({ bom: true, columns: true, trim: true, max_record_size: LINE_BYTES_MAX });
  const source = createReadStream(file);
  const stream = file.endsWith(".gz") ? source.pipe(createGunzip()) : source;
  source.on("error", (error: Error) => parser.destroy(error));
  stream.on("error", (error: Error) => parser.destroy(error));
  stream.pipe(parser);
  try {
    for await (const record of parser as AsyncIterable<Record<string, string>>) {
      if (!checked) requireColumns(file, record);
      checked = true;
      const line = saleLine(record);
      if (typeof line === "string") skipped[line] = (skipped[line] ?? 0) + 1;
      else lines.push(line);
      if (lines.length % 20_000 === 0) progress(Math.min(1, source.bytesRead / bytes));
      if (lines.length > LINES_MAX) {
        throw new OnhandError("usage", `Cannot backtest ${file}: more than ${LINES_MAX} lines`);
      }
    }
  } catch (error) {
    if (error instanceof OnhandError) throw error;
    const reason = (error as CsvError).message;
    throw new OnhandError("usage", `Cannot read ${file}: ${reason}`, { cause: error });
  } finally {
    source.destroy();
  }
  if (lines.length === 0) throw new OnhandError("usage", `Cannot backtest ${file}: no sales in it`);
  return { lines, skipped };
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    const reason = (error as Error).message;
    throw new OnhandError("usage", `Cannot read ${file}: ${reason}`, { cause: error });
  }
}

function requireColumns(file: string, record: Record<string, string>): void {
  const missing = COLUMNS.filter((name) => !(name in record));
  if (missing.length === 0) return;
  const found = Object.keys(record).join(", ").slice(0, 200);
  throw new OnhandError(
    "usage",
    `Cannot read ${file}: found columns ${found}, wanted also ${missing.join(", ")}`,
  );
}

/** The line, or why it cannot be used. */
function saleLine(record: Record<string, string>): SaleLine | string {
  const { timestamp = "", sku = "", location = "", qty: units = "", unit_price = "" } = record;
  const qty = Number(units);
  const unitPrice = Number(unit_price);
  if (sku === "") return "no sku";
  if (units === "" || !Number.isFinite(qty)) return "qty is no number";
  if (unit_price === "" || !Number.isFinite(unitPrice)) return "unit_price is no number";
  const local = timestamp.replace(/([+-]\d\d:?\d\d|Z)$/, "").replace(" ", "T");
  const atMs = Date.parse(local.length === 10 ? `${local}T00:00:00Z` : `${local}Z`);
  if (Number.isNaN(atMs)) return "timestamp is no time";
  return { atMs, sku: sku.toUpperCase(), location, qty, unitPrice };
}
