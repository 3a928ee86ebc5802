// Pure.
// Holds at one location: planned (a check without a trace), then placed. S5: a hold takes no more than its channel
// may be promised. A live hold id replaces its quantity; what is firm stays firm.

import { ANY_LOCATION } from "../../shared/ids.ts";
import { inRange } from "./buckets.ts";
import { type Command, FIRM } from "./command.ts";
import {
  addHold,
  changeWaiting,
  findHold,
  finishedHold,
  giveHeld,
  liveHold,
  setDue,
} from "./hold_book.ts";
import { promisable, ruleOf } from "./level.ts";
import { BACKORDERS_PER_KEY_MAX, HOLDS_MAX } from "./limits.ts";
import { gotAfterAll } from "./lost.ts";
import {
  ALREADY_SEALED,
  APPLIED,
  BACKORDER_LIMIT,
  CHANNEL_CLOSED,
  HOLD_FINISHED,
  HOLD_UNSEALED,
  INSUFFICIENT,
  LIMIT_EXCEEDED,
  OUT_OF_RANGE,
} from "./reasons.ts";
import type { Shard } from "./shard.ts";
import { type Hold, type KeyState, NEVER_MS } from "./state.ts";

/** What a hold would do at a key. */
export type HoldPlan = {
  reason: number;
  key: KeyState;
  /** The live hold it replaces, and whatever hold of that id and key there is. */
  own: Hold | null;
  before: Hold | null;
  held: number;
  waiting: number;
  /** Units missing when refused. */
  short: number;
};

/** What is asked of one key. */
export type Asked = { hold: string; qty: number; channel: string | null; backorder: boolean };

export function askedOf(c: Command): Asked {
  return {
    hold: c.hold as string,
    qty: c.qty,
    channel: c.channel,
    backorder: c.raw.backorder === true,
  };
}

/** `hold` of one line. */
export function hold(s: Shard, c: Command, key: KeyState): number {
  const asked = askedOf(c);
  const plan =
    c.location === ANY_LOCATION ? chooseKey(s, c, key, asked, null) : planHold(s, key, asked);
  s.place = plan.key;
  if (plan.reason !== APPLIED) {
    refuseLines(s, c, [plan], [asked.qty]);
    return plan.reason;
  }
  const placed = place(s, c, plan);
  if (c.location === ANY_LOCATION) s.placed.push({ hold: placed, qty: asked.qty });
  return APPLIED;
}

// ---------------------------------------------------------------- planning

/** What asking at `key` would come to; changes nothing. */
export function planHold(s: Shard, key: KeyState, asked: Asked): HoldPlan {
  const before = findHold(s, key.sku, key.location, asked.hold);
  const own = before !== null && before.status === "held" ? before : null;
  const plan = { reason: APPLIED, key, own, before, held: asked.qty, waiting: 0, short: 0 };
  const had = own?.qty ?? 0;
  if (!inRange(key.reserved - had + asked.qty)) plan.reason = OUT_OF_RANGE;
  else if (own === null && (s.liveHolds >= HOLDS_MAX || s.isFull(key)))
    plan.reason = LIMIT_EXCEEDED;
  else if (before?.status === "fulfilled") plan.reason = HOLD_FINISHED;
  else if (own?.group?.sealed === false) plan.reason = HOLD_UNSEALED;
  // What was sealed over several shards is one for good: S20.
  else if ((own?.group?.home ?? null) !== null) plan.reason = ALREADY_SEALED;
  if (plan.reason !== APPLIED || asked.qty <= had) return plan;
  const rule = ruleOf(key, asked.channel);
  const free = Math.max(promisable(key, rule, had), 0);
  if (rule?.closed === true) {
    plan.reason = CHANNEL_CLOSED;
    plan.short = asked.qty;
    return plan;
  }
  if (asked.qty <= free) return plan;
  plan.short = asked.qty - free;
  plan.reason = INSUFFICIENT;
  return asked.backorder ? planBackorder(plan, Math.max(free, had), asked.qty) : plan;
}

function planBackorder(plan: HoldPlan, held: number, qty: number): HoldPlan {
  const { key, own } = plan;
  const waiting = qty - held;
  const owed = key.backordered - (own?.backordered ?? 0) + waiting;
  const limit = key.rare?.backorderLimit ?? null;
  if (limit === null && !inRange(owed)) return { ...plan, reason: OUT_OF_RANGE, short: 0 };
  // One that waits already keeps its place.
  const waits = own !== null && own.backordered > 0;
  const isFull = !waits && (key.rare?.waiting.length ?? 0) >= BACKORDERS_PER_KEY_MAX;
  if (isFull) return { ...plan, reason: LIMIT_EXCEEDED };
  if (limit !== null && owed > limit) return { ...plan, reason: BACKORDER_LIMIT };
  return { ...plan, reason: APPLIED, held, waiting, short: 0 };
}

/**
 * The first key that can fill it, in the order the command gives or by the channel's priority, then name. A live
 * hold stays where it is. None can: the first that takes a backorder; else the first that refused it.
 * @param taken keys that other lines of the same hold use
 */
export function chooseKey(
  s: Shard,
  c: Command,
  nowhere: KeyState,
  asked: Asked,
  taken: ReadonlySet<KeyState> | null,
): HoldPlan {
  const { sku } = nowhere;
  const live = liveHold(s, sku, asked.hold, taken);
  if (live !== null) return planHold(s, live.key, asked);
  if (finishedHold(s, sku, asked.hold)?.status === "fulfilled") {
    return { ...planHold(s, nowhere, asked), reason: HOLD_FINISHED };
  }
  let first: HoldPlan | null = null;
  let waits: HoldPlan | null = null;
  for (const key of candidates(s, c, nowhere, asked.channel)) {
    if (taken?.has(key)) continue;
    const plan = planHold(s, key, asked);
    if (plan.reason === APPLIED && plan.waiting === 0) return plan;
    if (plan.reason === APPLIED) waits ??= plan;
    // Where a channel is closed nothing was refused for lack of stock.
    else if (
      first === null ||
      (first.reason === CHANNEL_CLOSED && plan.reason !== CHANNEL_CLOSED)
    ) {
      first = plan;
    }
  }
  if (waits !== null) return waits;
  return first ?? { ...planHold(s, nowhere, { ...asked, backorder: false }), reason: INSUFFICIENT };
}

function candidates(s: Shard, c: Command, nowhere: KeyState, channel: string | null): KeyState[] {
  const named = c.raw.locations;
  if (named !== undefined) return named.map((location) => s.sibling(nowhere, location));
  const keys: { key: KeyState; priority: number }[] = [];
  for (let key = nowhere.sku.first; key !== null; key = key.next) {
    keys.push({ key, priority: ruleOf(key, channel)?.priority ?? NEVER_MS });
  }
  keys.sort((a, b) => a.priority - b.priority || (a.key.location < b.key.location ? -1 : 1));
  return keys.map(({ key }) => key);
}

// ---------------------------------------------------------------- placing

/** Does what was planned and books it. */
export function place(s: Shard, c: Command, plan: HoldPlan): Hold {
  const { key } = plan;
  const held = plan.own ?? addHold(s, key, c.hold as string, plan.before);
  held.channel = c.channel;
  held.shopper = c.shopper;
  const had = held.qty + held.backordered;
  giveHeld(s, held, plan.held - held.qty);
  changeWaiting(s, held, plan.waiting - held.backordered);
  const units = held.qty + held.backordered;
  if (held.firm) stayFirm(s, c, units - had);
  else if (c.ttlMs === FIRM) makeFirm(s, held);
  s.book(key, c, "command", c.atMs, c.hold);
  if (!held.firm) setDue(s, held, s.now + c.ttlMs);
  gotAfterAll(s, c, key.sku, units - had);
  return held;
}

/** A placed order stays one, whatever time it is asked with; what it gains or loses is demand at once. */
export function stayFirm(s: Shard, c: Command, gained: number): void {
  s.delta.demand += gained;
  if (c.ttlMs !== FIRM) s.firmLines += 1;
}

/** From here on it is a placed order: it never expires and is demand at once. Into `s.delta`. */
export function makeFirm(s: Shard, held: Hold): void {
  held.firm = true;
  s.delta.firm += held.qty;
  s.delta.demand += held.qty + held.backordered;
  setDue(s, held, NEVER_MS);
}

// ---------------------------------------------------------------- refusing

/** Tells the lines of a refusal, and which demand it refused for lack of stock. */
export function refuseLines(
  s: Shard,
  c: Command,
  plans: readonly HoldPlan[],
  qtys: readonly number[],
): void {
  const isMany = c.raw.lines !== undefined || c.location === ANY_LOCATION;
  if (isMany) s.lines = [];
  plans.forEach((plan, i) => {
    const qty = qtys[i] as number;
    const { key, reason } = plan;
    const line = { sku: key.sku.sku, location: key.location, qty, short: plan.short };
    s.lines?.push(s.isKept(key) ? { ...line, level: s.level(key) } : line);
    if (reason === INSUFFICIENT || reason === BACKORDER_LIMIT) {
      s.refused.push({ key, qty, own: (plan.own?.qty ?? 0) + (plan.own?.backordered ?? 0) });
    }
  });
}
