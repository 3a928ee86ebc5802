// Pure.
// Time passes: everything due by `now` happens before the entry, in the order of the heap. S9 S16

import { pruneTombstones } from "./hold_book.ts";
import { expire } from "./hold_ends.ts";
import { pruneLost } from "./lost.ts";
import { pruneClosed, refreshLate } from "./order_lines.ts";
import { review } from "./review.ts";
import type { Shard } from "./shard.ts";
import type { Due, Hold } from "./state.ts";

export function passTime(s: Shard): void {
  for (let item = s.due.first(); item !== undefined && item.dueMs <= s.now; item = s.due.first()) {
    s.begin();
    s.due.remove(item);
    happen(s, item);
    review(s, false);
  }
  pruneTombstones(s);
  pruneLost(s);
  pruneClosed(s);
  s.movements.startEntry(s.now);
  s.filter.prune(s.now - s.identityMs);
}

function happen(s: Shard, item: Due): void {
  const { key } = item;
  switch (item.kind) {
    case "hold":
      expire(s, item as Hold);
      return;
    case "quiet":
      s.rare(key).quiet = null;
      s.book(key, null, "passed", item.dueMs, null);
      return;
    case "order":
    case "transfer":
      s.book(key, null, "passed", item.dueMs, null);
      refreshLate(s, key);
      return;
  }
}
