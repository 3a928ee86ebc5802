// Pure.
// Owns how a wrong value is told: zod issues become faults with the field's path and one sentence.

import type { z } from "zod";
import { ProblemError } from "./problems.ts";

/** One thing wrong with a value; `field` is a path such as `lines[2].qty`, empty for the whole. */
export type Fault = { field: string; fault: string };

const FAULTS_MAX = 20;

/** The faults of a failed parse, at most 20. */
export function faultsOf(error: z.ZodError): Fault[] {
  const faults: Fault[] = [];
  for (const issue of error.issues) {
    if (faults.length >= FAULTS_MAX) break;
    const path = issue.path.map((part) => part as string | number);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        if (faults.length >= FAULTS_MAX) break;
        faults.push({ field: fieldPath([...path, key]), fault: "is no field of this type" });
      }
    } else faults.push({ field: fieldPath(path), fault: issue.message });
  }
  return faults;
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
  if (!result.success) throw invalidField(faultsOf(result.error));
  return result.data;
}
