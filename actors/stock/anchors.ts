// Pure.
// Physical changes and counts. A count is an anchor: from it, a bucket is what was counted plus everything that
// happened at or after it, in whichever order it arrives. What arrives late and happened before the anchor was
// counted already: it books its own row and the opposite, so that ledger sums and levels agree.

import { bucketFor, bucketNumber, findBucket, inRange } from "./buckets.ts";
import type { Command } from "./command.ts";
import { alert } from "./effects.ts";
import { BUCKET_NAMES_MAX, BUCKETS_PER_KEY_MAX, COUNT_AGE_MS_MAX } from "./limits.ts";
import { APPLIED, LIMIT_EXCEEDED, OUT_OF_RANGE, STALE_COUNT } from "./reasons.ts";
import type { Shard } from "./shard.ts";
import { type KeyState, NO_ANCHOR, SUPPLIED } from "./state.ts";

/** Units in a bucket; null is `sellable`. */
export function unitsIn(key: KeyState, bucket: string | null): number {
  return bucket === null ? key.sellable : (findBucket(key, bucket)?.qty ?? 0);
}

export function anchorOf(key: KeyState, bucket: string | null): number {
  if (key.rare === null) return NO_ANCHOR;
  return bucket === null ? key.rare.anchorMs : (findBucket(key, bucket)?.anchorMs ?? NO_ANCHOR);
}

/** Why `by` units cannot be booked into a bucket, or APPLIED. */
export function physicalFault(s: Shard, key: KeyState, bucket: string | null, by: number): number {
  if (!inRange(unitsIn(key, bucket) + by)) return OUT_OF_RANGE;
  if (bucket !== null && !inRange(key.unavailable + by)) return OUT_OF_RANGE;
  if (s.isFull(key)) return LIMIT_EXCEEDED;
  if (bucket === null || findBucket(key, bucket) !== undefined) return APPLIED;
  if ((key.rare?.buckets.length ?? 0) >= BUCKETS_PER_KEY_MAX) return LIMIT_EXCEEDED;
  const named = s.bucketNames.includes(bucket) || s.bucketNames.length < BUCKET_NAMES_MAX;
  return named ? APPLIED : LIMIT_EXCEEDED;
}

/** Puts a physical change into `s.delta`, to be booked with what else the command does. */
export function putPhysical(s: Shard, bucket: string | null, by: number): void {
  if (bucket === null) {
    s.delta.sellable += by;
    return;
  }
  s.delta.bucket = bucket;
  s.delta.inBucket += by;
}

/** Settles a booked physical change with the anchor: remembers it, or books the opposite. */
export function settleAnchor(
  s: Shard,
  key: KeyState,
  c: Command | null,
  bucket: string | null,
  by: number,
  atMs: number,
): void {
  if (by === 0) return;
  if (key.rare !== null && atMs < anchorOf(key, bucket)) {
    putPhysical(s, bucket, -by);
    s.book(key, c, "countCorrection", atMs, null);
    return;
  }
  if (atMs < s.now - COUNT_AGE_MS_MAX) return;
  const number = bucket === null ? 0 : bucketNumber(s, bucket);
  key.movement = s.movements.add(key.movement, number, atMs, by, s.now);
}

/** `count`: the bucket becomes what was counted plus all deltas with `at` >= the count's. */
export function count(s: Shard, c: Command, key: KeyState): number {
  const { bucket } = c;
  const anchorMs = anchorOf(key, bucket);
  const oldestMs = Math.max(s.now - COUNT_AGE_MS_MAX, s.movements.coveredFromMs);
  const number = bucket === null ? 0 : s.bucketNames.indexOf(bucket);
  const since = number < 0 ? 0 : s.movements.sumFrom(key.movement, number, c.atMs);
  const by = c.qty + since - unitsIn(key, bucket);
  const fault = physicalFault(s, key, bucket, by);
  if (fault !== APPLIED) return fault;
  if (c.atMs < oldestMs || c.atMs < anchorMs) {
    if (!c.backfill) tellStale(s, c, key, c.atMs < oldestMs ? oldestMs : anchorMs);
    return STALE_COUNT;
  }
  putPhysical(s, bucket, by);
  s.book(key, c, "command", c.atMs, null);
  const rare = s.rare(key);
  if (bucket === null) rare.anchorMs = c.atMs;
  else bucketFor(rare, bucket).anchorMs = c.atMs;
  if (bucket !== null) bucketNumber(s, bucket);
  key.flags |= SUPPLIED;
  return APPLIED;
}

function tellStale(s: Shard, c: Command, key: KeyState, thanMs: number): void {
  s.detail = `at: ${s.formatMs(c.atMs)} is before ${s.formatMs(thanMs)}`;
  alert(
    s,
    { sku: c.sku, location: c.location },
    "stale_count",
    `A count came too late: ${s.detail}`,
    {
      counted: c.qty,
      bucket: c.bucket ?? "sellable",
      at: s.formatMs(c.atMs),
      available: key.sellable - key.reserved,
    },
  );
}
