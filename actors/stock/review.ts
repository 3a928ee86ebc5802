// Pure.
// What follows from a change, in this order: backorders are filled, overselling is told, needs are found.

import { fillBackorders } from "./backorders.ts";
import { reviewNeed } from "./needs.ts";
import { reviewOversold } from "./oversold.ts";
import type { Shard } from "./shard.ts";
import type { KeyState } from "./state.ts";

/** Reviews every key the command changed. History (`backfill`) raises no need and no alert. */
export function review(s: Shard, backfill: boolean): void {
  // Reviewing may change more keys.
  for (let i = 0; i < s.changedCount; i++) {
    const key = s.changed[i] as KeyState;
    if (key.rare === null && key.sellable >= key.reserved) continue;
    fillBackorders(s, key);
    if (backfill) continue;
    reviewOversold(s, key);
    reviewNeed(s, key);
  }
}
