// The oracle's requests: what may be refused. No request makes available negative (S5).
import { REJECTION_REASONS } from "../../shared/decisions.ts";
import { parseTime } from "../../shared/time.ts";
import { partition } from "../../streams/partition.ts";
import { toToken } from "../../streams/subjects.ts";
import type { OracleCommand } from "./oracle_decode.ts";
import type { FactContext } from "./oracle_facts.ts";
import { order, policy } from "./oracle_parameters.ts";
import {
  MINUTE_MS,
  type OracleGroup,
  type OracleHold,
  OracleKey,
  type OracleState,
  QUANTITY_MAX,
  SELLABLE,
} from "./oracle_state.ts";
import { byText, finish } from "./oracle_time.ts";
import type { Verdict } from "./oracle_verdict.ts";

const UNSEALED_MS = MINUTE_MS;
const GRACE_MS = 5 * MINUTE_MS;

export function applyRequest(context: FactContext, command: OracleCommand): Verdict {
  switch (command.type) {
    case "hold":
      return "lines" in command.body ? holdLines(context, command) : holdOne(context, command);
    case "extend":
    case "fulfill":
    case "release":
      return changeHold(context, command);
    case "seal":
      return seal(context, command);
    case "policy":
      return policy(context, command);
    case "order":
      return order(context, command);
    default:
      throw new Error(`Cannot judge a ${command.type}`);
  }
}

// ---------------------------------------------------------------- placing

type Ask = { hold: string; qty: number; channel: string | undefined; backorder: boolean };
/** What a key would do of what is asked: hold `held`, let `waits` wait, or refuse. */
type Plan = { key: OracleKey; held: number; waits: number; reason: Verdict };

const isUnsealed = (hold: OracleHold): boolean =>
  hold.group?.home !== undefined && hold.group.outcome === undefined;

function planAt(state: OracleState, key: OracleKey, ask: Ask): Plan {
  const { hold: id, qty, channel, backorder } = ask;
  const here = state.holds.filter((hold) => hold.hold === id && hold.key === key);
  const live = here.find((hold) => hold.status === "held");
  const last = latest(here);
  const plan = { key, held: qty, waits: 0 };
  const refuse = (reason: Verdict): Plan => ({ ...plan, reason });
  if (state.reserved(key) - (live?.qty ?? 0) + qty > QUANTITY_MAX) return refuse("out_of_range");
  if (live === undefined && last?.status === "fulfilled") return refuse("hold_finished");
  if (live !== undefined && isUnsealed(live)) return refuse("hold_unsealed");
  if (live?.group?.home !== undefined) return refuse("already_sealed");
  const own = live?.qty ?? 0;
  const rule = key.rule(channel);
  if (qty <= own) return { ...plan, reason: undefined };
  if (rule.closed) return refuse("channel_closed");
  const open = Math.max(0, state.available(key) + own - (rule.buffer ?? 0));
  const promisable = Math.min(rule.max ?? Number.POSITIVE_INFINITY, open);
  if (qty <= promisable) return { ...plan, reason: undefined };
  if (!backorder) return refuse("insufficient_available");
  const held = Math.max(promisable, own);
  const waits = qty - held;
  const owed = state.backordered(key) - (live?.backordered ?? 0) + waits;
  if (owed > (key.backorderLimit ?? Number.POSITIVE_INFINITY)) return refuse("backorder_limit");
  return { key, held, waits, reason: undefined };
}

const latest = (holds: readonly OracleHold[]): OracleHold | undefined =>
  [...holds].sort((a, b) => a.finished - b.finished).at(-1);

/** Where a hold without a location goes; `used` keys are other lines'. */
function planAnywhere(
  state: OracleState,
  sku: string,
  ask: Ask,
  locations: readonly string[] | undefined,
  used: ReadonlySet<OracleKey>,
): Plan {
  const holds = state.holds.filter((hold) => hold.hold === ask.hold && hold.key.sku === sku);
  const live = holds.filter((hold) => hold.status === "held" && !used.has(hold.key));
  live.sort((a, b) => byText(a.key.location, b.key.location));
  if (live[0] !== undefined) return planAt(state, live[0].key, ask);
  const nowhere = new OracleKey(sku, "-");
  if (latest(holds)?.status === "fulfilled")
    return { key: nowhere, held: 0, waits: 0, reason: "hold_finished" };
  const named = locations?.map((location) => state.key(sku, location));
  const keys = (named ?? byPriority(state, sku, ask.channel)).filter((key) => !used.has(key));
  const plans = keys.map((key) => planAt(state, key, ask));
  const whole = plans.find((plan) => plan.reason === undefined && plan.waits === 0);
  const waiting = plans.find((plan) => plan.reason === undefined);
  const refused = plans.find((plan) => plan.reason !== "channel_closed") ?? plans[0];
  return (
    whole ??
    waiting ??
    refused ?? { key: nowhere, held: 0, waits: 0, reason: "insufficient_available" }
  );
}

function byPriority(state: OracleState, sku: string, channel: string | undefined): OracleKey[] {
  const priority = (key: OracleKey) => key.rule(channel).priority ?? Number.POSITIVE_INFINITY;
  const compare = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1);
  return state
    .keysOf(sku)
    .sort((a, b) => compare(priority(a), priority(b)) || byText(a.location, b.location));
}

function holdOne({ state }: FactContext, command: OracleCommand): Verdict {
  const { body, sku, location } = command;
  const ask = askOf(body, Number(body.qty));
  const plan =
    location === "-"
      ? planAnywhere(state, sku, ask, body.locations as string[] | undefined, new Set())
      : planAt(state, state.key(sku, location), ask);
  if (plan.reason !== undefined) return plan.reason;
  const ttlMs = body.ttlMs as number | null;
  place(state, plan, ask, ttlMs, undefined);
  return undefined;
}

function askOf(body: Record<string, unknown>, qty: number): Ask {
  return {
    hold: String(body.hold),
    qty,
    channel: body.channel as string | undefined,
    backorder: body.backorder === true,
  };
}

/** Makes or replaces the hold as planned. */
function place(
  state: OracleState,
  plan: Plan,
  ask: Ask,
  ttlMs: number | null,
  group: OracleGroup | undefined,
): OracleHold {
  const { key, held, waits } = plan;
  key.isKept = true;
  let hold = state.holds.find(
    (one) => one.hold === ask.hold && one.key === key && one.status === "held",
  );
  const isFirm = hold !== undefined && hold.expiresMs === null;
  if (hold === undefined) {
    // A finished one of that name gives way to it.
    state.holds = state.holds.filter((one) => one.hold !== ask.hold || one.key !== key);
    hold = {
      hold: ask.hold,
      key,
      qty: 0,
      backordered: 0,
      status: "held",
      expiresMs: null,
      channel: ask.channel,
      number: state.numbers++,
      group,
      finished: 0,
      finishedMs: 0,
    };
    state.holds.push(hold);
  }
  if (isFirm) key.demand += held + waits - hold.qty - hold.backordered;
  else if (ttlMs === null) key.demand += held + waits;
  hold.qty = held;
  hold.backordered = waits;
  hold.channel = ask.channel;
  hold.group = group ?? hold.group;
  hold.expiresMs = isFirm || ttlMs === null ? null : state.nowMs + ttlMs;
  return hold;
}

type LineJson = { sku: string; location?: string; qty: number };

function holdLines({ state, options }: FactContext, command: OracleCommand): Verdict {
  const { body } = command;
  const lines = body.lines as LineJson[];
  const home = body.home as string | undefined;
  const id = String(body.hold);
  const plans = planLines(state, lines, body);
  const reasons = plans.flatMap(({ reason }) => reason ?? []);
  const skus = new Set(lines.map((line) => line.sku));
  // A part of a hold over shards never comes back, wherever it was.
  for (const hold of home === undefined ? [] : state.holds) {
    if (hold.hold !== id || !skus.has(hold.key.sku)) continue;
    if (hold.status !== "held") reasons.push("hold_finished");
    else reasons.push(isUnsealed(hold) ? "hold_unsealed" : "already_sealed");
  }
  if (reasons.length > 0) return REJECTION_REASONS.find((reason) => reasons.includes(reason));
  const isHome = home !== undefined && partition(toToken(home), options.shards) === options.shard;
  const ttlMs = body.ttlMs as number | null;
  const placed = {
    placedBy: command.id,
    placedMs: state.nowMs,
    backorder: body.backorder === true,
  };
  const isSpread = isHome && ((body.elsewhere as unknown[] | undefined) ?? []).length > 0;
  const spread = { isSpread, spreadUntilMs: 0 };
  const group: OracleGroup = { home, isHome, ...placed, ...spread, outcome: undefined, ttlMs };
  const before = groupOf(state, id, plans);
  const unsealedMs = Math.min(ttlMs ?? UNSEALED_MS, UNSEALED_MS) + (isHome ? 0 : GRACE_MS);
  const holds = plans.map((plan, i) =>
    place(
      state,
      plan,
      askOf(body, (lines[i] as LineJson).qty),
      home === undefined ? ttlMs : unsealedMs,
      group,
    ),
  );
  for (const hold of before)
    if (hold.status === "held" && !holds.includes(hold)) letGo(state, hold);
  return undefined;
}

/** Live lines of the groups that the planned lines belong to. */
function groupOf(state: OracleState, id: string, plans: readonly Plan[]): OracleHold[] {
  const groups = new Set<OracleGroup>();
  for (const hold of state.holds)
    if (hold.hold === id && hold.group && hold.status === "held")
      if (plans.some((plan) => plan.key === hold.key)) groups.add(hold.group);
  return state.holds.filter((hold) => hold.hold === id && hold.group && groups.has(hold.group));
}

/** Lines with a location first; one without takes no key that another uses. */
function planLines(
  state: OracleState,
  lines: readonly LineJson[],
  body: Record<string, unknown>,
): Plan[] {
  const used = new Set<OracleKey>();
  const plans: Plan[] = new Array(lines.length);
  const isPlaced = (line: LineJson) => line.location !== undefined && line.location !== "-";
  for (const [i, line] of lines.entries()) {
    if (!isPlaced(line)) continue;
    const key = state.key(line.sku, String(line.location));
    plans[i] = planAt(state, key, askOf(body, line.qty));
    used.add(key);
  }
  for (const [i, line] of lines.entries()) {
    if (isPlaced(line)) continue;
    const plan = planAnywhere(state, line.sku, askOf(body, line.qty), undefined, used);
    plans[i] = plan;
    used.add(plan.key);
  }
  return plans;
}

// ---------------------------------------------------------------- changing and ending

/** The hold a command names, unless it means an earlier placing of it. */
function named(state: OracleState, command: OracleCommand): OracleHold | undefined {
  const hold = called(state, command);
  const { placing } = command.body as { placing?: { by?: string; at?: string } };
  if (placing === undefined || hold?.group?.home === undefined) return hold;
  const { by, at } = placing;
  const { placedBy, placedMs } = hold.group;
  const apartMs = at === undefined ? 0 : Number(parseTime(at)) - placedMs;
  const isMeant =
    (by === undefined || placedBy === undefined || by === placedBy) &&
    Math.abs(apartMs) <= 24 * 60 * MINUTE_MS;
  return isMeant ? hold : undefined;
}

/** The hold of that id: at its location, or without one the first live by location, else the last to end. */
function called(state: OracleState, command: OracleCommand): OracleHold | undefined {
  const { body, sku, location } = command;
  const all = state.holds.filter((hold) => hold.hold === body.hold && hold.key.sku === sku);
  if (location !== "-") return latest(all.filter((hold) => hold.key.location === location));
  const live = all.filter((hold) => hold.status === "held");
  live.sort((a, b) => byText(a.key.location, b.key.location));
  return live[0] ?? latest(all);
}

function ended(hold: OracleHold | undefined): Verdict {
  if (hold === undefined) return "unknown_hold";
  if (hold.status === "expired") return "hold_expired";
  return hold.status === "held" ? undefined : "hold_finished";
}

/** All live lines of the hold's group, itself among them. */
function linesWith(state: OracleState, hold: OracleHold): OracleHold[] {
  if (hold.group === undefined) return [hold];
  return state.holds.filter((one) => one.group === hold.group && one.status === "held");
}

function changeHold({ state, atMs }: FactContext, command: OracleCommand): Verdict {
  const { body, type } = command;
  const hold = named(state, command);
  const reason = ended(hold);
  const isWhole = type !== "fulfill" || body.qty === undefined;
  if (hold === undefined || (reason !== undefined && !(isWhole && goesOn(state, hold))))
    return reason;
  if (isUnsealed(hold)) return "hold_unsealed";
  const { group } = hold;
  const lines = isWhole ? linesWith(state, hold) : [hold];
  if (type === "extend") {
    const ttlMs = body.ttlMs as number | null;
    for (const line of lines) prolong(state, line, ttlMs);
    if (group?.isSpread) spreadFor(state, group, ttlMs);
    return undefined;
  }
  if (type === "release") for (const line of lines) letGo(state, line);
  else
    for (const line of lines)
      goodsLeave(state, line, body.qty as number | undefined, body.final === true, atMs);
  const isOver = type === "release" || (isWhole && (body.final === true || !group?.backorder));
  if (group !== undefined && isOver) group.spreadUntilMs = 0;
  return undefined;
}

/** Whether others of a hold live on when a line of it was fulfilled by itself, here or, as home knows, elsewhere. */
function goesOn(state: OracleState, hold: OracleHold): boolean {
  const { status, group } = hold;
  if (status !== "fulfilled" || group === undefined) return false;
  return linesWith(state, hold).length > 0 || group.spreadUntilMs > state.nowMs;
}

/** What is firm stays so. */
function spreadFor(state: OracleState, group: OracleGroup, ttlMs: number | null): void {
  const untilMs = ttlMs === null ? Number.POSITIVE_INFINITY : state.nowMs + ttlMs;
  if (group.spreadUntilMs !== Number.POSITIVE_INFINITY) group.spreadUntilMs = untilMs;
}

/** Free again; what a firm one still held or waited for was not asked for after all. */
function letGo(state: OracleState, hold: OracleHold): void {
  if (hold.expiresMs === null) hold.key.demand -= hold.qty + hold.backordered;
  finish(state, hold, "released");
}

function prolong(state: OracleState, hold: OracleHold, ttlMs: number | null): void {
  if (hold.expiresMs === null) return;
  if (ttlMs === null) hold.key.demand += hold.qty + hold.backordered;
  // Lines of a hold over shards outlive their home.
  const isAway = hold.group?.home !== undefined && !hold.group.isHome;
  hold.expiresMs = ttlMs === null ? null : state.nowMs + ttlMs + (isAway ? GRACE_MS : 0);
}

function goodsLeave(
  state: OracleState,
  hold: OracleHold,
  qty: number | undefined,
  final: boolean,
  atMs: number,
): void {
  const leave = Math.min(qty ?? hold.qty, hold.qty);
  hold.key.move(SELLABLE, -leave, atMs, state.nowMs);
  hold.qty -= leave;
  const isEnd = final || (hold.qty === 0 && hold.backordered === 0);
  if (hold.expiresMs !== null) hold.key.demand += leave;
  else if (isEnd) hold.key.demand -= hold.qty + hold.backordered;
  if (isEnd) finish(state, hold, "fulfilled");
}

function seal({ state, atMs }: FactContext, command: OracleCommand): Verdict {
  const outcome = String(command.body.outcome);
  const hold = named(state, command);
  if (hold === undefined) return "unknown_hold";
  const { group } = hold;
  if (group?.home !== undefined && group.outcome === outcome) return undefined;
  if (group?.home === undefined || group.outcome !== undefined) return "already_sealed";
  if (hold.status !== "held") return "hold_expired";
  const lines = linesWith(state, hold);
  group.outcome = outcome;
  if (group.isSpread && outcome === "held") spreadFor(state, group, group.ttlMs);
  for (const line of lines) {
    if (outcome === "held") prolong(state, line, group.ttlMs);
    else if (outcome === "aborted") letGo(state, line);
    else goodsLeave(state, line, undefined, true, atMs);
  }
  return undefined;
}
