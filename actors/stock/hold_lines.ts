// Pure.
// A hold with several lines of this shard: one id, one decision, all or nothing; afterwards one group that is
// extended, released and sealed as one (S20). With `home` it is one shard's part of a hold over several shards:
// unsealed, it always expires, and away from home a grace later.

import { ANY_LOCATION } from "../../shared/ids.ts";
import { type Command, FIRM } from "./command.ts";
import {
  addHold,
  changeWaiting,
  giveHeld,
  isHome,
  leaveGroup,
  lifeMs,
  setDue,
} from "./hold_book.ts";
import { letGo } from "./hold_ends.ts";
import {
  type Asked,
  chooseKey,
  type HoldPlan,
  makeFirm,
  planHold,
  refuseLines,
  stayFirm,
} from "./holds.ts";
import { HOLDS_MAX } from "./limits.ts";
import { gotAfterAll } from "./lost.ts";
import {
  ALREADY_SEALED,
  APPLIED,
  HOLD_FINISHED,
  HOLD_UNSEALED,
  LIMIT_EXCEEDED,
} from "./reasons.ts";
import type { Shard } from "./shard.ts";
import { Group, type Hold, type KeyState } from "./state.ts";

type RawLine = { sku: string; location?: string; qty: number };

export function holdLines(s: Shard, c: Command, _key: KeyState): number {
  const lines = c.raw.lines as RawLine[];
  const plans = planLines(s, c, lines);
  const reason = plans.reduce((least, plan) => firstOf(least, faultOf(s, c, plan)), APPLIED);
  const full = s.liveHolds + lines.length > HOLDS_MAX ? LIMIT_EXCEEDED : APPLIED;
  const worst = firstOf(reason, full);
  const qtys = lines.map((line) => line.qty);
  s.place = (plans.find((plan) => faultOf(s, c, plan) === worst) ?? (plans[0] as HoldPlan)).key;
  if (worst !== APPLIED) {
    refuseLines(s, c, plans, qtys);
    return worst;
  }
  s.place = (plans[0] as HoldPlan).key;
  placeLines(s, c, plans, qtys);
  return APPLIED;
}

/** The reason that comes first in the precedence; APPLIED only when both are. */
function firstOf(a: number, b: number): number {
  if (a === APPLIED) return b;
  return b === APPLIED ? a : Math.min(a, b);
}

/** A part of a hold over shards never comes back: neither live nor finished, nor at another location. */
function faultOf(s: Shard, c: Command, plan: HoldPlan): number {
  let fault = plan.reason;
  if (c.raw.home === undefined) return fault;
  for (let hold = s.holds.get(plan.key.sku, c.hold as string); hold !== null; hold = hold.sibling) {
    const live = hold.group?.sealed === false ? HOLD_UNSEALED : ALREADY_SEALED;
    fault = firstOf(fault, hold.status === "held" ? live : HOLD_FINISHED);
  }
  return fault;
}

function planLines(s: Shard, c: Command, lines: readonly RawLine[]): HoldPlan[] {
  const taken = new Set<KeyState>();
  const asked = lines.map((line) => askedOfLine(c, line));
  const plans: (HoldPlan | undefined)[] = lines.map((line, i) => {
    if (isOpen(line)) return undefined;
    const key = s.key(line.sku, line.location as string);
    taken.add(key);
    return planHold(s, key, asked[i] as Asked);
  });
  return lines.map((line, i) => {
    const planned = plans[i];
    if (planned !== undefined) return planned;
    const nowhere = s.key(line.sku, ANY_LOCATION);
    const plan = chooseKey(s, c, nowhere, asked[i] as Asked, taken);
    taken.add(plan.key);
    return plan;
  });
}

function isOpen(line: RawLine): boolean {
  return line.location === undefined || line.location === ANY_LOCATION;
}

function askedOfLine(c: Command, line: RawLine): Asked {
  return {
    hold: c.hold as string,
    qty: line.qty,
    channel: c.channel,
    backorder: c.raw.backorder === true,
  };
}

function placeLines(
  s: Shard,
  c: Command,
  plans: readonly HoldPlan[],
  qtys: readonly number[],
): void {
  const group = new Group();
  group.number = s.nextHold++;
  const before = new Set(plans.map((plan) => plan.own?.group ?? null));
  group.home = c.raw.home ?? null;
  group.placedBy = c.id;
  group.placedMs = s.now;
  group.sealed = group.home === null;
  group.ttlMs = c.ttlMs === FIRM ? null : c.ttlMs;
  if (isHome(s, group)) {
    group.backorder = c.raw.backorder === true;
    group.elsewhere = (c.raw.elsewhere ?? []).map(({ sku, location }) => ({
      sku,
      location: location ?? ANY_LOCATION,
    }));
  }
  for (const [i, plan] of plans.entries()) {
    const held = placeLine(s, c, plan, group);
    s.placed.push({ hold: held, qty: qtys[i] as number });
  }
  // What goes for all lines goes in order of their making: the order a restore finds (S3).
  group.lines.sort((a, b) => a.number - b.number);
  // Lines of a group this one replaces that it does not name are free again.
  for (const old of before) {
    for (const left of old?.lines ?? []) if (left.status === "held") letGo(s, c, left);
  }
}

function placeLine(s: Shard, c: Command, plan: HoldPlan, group: Group): Hold {
  const { key } = plan;
  const held = plan.own ?? addHold(s, key, c.hold as string, plan.before);
  held.channel = c.channel;
  held.shopper = c.shopper;
  leaveGroup(held);
  held.group = group;
  group.lines.push(held);
  const had = held.qty + held.backordered;
  giveHeld(s, held, plan.held - held.qty);
  changeWaiting(s, held, plan.waiting - held.backordered);
  const units = held.qty + held.backordered;
  if (held.firm) stayFirm(s, c, units - had);
  else if (group.sealed && c.ttlMs === FIRM) makeFirm(s, held);
  s.book(key, c, "command", c.atMs, c.hold);
  if (!held.firm) setDue(s, held, s.now + lifeMs(s, group));
  gotAfterAll(s, c, key.sku, units - had);
  return held;
}
