// Owns the reading of a file of series: CSV, plain or gzip'd, with the columns `series_id`, `season`,
// `horizon`, `train` (values joined by `;`) and, for evaluations, `test`, `source` and `frequency`.
// Other columns are ignored; a value that is no number is a missing step.
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { type CsvError, parse } from "csv-parse";
import { OnhandError } from "../../shared/errors.ts";

export interface SeriesRow {
  readonly id: string;
  readonly source: string;
  readonly frequency: string;
  /** Steps of a cycle; 1 when the file does not say. */
  readonly season: number;
  /** Steps to forecast; undefined when the file does not say. */
  readonly horizon: number | undefined;
  readonly train: Float64Array;
  readonly test: Float64Array;
}

/** Bytes of one line: 20,000 values of 20 digits and room to spare. */
const LINE_BYTES_MAX = 8_388_608;

/** Series by series, in the order of the file. Throws OnhandError `usage` for a file it cannot read. */
export async function* readSeriesFile(file: string): AsyncGenerator<SeriesRow> {
  let columns: readonly string[] = [];
  const parser = parse({
    bom: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: LINE_BYTES_MAX,
    columns: (header: string[]) => {
      columns = header.map((name) => name.trim());
      return [...columns];
    },
  });
  const source = createReadStream(file);
  const stream = file.endsWith(".gz") ? source.pipe(createGunzip()) : source;
  const fail = (error: Error) => parser.destroy(error);
  source.on("error", fail);
  stream.on("error", fail);
  stream.pipe(parser);
  let count = 0;
  try {
    for await (const record of parser as AsyncIterable<Record<string, string>>) {
      if (count === 0) requireColumns(file, columns);
      count++;
      yield rowOf(record, count);
    }
  } catch (error) {
    if (error instanceof OnhandError) throw error;
    const reason = (error as CsvError).message;
    throw new OnhandError("usage", `Cannot read ${file}: ${reason}`, { cause: error });
  } finally {
    source.destroy();
  }
  if (count === 0) throw new OnhandError("usage", `Cannot read ${file}: it holds no series`);
}

function requireColumns(file: string, columns: readonly string[]): void {
  for (const name of ["series_id", "train"]) {
    if (!columns.includes(name)) {
      throw new OnhandError(
        "usage",
        `Cannot read ${file}: found columns ${columns.join(", ").slice(0, 200)}, wanted ${name}`,
      );
    }
  }
}

function rowOf(record: Record<string, string>, count: number): SeriesRow {
  const horizon = Number.parseInt(record.horizon ?? "", 10);
  const season = Number.parseInt(record.season ?? "", 10);
  return {
    id: record.series_id || `#${count}`,
    source: record.source ?? "",
    frequency: record.frequency ?? "",
    season: Number.isInteger(season) && season >= 1 ? season : 1,
    horizon: Number.isInteger(horizon) && horizon >= 1 ? horizon : undefined,
    train: parseValues(record.train),
    test: parseValues(record.test),
  };
}

/** `1;2;;x` is 1, 2, missing, missing; empty text is an empty series. */
export function parseValues(text: string | undefined): Float64Array {
  if (text === undefined || text.trim() === "") return new Float64Array(0);
  return Float64Array.from(text.split(";"), (part) =>
    part.trim() === "" ? Number.NaN : Number(part),
  );
}
