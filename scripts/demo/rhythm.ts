// Pure.
// When people buy: by hour and day of the week, in the place's own time, relative to its average day.

import type { Kind } from "./chain.ts";

const HOUR_MS = 3_600_000;

/** Share of an average hour's baskets, by hour of the local day; each row has mean 1. */
const HOURS: Record<"shop" | "online", readonly number[]> = {
  shop: [0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 14, 18, 24, 22, 18, 17, 19, 24, 22, 10, 0, 0, 0, 0],
  online: [5, 3, 2, 1, 1, 2, 4, 7, 9, 10, 11, 11, 12, 12, 11, 10, 10, 11, 13, 16, 19, 20, 16, 10],
};
/** By day of the week, Sunday first; mean 1. */
const DAYS: Record<"shop" | "online", readonly number[]> = {
  shop: [0.75, 0.8, 0.85, 0.9, 1, 1.2, 1.5],
  online: [1.25, 1.1, 0.95, 0.95, 0.9, 0.85, 1],
};

/** Baskets at simulated time `ms` (UTC) as a multiple of the average; 0 while closed. */
export function rhythm(kind: Kind, ms: number, utcOffsetHours: number): number {
  const local = new Date(ms + utcOffsetHours * HOUR_MS);
  const row = kind === "store" ? "shop" : "online";
  const hours = HOURS[row];
  const mean = hours.reduce((sum, n) => sum + n, 0) / hours.length;
  const days = DAYS[row];
  return ((hours[local.getUTCHours()] ?? 0) / mean) * (days[local.getUTCDay()] ?? 1);
}

/** The most `rhythm` can be, for thinning. */
export const RHYTHM_MAX = 4.5;
