// Pure.
// Reorder needs. S14: at most one open need per key.
//
//     none -> open (rev 1) -> restated (rev + 1) … -> closed by the first `order` naming it
//                                              `-> withdrawn (qty 0)
//
// A need opens when the position is at or below the reorder point, the plan's mode is not observe, the key has
// had a count or a receipt, and neither a need nor a quiet time is open. What is only because late inbound is
// not counted has the cause `late` and always waits for a person.

import { tellNeed } from "./effects.ts";
import { inventoryPosition } from "./level.ts";
import type { Shard } from "./shard.ts";
import { type KeyState, type Plan, type Rare, SUPPLIED } from "./state.ts";

/** Finds, restates or withdraws the need of a key after something changed. */
export function reviewNeed(s: Shard, key: KeyState): void {
  const { rare } = key;
  if (rare === null || rare.plan === null) return;
  const { plan, need } = rare;
  if (need !== null) {
    restate(s, key, rare, plan);
    return;
  }
  const quiet = rare.quiet !== null && rare.quiet.dueMs > s.now;
  if (plan.mode === "observe" || quiet || (key.flags & SUPPLIED) === 0) return;
  const position = inventoryPosition(key);
  const qty = plan.orderUpTo - position;
  if (position > plan.reorderPoint || qty <= 0) return;
  rare.need = {
    need: `N${s.epoch}.${s.shard}.${s.seq}.${s.index}.${s.minted++}`,
    rev: 1,
    qty,
    ...causeOf(position, rare, plan),
  };
  s.touch(key);
  tellNeed(s, key, rare.need, plan);
}

function restate(s: Shard, key: KeyState, rare: Rare, plan: Plan): void {
  const need = rare.need as NonNullable<Rare["need"]>;
  const position = inventoryPosition(key);
  const enough = position > plan.reorderPoint || plan.mode === "observe";
  const qty = enough ? 0 : Math.max(0, plan.orderUpTo - position);
  const { cause, mode } = causeOf(position, rare, plan);
  if (qty === need.qty && cause === need.cause && mode === need.mode) return;
  const next = { need: need.need, rev: need.rev + 1, qty, cause, mode };
  rare.need = qty === 0 ? null : next;
  s.touch(key);
  tellNeed(s, key, next, plan);
}

function causeOf(position: number, rare: Rare, plan: Plan) {
  const onlyLate = rare.late > 0 && position + rare.late > plan.reorderPoint;
  if (!onlyLate) return { cause: "reorderPoint" as const, mode: plan.mode };
  // `late` waits for a person whatever the plan says.
  const mode = plan.mode === "autopilot" ? ("recommend" as const) : plan.mode;
  return { cause: "late" as const, mode };
}
