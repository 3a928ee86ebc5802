// Pure.
// Owns reading path and query parameters: names, times, limits, each fault with the parameter's name.

import type { Context } from "hono";
import { idFault, nameFault } from "../shared/ids.ts";
import { HTTP_PAGE_ROWS, HTTP_PAGE_ROWS_MAX, HTTP_SKUS_MAX } from "../shared/limits.ts";
import { parseTime, TIME_MAX_MS } from "../shared/time.ts";
import type { Route } from "./route.ts";
import { invalidField } from "./validate.ts";

/** The SKU of the path. @throws ProblemError invalid_field */
export function skuOfPath(c: Context): string {
  return checked("sku", c.req.param("sku") ?? "", nameFault);
}

/** The id of the path. @throws ProblemError invalid_field */
export function idOfPath(c: Context): string {
  return checked("id", c.req.param("id") ?? "", idFault);
}

/** A SKU or location of the query, or undefined. @throws ProblemError invalid_field */
export function nameOfQuery(c: Context, name: string): string | undefined {
  const text = c.req.query(name);
  return text === undefined ? undefined : checked(name, text, nameFault);
}

/** All SKUs (or locations) of the query, each once. @throws ProblemError invalid_field */
export function namesOfQuery(c: Context, name: string): string[] {
  const all = new Set<string>();
  for (const text of c.req.queries(name) ?? []) all.add(checked(name, text, nameFault));
  if (all.size > HTTP_SKUS_MAX) {
    const fault = `found ${all.size}, expected at most ${HTTP_SKUS_MAX}`;
    throw invalidField([{ field: name, fault }]);
  }
  return [...all];
}

/** A time of the query in ms since 1970, or undefined. @throws ProblemError invalid_field */
export function timeOfQuery(c: Context, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  const ms = parseTime(text);
  if (ms === undefined || ms < 0 || ms > TIME_MAX_MS) {
    const fault = "expected RFC 3339 with an offset, from 1970 to 9999";
    throw invalidField([{ field: name, fault }]);
  }
  return ms;
}

/** `limit` of the query, rows. @throws ProblemError invalid_field */
export function limitOfQuery(c: Context): number {
  const text = c.req.query("limit");
  if (text === undefined) return HTTP_PAGE_ROWS;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > HTTP_PAGE_ROWS_MAX) {
    throw invalidField([{ field: "limit", fault: `expected 1 to ${HTTP_PAGE_ROWS_MAX}` }]);
  }
  return limit;
}

/** A whole number of the query, or undefined. @throws ProblemError invalid_field */
export function wholeOfQuery(
  c: Context,
  name: string,
  { least, most }: { least: number; most: number },
): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw invalidField([{ field: name, fault: `expected ${least} to ${most}` }]);
  return value;
}

/** One of `allowed`, or undefined. @throws ProblemError invalid_field */
export function choiceOfQuery<T extends string>(
  c: Context,
  name: string,
  allowed: readonly T[],
): T | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  const found = allowed.find((one) => one === text);
  if (found === undefined) {
    throw invalidField([{ field: name, fault: `expected ${allowed.join(" or ")}` }]);
  }
  return found;
}

/**
 * Refuses query parameters that `route` does not declare, for a misspelt one must not do nothing, those given again where
 * one is meant, for it would not be known which was taken, and escapes of the
 * path or the query that are no UTF-8, which would be taken as they are written. @throws ProblemError invalid_field
 */
export function checkUrl(c: Context, route: Pick<Route, "path" | "parameters">): void {
  const { url } = c.req;
  if (url.includes("%")) checkEscapes(new URL(url), route.path);
  if (!url.includes("?")) return;
  for (const [found, values] of Object.entries(c.req.queries())) {
    const known = (route.parameters ?? []).filter((one) => one.in === "query");
    const parameter = known.find(({ name }) => name === found);
    if (parameter !== undefined) {
      if (values.length === 1 || parameter.repeated === true) continue;
      throw invalidField([
        { field: found, fault: `is given ${values.length} times, expected once` },
      ]);
    }
    const expected = known.map(({ name }) => name).join(", ") || "none";
    const fault = `is no parameter here, expected ${expected}`;
    throw invalidField([{ field: found.slice(0, 60), fault }]);
  }
}

function checkEscapes({ pathname, search }: URL, path: string): void {
  const names = path.split("/").map((part) => part.replace(":", ""));
  for (const [i, part] of pathname.split("/").entries()) checkEscape(names[i] ?? "", part);
  for (const pair of search.slice(1).split("&")) checkEscape(pair.split("=", 1)[0] ?? "", pair);
}

function checkEscape(field: string, text: string): void {
  try {
    decodeURIComponent(text);
  } catch {
    const fault = "expected escapes of UTF-8, such as %C3%A9, and %25 for a percent sign";
    throw invalidField([{ field: field.slice(0, 60), fault }]);
  }
}

function checked(
  field: string,
  text: string,
  faultOf: (value: unknown) => string | undefined,
): string {
  const fault = faultOf(text);
  if (fault !== undefined) throw invalidField([{ field, fault }]);
  return text;
}
