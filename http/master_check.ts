// Owns what is checked of master data before it is stored: each row by its schema, rows against each other, and
// what only the database can tell. A fault names its line and field.

import type { Context } from "hono";
import { readJson, readText, requireType } from "./body.ts";
import { type CsvRow, csvRows } from "./csv_rows.ts";
import type { MasterData } from "./master_data.ts";
import { keyOf, MASTER, type MasterKind, type MasterRow } from "./master_kinds.ts";
import { ProblemError } from "./problems.ts";
import { faultsOf, invalidField } from "./validate.ts";

type RowFault = { line: number; field: string; fault: string };
const ROW_FAULTS_MAX = 100;
/** Unheard-of names that an answer lists. */
const UNHEARD_LISTED_MAX = 100;

/** The rows of a request, each with its line. */
export async function readRows(c: Context, kind: MasterKind): Promise<CsvRow[]> {
  if (requireType(c, ["application/json", "text/csv"]) === "text/csv") {
    return csvRows(kind, await readText(c));
  }
  const value = await readJson(c);
  if (!Array.isArray(value))
    throw invalidField([{ field: "", fault: "expected an array of rows" }]);
  return value.map((row, index) => ({ line: index + 1, row: row as MasterRow }));
}

/** @throws ProblemError invalid_rows with every wrong row, at most 100 */
export function checkRows(kind: MasterKind, rows: readonly CsvRow[]): CsvRow[] {
  const { schema, key } = MASTER[kind];
  const faults: RowFault[] = [];
  const lines = new Map<string, number>();
  const checked: CsvRow[] = [];
  for (const { line, row } of rows) {
    const result = schema.safeParse(row);
    if (!result.success) {
      for (const fault of faultsOf(result.error, row)) faults.push({ line, ...fault });
    } else {
      const parsed = result.data as MasterRow;
      const name = JSON.stringify(keyOf(kind, parsed));
      const before = lines.get(name);
      const field = key.at(-1) as string;
      if (before !== undefined) faults.push({ line, field, fault: `repeats line ${before}` });
      lines.set(name, line);
      checked.push({ line, row: parsed });
    }
    if (faults.length >= ROW_FAULTS_MAX) break;
  }
  if (faults.length > 0) throw invalidRows(faults);
  return checked;
}

/** Refuses what only the database can tell to be wrong. @throws ProblemError invalid_rows */
export async function checkReferences(
  master: MasterData,
  kind: MasterKind,
  rows: readonly CsvRow[],
): Promise<void> {
  if (kind === "locations") {
    const fault = "is a zone the database does not know";
    await refuseUnknown(rows, "timeZone", fault, (names) => master.unknownZones(names));
  } else if (kind === "catalog") {
    const fault = "is no vendor we know: PUT /v1/vendors first";
    await refuseUnknown(rows, "vendor", fault, (names) => master.unknownVendors(names));
  }
}

async function refuseUnknown(
  rows: readonly CsvRow[],
  field: string,
  fault: string,
  unknownOf: (names: readonly string[]) => Promise<string[]>,
): Promise<void> {
  const names = new Set(
    namesIn(
      rows.map(({ row }) => row),
      field,
    ),
  );
  if (names.size === 0) return;
  const unknown = new Set(await unknownOf([...names]));
  const faults = rows
    .filter(({ row }) => unknown.has(String(row[field])))
    .map(({ line }) => ({ line, field, fault }));
  if (faults.length > 0) throw invalidRows(faults.slice(0, ROW_FAULTS_MAX));
}

/** Locations and SKUs of rows that nobody has heard of, at most 100 each. */
export async function unheardOf(master: MasterData, rows: readonly MasterRow[]) {
  const unique = (field: string) => [...new Set(namesIn(rows, field))];
  const names = { locations: unique("location"), skus: unique("sku") };
  const { locations, skus } = await master.unheard(names);
  return {
    locations: locations.slice(0, UNHEARD_LISTED_MAX),
    skus: skus.slice(0, UNHEARD_LISTED_MAX),
  };
}

function namesIn(rows: readonly MasterRow[], field: string): string[] {
  return rows.map((row) => row[field]).filter((name) => typeof name === "string");
}

function invalidRows(faults: readonly RowFault[]): ProblemError {
  const first = faults[0] as RowFault;
  const field = first.field === "" ? "" : `${first.field} `;
  return new ProblemError("invalid_rows", `Line ${first.line}: ${field}${first.fault}`, { faults });
}
