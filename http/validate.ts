// Pure.
// Owns how a wrong value is told: zod issues become faults with the field's path and one sentence.

import type { z } from "zod";
import { ProblemError } from "./problems.ts";

/** One thing wrong with a value; `field` is a path such as `lines[2].qty`, empty for the whole. */
export type Fault = { field: string; fault: string };

const FAULTS_MAX = 20;

/** The faults of a failed parse of `value`, at most 20. */
export function faultsOf(error: z.ZodError, value: unknown): Fault[] {
  const faults: Fault[] = [];
  for (const issue of error.issues) {
    if (faults.length >= FAULTS_MAX) break;
    const path = issue.path.map((part) => part as string | number);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        if (faults.length >= FAULTS_MAX) break;
        faults.push({ field: fieldPath([...path, key]), fault: "is no field of this type" });
      }
    } else faults.push({ field: fieldPath(path), fault: faultOf(issue, valueAt(value, path)) });
  }
  return faults;
}

/** One sentence of ours where zod's own would name its types. */
function faultOf(issue: z.core.$ZodIssue, found: unknown): string {
  const isType = issue.code === "invalid_type" || issue.code === "invalid_union";
  if (!isType) return issue.message;
  if (found === undefined) return "is missing";
  const wanted = wantedBy(issue);
  const kind = kindOf(found);
  return wanted.length === 0
    ? `is of no known form, found ${kind}`
    : `expected ${wanted.join(" or ")}, found ${kind}`;
}

/** The kinds of values that would do, for people. */
function wantedBy(issue: z.core.$ZodIssue): string[] {
  if (issue.code === "invalid_type") return [KINDS[issue.expected] ?? issue.expected];
  if (issue.code !== "invalid_union") return [];
  return [...new Set(issue.errors.flatMap((branch) => branch.slice(0, 1).flatMap(wantedBy)))];
}

const KINDS: Record<string, string> = {
  string: "text",
  int: "a whole number",
  number: "a number",
  array: "a list",
  object: "an object",
  record: "an object",
  boolean: "true or false",
};

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const part of path) at = (at as Record<string | number, unknown> | null | undefined)?.[part];
  return at;
}

/** What a value is, for people: null, a list, an object, text … */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "string" ? "text" : typeof value;
}

/** `["lines", 2, "qty"]` -> `lines[2].qty`; long names are cut. */
export function fieldPath(path: readonly (string | number)[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += (text === "" ? "" : ".") + part.slice(0, 60);
  }
  return text;
}

/** The problem of a value with these faults. */
export function invalidField(faults: readonly Fault[]): ProblemError {
  const first = faults[0] ?? { field: "", fault: "is wrong" };
  const detail = first.field === "" ? first.fault : `${first.field}: ${first.fault}`;
  return new ProblemError("invalid_field", detail, { field: first.field, faults });
}

/**
 * `value` as `schema` has it. @throws ProblemError invalid_field
 */
export function parseWith<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (!result.success) throw invalidField(faultsOf(result.error, value));
  return result.data;
}
