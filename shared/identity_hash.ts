// Pure.
// The 64-bit hash of an identity (location, sku, id) as the ledger keeps it in its column `identity`, made of two
// independent 32-bit streams over each text. It is part of the fold's apply version: checkpoints and ledgers keep
// its values.
//
// Each step takes a word of up to four ASCII characters, the first in its lowest byte, or one other code unit. The word
// is spread first (`spread`): unspread, what two words differ in would often cancel out, and half of all ids that count
// up would meet. The step (rotate, xor the word, multiply by an odd number) is a bijection of the state, so two texts can
// only meet by a chain of coincidences. The multipliers are those of the golden ratio, murmur3 and xxHash32.

export const M1 = 0x9e3779b1;
export const M2 = 0x85ebca77;
export const SEED_1 = 0x51ed270b;
export const SEED_2 = 0x2f6e2b1f;

/** Spreads the bits of a word over all of it; a bijection. */
export function spread(word: number): number {
  const x = Math.imul(word, 0xcc9e2d51);
  return x ^ (x >>> 15);
}

/** The end of murmur3: every bit of the result depends on every bit of `h`. */
export function mix(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/** Where `hashText` leaves its result: two signed halves. */
export const textHash = { a: 0, b: 0 };

/** Hashes a text without NUL (none of the names has one) into `textHash`. The stock machine's fast decoder does the same over bytes. */
export function hashText(text: string): void {
  let a = SEED_1;
  let b = SEED_2;
  let word = 0;
  let filled = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 128) {
      word |= c << filled;
      filled += 8;
      if (filled < 32) continue;
    } else {
      const pending = spread(word);
      a = Math.imul(((a << 13) | (a >>> 19)) ^ pending, M1);
      b = Math.imul(((b << 17) | (b >>> 15)) ^ pending, M2);
      // It stands alone, marked by its highest bit, which no word of ASCII has.
      word = c | 0x80000000;
    }
    const whole = spread(word);
    a = Math.imul(((a << 13) | (a >>> 19)) ^ whole, M1);
    b = Math.imul(((b << 17) | (b >>> 15)) ^ whole, M2);
    word = 0;
    filled = 0;
  }
  // The last word, full or not, and the length.
  const last = spread(word);
  textHash.a = Math.imul(((a << 13) | (a >>> 19)) ^ last, M1) ^ text.length;
  textHash.b = Math.imul(((b << 17) | (b >>> 15)) ^ last, M2) ^ text.length;
}

/** Where identities are left: two signed halves. */
export const identityHash = { high: 0, low: 0 };

/** Combines the hashes of location, SKU and id into `identityHash`. */
export function combineIdentity(
  locationA: number,
  locationB: number,
  skuA: number,
  skuB: number,
  idA: number,
  idB: number,
): void {
  let a = Math.imul(SEED_2 ^ locationA, M1);
  let b = Math.imul(SEED_1 ^ locationB, M2);
  a = Math.imul(((a << 13) | (a >>> 19)) ^ skuA, M1);
  b = Math.imul(((b << 17) | (b >>> 15)) ^ skuB, M2);
  a = Math.imul(((a << 13) | (a >>> 19)) ^ idA, M1);
  b = Math.imul(((b << 17) | (b >>> 15)) ^ idB, M2);
  identityHash.high = mix(a);
  identityHash.low = mix(b);
}

/** Hashes (location, sku, id) into `identityHash`. */
export function hashIdentity(location: string, sku: string, id: string): void {
  hashText(location);
  const { a: locationA, b: locationB } = textHash;
  hashText(sku);
  const { a: skuA, b: skuB } = textHash;
  hashText(id);
  combineIdentity(locationA, locationB, skuA, skuB, textHash.a, textHash.b);
}

/** The hash as Postgres keeps it: a signed 64-bit number, as decimal text. */
export function identityText(location: string, sku: string, id: string): string {
  hashIdentity(location, sku, id);
  const bits = (BigInt(identityHash.high) << 32n) | BigInt(identityHash.low >>> 0);
  return String(BigInt.asIntN(64, bits));
}
