// Pure.
// Owns how levels of one SKU are shown together: each location's level, and totals. Totals clamp per
// location, then sum: what one shop oversold lowers no other shop's stock (M18).

import type { Level } from "../shared/decisions.ts";

/** Sums over locations, whole base units. */
export type StockTotals = {
  onHand: number;
  sellable: number;
  reserved: number;
  available: number;
  oversold: number;
  backordered: number;
  inTransit: number;
  onOrder: number;
  /** By channel; a location without a rule for the channel counts with its `default`. */
  atp: Record<string, number>;
  inventoryPosition: number;
};

export type StockView = { sku: string; totals: StockTotals; locations: Level[]; stale?: true };

/** The view of `sku` over `levels`, by location. */
export function stockView(sku: string, levels: readonly Level[], stale = false): StockView {
  const locations = [...levels].sort((a, b) => (a.location < b.location ? -1 : 1));
  return {
    sku,
    totals: totalsOf(locations),
    locations,
    ...(stale ? { stale: true as const } : {}),
  };
}

export function totalsOf(levels: readonly Level[]): StockTotals {
  const totals: StockTotals = {
    onHand: 0,
    sellable: 0,
    reserved: 0,
    available: 0,
    oversold: 0,
    backordered: 0,
    inTransit: 0,
    onOrder: 0,
    atp: {},
    inventoryPosition: 0,
  };
  const channels = new Set<string>(["default"]);
  for (const level of levels) for (const channel of Object.keys(level.atp)) channels.add(channel);
  const atp = new Map<string, number>();
  for (const level of levels) {
    totals.onHand += Math.max(0, level.onHand);
    totals.sellable += Math.max(0, level.sellable);
    totals.reserved += level.reserved;
    totals.available += Math.max(0, level.available);
    totals.oversold += level.oversold;
    totals.backordered += level.backordered;
    totals.inTransit += level.inTransit;
    totals.onOrder += level.onOrder;
    totals.inventoryPosition += Math.max(0, level.inventoryPosition);
    for (const channel of channels) {
      const own = Object.hasOwn(level.atp, channel) ? level.atp[channel] : level.atp.default;
      atp.set(channel, (atp.get(channel) ?? 0) + Math.max(0, own ?? level.available));
    }
  }
  totals.atp = Object.fromEntries(atp);
  return totals;
}
