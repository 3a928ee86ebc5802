// Pure.
// The numbers of a key that follow from others. Totals clamp per location. Source: design, section 4.
//
//     available          = sellable - reserved                     oversold = max(0, -available)
//     atp of a channel   = closed ? 0 : min(max, max(0, available - buffer))
//     inventoryPosition  = max(0, sellable) - firm - backordered + onOrder + inTransit - late

import type { LedgerLevel, Level } from "../../shared/decisions.ts";
import type { ChannelRule, KeyState } from "./state.ts";

/** The rule of channels that have none of their own. */
export const DEFAULT_CHANNEL = "default";

export function ruleOf(key: KeyState, channel: string | null): ChannelRule | undefined {
  const channels = key.rare?.channels;
  if (channels === undefined || channels === null) return undefined;
  return channels.get(channel ?? DEFAULT_CHANNEL) ?? channels.get(DEFAULT_CHANNEL);
}

/** Units a channel may be promised, when `own` units of the asking hold count as free. */
export function promisable(key: KeyState, rule: ChannelRule | undefined, own: number): number {
  const available = key.sellable - key.reserved + own;
  if (rule === undefined) return available > 0 ? available : 0;
  if (rule.closed === true) return 0;
  const free = Math.max(0, available - (rule.buffer ?? 0));
  return rule.max === undefined ? free : Math.min(rule.max, free);
}

export function inventoryPosition(key: KeyState): number {
  const late = key.rare === null ? 0 : key.rare.late;
  const onShelf = key.sellable > 0 ? key.sellable : 0;
  return onShelf - key.firm - key.backordered + key.onOrder + key.inTransit - late;
}

export function levelOf(key: KeyState, version: string, updatedAt: string): Level {
  const available = key.sellable - key.reserved;
  const free = available > 0 ? available : 0;
  const { rare } = key;
  return {
    sku: key.sku.sku,
    location: key.location,
    onHand: key.sellable + key.unavailable,
    sellable: key.sellable,
    unavailable: rare === null ? {} : unavailableOf(key),
    reserved: key.reserved,
    available,
    oversold: available < 0 ? -available : 0,
    backordered: key.backordered,
    inTransit: key.inTransit,
    onOrder: key.onOrder,
    atp: rare === null || rare.channels === null ? { default: free } : atpOf(key, rare.channels),
    inventoryPosition: inventoryPosition(key),
    version,
    updatedAt,
  };
}

function unavailableOf(key: KeyState): Record<string, number> {
  const unavailable: Record<string, number> = {};
  for (const { name, qty } of key.rare?.buckets ?? []) if (qty !== 0) unavailable[name] = qty;
  return unavailable;
}

function atpOf(key: KeyState, channels: ReadonlyMap<string, ChannelRule>): Record<string, number> {
  const atp = new Map([[DEFAULT_CHANNEL, promisable(key, channels.get(DEFAULT_CHANNEL), 0)]]);
  for (const [channel, rule] of channels) atp.set(channel, promisable(key, rule, 0));
  return Object.fromEntries(atp);
}

/** The quantities the ledger keeps of a level, as resulting levels of a row. */
export type KeptLevel = {
  sellable: number;
  unavailable: number;
  reserved: number;
  backordered: number;
  inTransit: number;
  onOrder: number;
};

/** A level as the ledger keeps it. */
export function ledgerLevel(
  key: { sku: string; location: string },
  kept: KeptLevel,
  version: string,
  updatedAt: string,
): LedgerLevel {
  const available = kept.sellable - kept.reserved;
  return {
    sku: key.sku,
    location: key.location,
    onHand: kept.sellable + kept.unavailable,
    sellable: kept.sellable,
    reserved: kept.reserved,
    available,
    oversold: available < 0 ? -available : 0,
    backordered: kept.backordered,
    inTransit: kept.inTransit,
    onOrder: kept.onOrder,
    version,
    updatedAt,
  };
}
