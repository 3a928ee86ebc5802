// Pure.
// The one outcome of a hold over several shards: the first seal in home's log wins (S20). Home sends it on to the
// lines elsewhere, which obey.
//
//     unsealed -> held (firm or timed, as asked) | aborted (free again) | fulfilled (goods leave) | expired

import { physicalFault } from "./anchors.ts";
import type { Command } from "./command.ts";
import { alert } from "./effects.ts";
import { isHome, lifeMs, setDue } from "./hold_book.ts";
import { goodsLeave, letGo, linesOf, namedHold, sendElsewhere } from "./hold_ends.ts";
import { makeFirm } from "./holds.ts";
import { ALREADY_SEALED, APPLIED, HOLD_EXPIRED, UNKNOWN_HOLD } from "./reasons.ts";
import type { Shard } from "./shard.ts";
import type { Group, Hold, KeyState, SealOutcome } from "./state.ts";

export function seal(s: Shard, c: Command, key: KeyState): number {
  const named = namedHold(s, c, key);
  if (named === null) return UNKNOWN_HOLD;
  s.place = named.key;
  const { group } = named;
  const outcome = c.raw.outcome as SealOutcome;
  if (group === null || group.home === null) return ALREADY_SEALED;
  if (group.sealed) return sealedBefore(s, c, named, group, outcome);
  if (named.status !== "held") {
    if (!isHome(s, group) && outcome !== "aborted") tellLate(s, named, outcome);
    return HOLD_EXPIRED;
  }
  const lines = linesOf(named);
  for (const line of lines) {
    const range = physicalFault(s, line.key, null, outcome === "fulfilled" ? -line.qty : 0);
    if (range !== APPLIED) return range;
  }
  group.sealed = true;
  group.outcome = outcome;
  s.dirtyGroup(group);
  for (const line of lines) sealLine(s, c, line, group, outcome);
  sendElsewhere(s, named, group, { type: "seal", outcome });
  return APPLIED;
}

function sealLine(s: Shard, c: Command, line: Hold, group: Group, outcome: SealOutcome): void {
  if (outcome === "aborted") {
    letGo(s, c, line);
  } else if (outcome === "fulfilled") {
    goodsLeave(s, c, line, -1, true);
  } else {
    if (group.ttlMs === null) makeFirm(s, line);
    s.book(line.key, c, "command", c.atMs, c.hold);
    if (!line.firm) setDue(s, line, s.now + lifeMs(s, group));
  }
}

/** The same outcome again is no news; another one comes too late. */
function sealedBefore(
  s: Shard,
  c: Command,
  named: Hold,
  group: Group,
  outcome: SealOutcome,
): number {
  if (group.outcome !== outcome) return ALREADY_SEALED;
  s.book(named.key, c, "command", c.atMs, c.hold);
  return APPLIED;
}

function tellLate(s: Shard, named: Hold, outcome: SealOutcome): void {
  const { key } = named;
  const place = { sku: key.sku.sku, location: key.location };
  const text = `Hold ${named.id} was sealed as ${outcome} at home, but its line here had expired`;
  alert(s, place, "seal_late", text, { hold: named.id, outcome });
}
