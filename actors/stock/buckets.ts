// Pure.
// Buckets of unavailable stock: each key has its own, in order of name; a shard numbers their names.

import { QUANTITY_MAX } from "../../shared/quantities.ts";
import { BUCKET_NAMES_MAX } from "./limits.ts";
import { Bucket, type KeyState, type Rare } from "./state.ts";

export function findBucket(key: KeyState, name: string): Bucket | undefined {
  return key.rare?.buckets.find((bucket) => bucket.name === name);
}

/** The bucket of a key, made when it is not there; buckets stand in order of name. */
export function bucketFor(rare: Rare, name: string): Bucket {
  const { buckets } = rare;
  let at = 0;
  while (at < buckets.length && (buckets[at] as Bucket).name < name) at += 1;
  if (buckets[at]?.name !== name) buckets.splice(at, 0, new Bucket(name));
  return buckets[at] as Bucket;
}

/** Number of a bucket's name in the shard, 0 for `sellable`; -1 when there are too many names. */
export function bucketNumber(s: { readonly bucketNames: string[] }, name: string): number {
  const known = s.bucketNames.indexOf(name);
  if (known >= 0) return known;
  return s.bucketNames.length >= BUCKET_NAMES_MAX ? -1 : s.bucketNames.push(name) - 1;
}

/** Whether `n` is a quantity we can keep. */
export function inRange(n: number): boolean {
  return n <= QUANTITY_MAX && n >= -QUANTITY_MAX;
}
