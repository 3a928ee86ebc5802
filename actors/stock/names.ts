// Pure.
// Names fast: the common case (short, plain ASCII) without regular expressions, any other through
// shared/ids.ts and streams/subjects.ts, with the same answers.

import { nameFault } from "../../shared/ids.ts";
import { partition } from "../../streams/partition.ts";
import { fromToken, toToken } from "../../streams/subjects.ts";

/** Longest plain name: no more bytes than `NAME_BYTES_MAX` either way. */
const PLAIN_LENGTH_MAX = 200;

/** Characters that stand for themselves in a token: A-Z a-z 0-9 - _ ! ~ ' ( ). */
export const UNRESERVED = new Uint8Array(128);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_!~'()") {
  UNRESERVED[c.charCodeAt(0)] = 1;
}

/** Whether `text`, or the part of it from `start` to `end`, is a name that is its own token. */
export function isPlainName(text: string, start = 0, end = text.length): boolean {
  const length = end - start;
  if (length === 0 || length > PLAIN_LENGTH_MAX) return false;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c > 127 || UNRESERVED[c] === 0) return false;
  }
  return true;
}

/** Why `value` is no name, or undefined: `nameFault`, faster. */
export function quickNameFault(value: unknown): string | undefined {
  if (typeof value === "string" && isPlainName(value)) return undefined;
  return nameFault(value);
}

/** The shard of a SKU among `shards`. */
export function shardOf(sku: string, shards: number): number {
  return partition(isPlainName(sku) ? sku : toToken(sku), shards);
}

/** The name a token stands for, or undefined when the token is not canonical or no name. */
export function nameOf(token: string): string | undefined {
  if (isPlainName(token)) return token;
  const name = fromToken(token);
  return name === undefined || nameFault(name) !== undefined ? undefined : name;
}
