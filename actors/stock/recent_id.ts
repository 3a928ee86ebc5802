// Pure.
// One remembered identity, and the varints its byte record is written in. See recent_ids.ts.

/** What is remembered of an identity. Quantities in whole base units. */
export class RecentId {
  high = 0;
  low = 0;
  digest = 0;
  /** 0 applied, else 1 + index of the rejection reason. At most 15. */
  reason = 0;
  /** Number of the type of command. */
  type = 0;
  epoch = 0;
  shard = 0;
  seq = 0;
  index = 0;
  nowMs = 0;
  sellable = 0;
  reserved = 0;
  unavailable = 0;
  backordered = 0;
  inTransit = 0;
  onOrder = 0;
  /** Where it was decided, when that is not the location or SKU it named. */
  location: string | null = null;
  sku: string | null = null;
  /** For a void: what it did, and when; `effect` false when it cannot be undone. */
  effect = false;
  atMs = 0;
  qty = 0;
  demand = 0;
  /** Buckets as in the command: where it went into or came from. */
  bucket = "";
  toBucket = "";
  order: string | null = null;
  line: string | null = null;
}

/** Takes what the recent tier lets go; `readAhead` reads what that will need. */
export type Gone = {
  readAhead(high: number): number;
  letGo(high: number, low: number, nowMs: number): void;
};

export function putUnsigned(bytes: Uint8Array, start: number, value: number): number {
  let n = value;
  let p = start;
  while (n > 2147483647) {
    bytes[p++] = (n % 128) | 128;
    n = Math.floor(n / 128);
  }
  while (n > 127) {
    bytes[p++] = (n & 127) | 128;
    n >>>= 7;
  }
  bytes[p++] = n;
  return p;
}

export function putSigned(bytes: Uint8Array, p: number, n: number): number {
  return putUnsigned(bytes, p, n < 0 ? -2 * n - 1 : 2 * n);
}

export function putText(bytes: Uint8Array, start: number, text: string): number {
  let p = putUnsigned(bytes, start, text.length);
  for (let i = 0; i < text.length; i++) p = putUnsigned(bytes, p, text.charCodeAt(i));
  return p;
}
