// Pure.
// Cursors of paged lists: the place after the last row, as opaque base64url text.

import { ProblemError } from "./problems.ts";

/** A place in an ordered list: the values of its order, in order. */
export type Place = readonly (string | number)[];

export function encodeCursor(place: Place): string {
  return Buffer.from(JSON.stringify(place), "utf8").toString("base64url");
}

/**
 * @param shape what the values must be: "string", or the most that a whole number from 0 on may be
 * @throws ProblemError invalid_cursor
 */
export function decodeCursor(text: string, shape: readonly (number | "string")[]): Place {
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    place = undefined;
  }
  const fits =
    Array.isArray(place) &&
    place.length === shape.length &&
    place.every((value, i) => {
      const most = shape[i] as number | "string";
      return most === "string" ? isText(value) : isWholeUpTo(value, most);
    });
  if (!fits) throw new ProblemError("invalid_cursor", "cursor: expected `next` of the page before");
  return place as Place;
}

function isWholeUpTo(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.isWellFormed() && !value.includes("\u0000");
}
