// Pure.
// Overselling: a fact may make available negative; a person is told when it begins, and again each time it has
// doubled, with the youngest holds it endangers.

import { alert } from "./effects.ts";
import { ENDANGERED_MAX } from "./limits.ts";
import type { Shard } from "./shard.ts";
import type { Hold, KeyState } from "./state.ts";

export function reviewOversold(s: Shard, key: KeyState): void {
  const oversold = Math.max(0, key.reserved - key.sellable);
  const alerted = key.rare?.oversoldAlerted ?? 0;
  if (oversold === 0) {
    if (key.rare !== null) key.rare.oversoldAlerted = 0;
    return;
  }
  if (alerted > 0 && oversold < alerted * 2) return;
  s.rare(key).oversoldAlerted = oversold;
  const place = { sku: key.sku.sku, location: key.location };
  const text = `${oversold} more sold or promised than there are`;
  alert(s, place, "oversold", text, { oversold, holds: endangered(key, oversold) });
}

/** The youngest holds that together hold the units that are not there. */
function endangered(key: KeyState, oversold: number) {
  const holds: { hold: string; qty: number }[] = [];
  let left = oversold;
  for (let hold: Hold | null = key.youngest; hold !== null && left > 0; hold = hold.older) {
    if (hold.qty === 0) continue;
    if (holds.length === ENDANGERED_MAX) break;
    holds.push({ hold: hold.id, qty: hold.qty });
    left -= hold.qty;
  }
  return holds;
}
