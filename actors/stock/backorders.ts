// Pure.
// Holds that wait for stock are filled in log order, unit by unit, by anything that raises what is available,
// before new holds. A hold's own channel may keep a buffer back from it; a hold behind it may then be filled.

import { tellHold } from "./effects.ts";
import { changeWaiting, giveHeld } from "./hold_book.ts";
import { ruleOf } from "./level.ts";
import type { Shard } from "./shard.ts";
import type { Hold, KeyState } from "./state.ts";

export function fillBackorders(s: Shard, key: KeyState): void {
  const waiting = key.rare?.waiting;
  if (waiting === undefined || waiting.length === 0) return;
  let at = 0;
  while (at < waiting.length && key.sellable > key.reserved) {
    const hold = waiting[at] as Hold;
    const buffer = ruleOf(key, hold.channel)?.buffer ?? 0;
    const free = key.sellable - key.reserved - buffer;
    const units = Math.min(free, hold.backordered);
    if (units <= 0) {
      at += 1;
      continue;
    }
    giveHeld(s, hold, units);
    changeWaiting(s, hold, -units);
    s.book(key, null, "backorderFill", s.now, hold.id);
    tellHold(s, hold, "filled", units);
    if (hold.backordered > 0) at += 1;
  }
}
