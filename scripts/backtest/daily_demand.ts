// Pure.
/**
 * Event-level sales become daily demand a SKU: sales less cancelled ones, by calendar day of the file,
 * and, on wish, bulk orders apart: a day's demand held to a percentile of the SKU's selling days.
 */
import type { SaleLine } from "./sales_file.ts";

export interface SkuDemand {
  readonly sku: string;
  /** Mean price of a unit sold. */
  readonly price: number;
  /** Units a day, from the first to the last whole day of the file. */
  readonly daily: Float64Array;
  /** Sale lines a day. */
  readonly orders: Float64Array;
}

export interface DailyDemand {
  readonly skus: readonly SkuDemand[];
  /** First day, as YYYY-MM-DD. */
  readonly firstDay: string;
  readonly dayCount: number;
  readonly cancelledLines: number;
}

interface Entry {
  readonly daily: Float64Array;
  readonly orders: Float64Array;
  units: number;
  value: number;
}

const DAY_MS = 86_400_000;
/** A return of exactly a sale's units within this time is that sale taken back, not a return. */
const CANCEL_WITHIN_MS = DAY_MS;

/** Demand of every SKU sold, in the order of their names. The file's last day is dropped as unfinished. */
export function dailyDemand(lines: readonly SaleLine[]): DailyDemand {
  const kept = withoutCancelled(lines);
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { atMs } of lines) {
    first = Math.min(first, atMs);
    last = Math.max(last, atMs);
  }
  const firstDay = Math.floor(first / DAY_MS);
  const dayCount = Math.max(1, Math.floor(last / DAY_MS) - firstDay);
  const bySku = new Map<string, Entry>();
  for (const { atMs, sku, qty, unitPrice } of kept) {
    const day = Math.floor(atMs / DAY_MS) - firstDay;
    if (qty <= 0 || unitPrice <= 0 || day >= dayCount) continue;
    let entry = bySku.get(sku);
    if (entry === undefined) {
      entry = {
        daily: new Float64Array(dayCount),
        orders: new Float64Array(dayCount),
        units: 0,
        value: 0,
      };
      bySku.set(sku, entry);
    }
    entry.daily[day] = entry.daily[day]! + qty;
    entry.orders[day] = entry.orders[day]! + 1;
    entry.units += qty;
    entry.value += qty * unitPrice;
  }
  const skus = [...bySku.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([sku, { daily, orders, units, value }]) => ({
      sku,
      price: value / units,
      daily,
      orders,
    }));
  return {
    skus,
    firstDay: new Date(firstDay * DAY_MS).toISOString().slice(0, 10),
    dayCount,
    cancelledLines: lines.length - kept.length,
  };
}

/** Lines without the sales that were taken back, and without what took them back. */
function withoutCancelled(lines: readonly SaleLine[]): SaleLine[] {
  const open = new Map<string, number[]>();
  const dropped = new Uint8Array(lines.length);
  const order = lines.map((_, i) => i).sort((a, b) => lines[a]!.atMs - lines[b]!.atMs || a - b);
  for (const i of order) {
    const { atMs, sku, location, qty } = lines[i]!;
    const key = `${sku}\n${location}\n${Math.abs(qty)}`;
    if (qty > 0) {
      const waiting = open.get(key);
      if (waiting === undefined) open.set(key, [i]);
      else waiting.push(i);
    } else if (qty < 0) {
      const sale = open.get(key)?.pop();
      if (sale !== undefined && atMs - lines[sale]!.atMs <= CANCEL_WITHIN_MS) {
        dropped[sale] = 1;
        dropped[i] = 1;
      }
    }
  }
  return lines.filter((_, i) => dropped[i] === 0);
}

/**
 * Daily demand held to a percentile (0..1) of the non-zero days among the first `knownDays`; the whole
 * history when `knownDays` is its length. The order statistic is the one at floor(n * percentile).
 */
export function capped(daily: Float64Array, percentile: number, knownDays: number): Float64Array {
  const selling = daily.subarray(0, knownDays).filter((value) => value > 0);
  if (selling.length === 0) return daily;
  const cap =
    selling.sort()[Math.min(selling.length - 1, Math.floor(selling.length * percentile))]!;
  return daily.map((value) => Math.min(value, cap));
}

/** Days with any demand among the first `knownDays`. */
export function sellingDays(daily: Float64Array, knownDays: number): number {
  let count = 0;
  for (let t = 0; t < knownDays; t++) if (daily[t]! > 0) count++;
  return count;
}
