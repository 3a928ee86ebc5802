// Pure.
// The shares of fields in a content digest (32 bits). They are part of the apply version, as the hashes of
// shared/identity_hash.ts are, which they are made of.

import { hashText, M1, M2, mix, textHash } from "../../shared/identity_hash.ts";

/** Of murmur3, as the others. */
const M3 = 0xc2b2ae35;

/** The share of a text field, by the first half of its hash. */
export function fieldHash(seed: number, a: number): number {
  return mix(Math.imul(seed, M2) ^ a);
}

export function fieldTextHash(seed: number, text: string): number {
  hashText(text);
  return fieldHash(seed, textHash.a);
}

/**
 * The share of a field that is a whole number of at most 2^50. Field and number are spread apart before they meet:
 * shares are summed, and with `seed ^ n` a sale of 1 (fields 1 and 2) and a receipt of 3 had the same two shares.
 */
export function fieldNumberHash(seed: number, n: number): number {
  const low = Math.imul(seed, M2) ^ Math.imul(n | 0, M1);
  if (n >= 0 && n <= 2147483647) return mix(low);
  return mix(low ^ Math.imul(Math.floor(n / 4294967296) | 0, M3));
}
