// Pure.
// Lost demand: what a shopper asked for of a SKU on a day (UTC) in vain, the most asked less what was got from
// then on, wherever; booked where it was first refused. A hold without a shopper stands for one. Tills lose
// none: what is on the counter is sold.

import type { Command } from "./command.ts";
import { DAY_MS, LOST_MAX, LOST_MS, TILL_CHANNELS } from "./limits.ts";
import type { Shard } from "./shard.ts";
import { type KeyState, Lost, type SkuState } from "./state.ts";

function shopperOf(c: Command): string {
  return c.shopper === null ? `h${c.hold}` : `s${c.shopper}`;
}

export function lostKey(shopper: string, day: number): string {
  return `${day}\u0000${shopper}`;
}

function findLost(sku: SkuState, c: Command): Lost | undefined {
  const lost = sku.rare?.lost;
  return lost ? lost.get(lostKey(shopperOf(c), Math.floor(c.atMs / DAY_MS))) : undefined;
}

/** A change of what is lost, to be booked where and when it was first refused. */
export type LostChange = { sku: SkuState; location: string; atMs: number; lost: number };

/**
 * Remembers that `asked` units were refused at a key where the hold had `own` units. Returns what more is lost
 * now, or null.
 */
export function askedInVain(
  s: Shard,
  c: Command,
  key: KeyState,
  asked: number,
  own: number,
): LostChange | null {
  if (c.backfill || (c.channel !== null && TILL_CHANNELS.includes(c.channel))) return null;
  const lost = findLost(key.sku, c) ?? addLost(s, c, key, own);
  if (asked > lost.asked) lost.asked = asked;
  return relost(s, lost);
}

/** Remembers that a shopper who had asked in vain got units; books what is lost no more. */
export function gotAfterAll(s: Shard, c: Command, sku: SkuState, units: number): void {
  if (units <= 0) return;
  const lost = findLost(sku, c);
  if (lost === undefined) return;
  lost.got += units;
  const change = relost(s, lost);
  if (change !== null) bookLost(s, c, change);
}

/** Books a change of what is lost on a row of its own. Where nothing ever was, it makes no level either. */
export function bookLost(s: Shard, c: Command, change: LostChange): void {
  const key = s.key(change.sku.sku, change.location);
  s.delta.lost = change.lost;
  if (s.isKept(key)) s.book(key, c, "lostDemand", change.atMs, c.hold);
  else s.bookNoLevel(key, c, change.atMs);
}

function relost(s: Shard, lost: Lost): LostChange | null {
  s.dirtyLost.add(lost);
  const now = Math.max(0, lost.asked - lost.got);
  const by = now - lost.lost;
  lost.lost = now;
  return by === 0 ? null : { sku: lost.sku, location: lost.location, atMs: lost.atMs, lost: by };
}

function addLost(s: Shard, c: Command, key: KeyState, own: number): Lost {
  s.keepSku(key.sku);
  const rare = s.skuRare(key.sku);
  rare.lost ??= new Map();
  const day = Math.floor(c.atMs / DAY_MS);
  const lost = new Lost(key.sku, key.location, shopperOf(c), day);
  lost.number = s.nextLost++;
  lost.madeMs = s.now;
  lost.atMs = c.atMs;
  lost.got = own;
  rare.lost.set(lostKey(lost.shopper, day), lost);
  s.lost.push(lost);
  return lost;
}

/** Forgets what was asked long ago or beyond the limit, oldest first. */
export function pruneLost(s: Shard): void {
  for (let lost = s.lost.peek(); lost !== undefined; lost = s.lost.peek()) {
    if (lost.madeMs + LOST_MS > s.now && s.lost.size <= LOST_MAX) return;
    s.lost.shift();
    const { sku } = lost;
    sku.rare?.lost?.delete(lostKey(lost.shopper, lost.day));
    if (isEmpty(sku)) forgetSku(s, sku);
    s.dirtyLost.delete(lost);
    s.deletes.lost.push(lost);
  }
}

function isEmpty({ first, rare }: SkuState): boolean {
  return first === null && !rare?.lost?.size && !rare?.transfers?.size;
}

/** A SKU that was only ever asked for in vain. */
function forgetSku(s: Shard, sku: SkuState): void {
  sku.kept = false;
  s.skus.delete(sku.sku);
}
