// Owns where a command's id comes from: the body, else the Idempotency-Key header, else minted. A retry
// with the same key is the same identity, and gets the first decision again.

import { Buffer } from "node:buffer";
import type { Context } from "hono";
import { commandIdFault, ID_LENGTH_MAX } from "../shared/ids.ts";
import { invalidField } from "./validate.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The Idempotency-Key of the request, or undefined. A quoted string (RFC 8941) is taken without its
 * quotes. Its bytes are UTF-8. @throws ProblemError invalid_field
 */
export function idempotencyKey(c: Context): string | undefined {
  const header = c.req.header("idempotency-key");
  if (header === undefined) return undefined;
  const raw = textOf(header);
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(raw)?.[1];
  const key = quoted === undefined ? raw : quoted.replaceAll(/\\(["\\])/g, "$1");
  const fault = commandIdFault(key);
  if (fault !== undefined) throw invalidField([{ field: "Idempotency-Key", fault }]);
  return key;
}

/** A header comes as a letter for each byte. */
function textOf(header: string): string {
  try {
    return utf8.decode(Buffer.from(header, "latin1"));
  } catch {
    throw invalidField([{ field: "Idempotency-Key", fault: "expected UTF-8" }]);
  }
}

/**
 * The id of line `index` of a batch under one key. @throws ProblemError invalid_field
 */
export function lineId(key: string, index: number): string {
  const id = `${key}.${index}`;
  const fault =
    id.length > ID_LENGTH_MAX
      ? `expected at most ${ID_LENGTH_MAX - 4} characters with a batch`
      : commandIdFault(id);
  if (fault !== undefined) throw invalidField([{ field: "Idempotency-Key", fault }]);
  return id;
}
