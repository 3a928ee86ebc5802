// Pure.
/**
 * An item without history borrows that of its like: the median daily demand of similar items (or its
 * category), which its own days outweigh as they come.
 *
 * own weight = n / (n + k), with k = 14 days: after two weeks own and borrowed count the same. Source: the
 * empirical Bayes mean of a Poisson rate with a gamma prior (Robbins 1956; Silver, Pyke, Thomas, section
 * 3.10.1). Worked example: like items sell 10 a day, own 7 days sold 4 a day: (7 x 4 + 14 x 10) / 21 = 8.
 */
import { median, quantileOf } from "./numbers.ts";

export interface ColdStart {
  /** Units a day expected. */
  readonly perDay: number;
  /** Standard deviation of a day. */
  readonly sdPerDay: number;
  /** Share of the estimate that is the item's own. */
  readonly ownShare: number;
}

export const BORROWED_DAYS = 14;

/** Estimate from own days (may be none) and the daily means of like items (may be none). */
export function coldStart(own: ArrayLike<number>, likeMeansPerDay: readonly number[]): ColdStart {
  const n = own.length;
  let total = 0;
  for (let i = 0; i < n; i++) total += Math.max(0, own[i]!);
  const likes = likeMeansPerDay.filter((value) => Number.isFinite(value) && value >= 0);
  if (likes.length === 0) {
    const mean = n === 0 ? 0 : total / n;
    return { perDay: mean, sdPerDay: Math.sqrt(mean), ownShare: n === 0 ? 0 : 1 };
  }
  const borrowed = median(likes);
  const ownShare = n / (n + BORROWED_DAYS);
  const perDay = (total + BORROWED_DAYS * borrowed) / (n + BORROWED_DAYS);
  // Not knowing which like item it resembles is part of the spread, and fades with own days.
  const between = (quantileOf(likes, 0.75) - quantileOf(likes, 0.25)) / 1.349;
  const sdPerDay = Math.hypot(Math.sqrt(perDay), (1 - ownShare) * between);
  return { perDay, sdPerDay, ownShare };
}
