// Owns reading master data from CSV: a header line naming fields (unitCost, unit_cost, "Unit cost" are
// one), values by the field's kind, each row with its line for faults.

import { CsvError, parse } from "csv-parse/sync";
import { MASTER, type MasterKind, type MasterRow } from "./master_kinds.ts";
import { ProblemError } from "./problems.ts";

export type CsvRow = { line: number; row: MasterRow };

/**
 * The rows of `text`. An empty cell is absent: the field stays as it is. Attributes are JSON.
 * @throws ProblemError malformed_csv
 */
export function csvRows(kind: MasterKind, text: string): CsvRow[] {
  let records: { record: string[]; info: { lines: number } }[];
  try {
    // With `info` each record comes with its line; the library's types do not say so.
    const parsed: unknown = parse(text, {
      bom: true,
      info: true,
      skip_empty_lines: true,
      trim: true,
    });
    records = parsed as typeof records;
  } catch (error) {
    const why = error instanceof CsvError ? error.message : "it cannot be read";
    throw new ProblemError("malformed_csv", `Cannot read the CSV: ${why.slice(0, 300)}`);
  }
  const header = records[0];
  if (header === undefined)
    throw new ProblemError("malformed_csv", "Cannot read the CSV: it is empty");
  const fields = header.record.map((name) => fieldOf(kind, name));
  const { key, columns } = MASTER[kind];
  const missing = key.find(
    (field) => columns[field]?.fallback === undefined && !fields.includes(field),
  );
  if (missing !== undefined) {
    throw new ProblemError(
      "malformed_csv",
      `Cannot read the CSV: the column ${missing} is missing`,
    );
  }
  const twice = fields.find((field, i) => fields.indexOf(field) !== i);
  if (twice !== undefined) {
    throw new ProblemError(
      "malformed_csv",
      `Cannot read the CSV: the column ${twice} is there twice`,
    );
  }
  return records.slice(1).map(({ record, info }) => {
    const row: MasterRow = {};
    for (const [i, field] of fields.entries()) {
      const cell = record[i] ?? "";
      if (cell !== "") row[field] = cellValue(kind, field, cell);
    }
    return { line: info.lines, row };
  });
}

function fieldOf(kind: MasterKind, name: string): string {
  const plain = (text: string) => text.replaceAll(/[_\-\s]/g, "").toLowerCase();
  const fields = Object.keys(MASTER[kind].columns);
  const field = fields.find((one) => plain(one) === plain(name));
  if (field === undefined) {
    const found = JSON.stringify(name.slice(0, 60));
    const detail = `Cannot read the CSV: found column ${found}, expected ${fields.join(", ")}`;
    throw new ProblemError("malformed_csv", detail);
  }
  return field;
}

/** A cell as the schema wants it; what is no number or JSON stays text, for the schema to refuse. */
function cellValue(kind: MasterKind, field: string, cell: string): unknown {
  const type = MASTER[kind].columns[field]?.type;
  if (type === "text" || type === "date") return cell;
  if (type === "float8") return /^-?\d{1,16}(\.\d{1,16})?$/.test(cell) ? Number(cell) : cell;
  if (type !== "jsonb") return /^-?\d{1,16}$/.test(cell) ? Number(cell) : cell;
  try {
    return JSON.parse(cell);
  } catch {
    return cell;
  }
}
