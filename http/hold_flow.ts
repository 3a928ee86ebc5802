// Owns placing a hold, all lines or none. Promises:
//   H1 one line, or lines of one shard, is one command and one decision of that shard;
//   H2 lines of several shards: home holds its own first, then every other shard (they expire unless sealed), then the
//      first seal in the home shard's log is the outcome. Nothing is answered as held, and no line that
//      home knows of is freed, before it. Home tells the other shards; the edge only hastens an
//      abort. S20
//   H3 every command's id follows from the hold's command id, so the same call again continues or
//      repeats what the first one began, from any process, and ends the same way.

import { createHash } from "node:crypto";
import type { Decision, DecisionLine, RejectionReason } from "../shared/decisions.ts";
import { OnhandError } from "../shared/errors.ts";
import { ANY_LOCATION, ID_LENGTH_MAX } from "../shared/ids.ts";
import type { Command, HoldLine } from "../shared/messages.ts";
import { partition } from "../streams/partition.ts";
import { toToken } from "../streams/subjects.ts";
import type { DecidePort } from "./ports.ts";

/** A hold to place. `lines` are 1 to 100, no two of the same SKU and location. */
export type HoldRequest = {
  hold: string;
  /** Identity of the call: the same again is the same hold. */
  commandId: string;
  /** Its id is the caller's own: a live hold of that id is replaced, with all its lines. */
  replaces?: true;
  lines: readonly HoldLine[];
  /** Null: firm. */
  ttlMs: number | null;
  channel?: string;
  ref?: string;
  shopper?: string;
  backorder?: boolean;
};

type HoldLinesCommand = Extract<Command, { lines: unknown }>;

export type HoldOutcome =
  | { held: true; lines: DecisionLine[]; decision: Decision; duplicate: boolean }
  | {
      held: false;
      reason: RejectionReason | "malformed";
      /** Those that were short. */
      lines: DecisionLine[];
      decision: Decision;
    };

/**
 * Places a hold and waits for its outcome.
 * @throws OnhandError what `decide` throws; after `decision_timeout` the outcome is open, and the same
 * call again finds it.
 */
export async function placeHold(
  decider: DecidePort,
  request: HoldRequest,
  deadlineMs?: number,
): Promise<HoldOutcome> {
  const first = request.lines[0] as HoldLine;
  if (request.lines.length === 1 && !request.replaces) {
    const decision = await decider.decide(oneLine(request, first), deadlineMs);
    return outcomeOf(request, request.lines, decision);
  }
  const groups = byShard(request.lines, decider.shards);
  if (groups.length === 1) {
    const decision = await decider.decide(manyLines(request, request.lines), deadlineMs);
    return outcomeOf(request, request.lines, decision);
  }
  return placeOverShards(decider, request, groups, deadlineMs);
}

/** Whether the lines live in more than one shard. */
export function spansShards(lines: readonly HoldLine[], shards: number): boolean {
  return lines.length > 1 && byShard(lines, shards).length > 1;
}

/** What home holds, the lines of other shards, and how to place those of one. */
type Begun = {
  atHome: HoldOutcome;
  others: HoldLine[][];
  place: (lines: readonly HoldLine[]) => Promise<HoldOutcome>;
};

async function placeOverShards(
  decider: DecidePort,
  request: HoldRequest,
  groups: readonly HoldLine[][],
  deadlineMs?: number,
): Promise<HoldOutcome> {
  const [homeLines, ...others] = groups as [readonly HoldLine[], ...HoldLine[][]];
  const place = async (lines: readonly HoldLine[]): Promise<HoldOutcome> =>
    outcomeOf(request, lines, await decider.decide(shardLines(request, lines, groups), deadlineMs));
  // Home first: whoever is refused there, for want of stock or because another call has this hold, touches nothing else.
  const atHome = await place(homeLines);
  if (!atHome.held) return atHome;
  return begun(finishOverShards(decider, request, { atHome, others, place }, deadlineMs));
}

/** From here on something of the hold is in the log, whatever becomes of a later part of it. */
async function begun<T>(rest: Promise<T>): Promise<T> {
  try {
    return await rest;
  } catch (error) {
    if (!(error instanceof OnhandError) || error.fields.sent !== false) throw error;
    const { code, message } = error;
    throw new OnhandError(code, message, { cause: error, fields: { ...error.fields, sent: true } });
  }
}

async function finishOverShards(
  decider: DecidePort,
  request: HoldRequest,
  { atHome, others, place }: Begun,
  deadlineMs?: number,
): Promise<HoldOutcome> {
  const home = request.lines[0] as HoldLine;
  const outcomes = [atHome, ...(await Promise.all(others.map(place)))];
  const refused = outcomes.find(isConflict) ?? outcomes.find((outcome) => !outcome.held);
  if (refused === undefined) {
    const lines = outcomes.flatMap((outcome) => outcome.lines);
    const seal = await decider.decide(sealOf(request, home, "held"), deadlineMs);
    const duplicate = outcomes.every((outcome) => outcome.held && outcome.duplicate);
    if (isApplied(seal)) return { held: true, lines, decision: seal, duplicate };
    await abortElsewhere(decider, request, others, deadlineMs);
    return { held: false, reason: seal.reason ?? "malformed", lines: [], decision: seal };
  }
  const short = outcomes.flatMap((outcome) => (outcome.held ? [] : outcome.lines));
  // A line elsewhere is of another call under the same key, and with it maybe others: unsealed ones expire by themselves.
  if (isConflict(refused)) return { ...refused, lines: short };
  const seal = await decider.decide(sealOf(request, home, "aborted"), deadlineMs);
  // Unless home is sealed as aborted, the lines are those of a hold that is held.
  if (isApplied(seal)) {
    const held = others.filter((_, i) => outcomes[i + 1]?.held === true);
    await abortElsewhere(decider, request, held, deadlineMs);
  }
  return { ...refused, lines: short };
}

const isConflict = (outcome: HoldOutcome): boolean =>
  !outcome.held && outcome.reason === "id_conflict";

/** Frees lines away from home at once; what does not succeed here, home or their expiry does. */
async function abortElsewhere(
  decider: DecidePort,
  request: HoldRequest,
  groups: readonly HoldLine[][],
  deadlineMs?: number,
): Promise<void> {
  const seals = groups.map((lines) => sealOf(request, lines[0] as HoldLine, "aborted"));
  await Promise.allSettled(seals.map((command) => decider.decide(command, deadlineMs)));
}

/** Lines by shard, in order of their first line; the first group is home's. */
function byShard(lines: readonly HoldLine[], shards: number): HoldLine[][] {
  const groups = new Map<number, HoldLine[]>();
  for (const line of lines) {
    const shard = partition(toToken(line.sku), shards);
    const group = groups.get(shard);
    if (group === undefined) groups.set(shard, [line]);
    else group.push(line);
  }
  return [...groups.values()];
}

function common(request: HoldRequest) {
  return {
    ...(request.channel === undefined ? {} : { channel: request.channel }),
    ...(request.ref === undefined ? {} : { ref: request.ref }),
  };
}

function oneLine(request: HoldRequest, line: HoldLine): Command {
  return {
    type: "hold",
    id: request.commandId,
    sku: line.sku,
    location: line.location ?? ANY_LOCATION,
    hold: request.hold,
    qty: line.qty,
    ttlMs: request.ttlMs,
    ...common(request),
    ...(request.backorder === undefined ? {} : { backorder: request.backorder }),
    ...(request.shopper === undefined ? {} : { shopper: request.shopper }),
  };
}

/** The lines of one shard of several; at home with a line of each other shard. */
function shardLines(
  request: HoldRequest,
  lines: readonly HoldLine[],
  groups: readonly HoldLine[][],
): Command {
  const command = manyLines(request, lines);
  const home = (request.lines[0] as HoldLine).sku;
  if (lines !== groups[0]) return { ...command, home };
  const elsewhere = groups.slice(1).map((group) => {
    const { sku, location } = group[0] as HoldLine;
    return { sku, ...(location === undefined ? {} : { location }) };
  });
  return { ...command, home, elsewhere };
}

function manyLines(request: HoldRequest, lines: readonly HoldLine[]): HoldLinesCommand {
  const first = lines[0] as HoldLine;
  return {
    type: "hold",
    id: request.commandId,
    sku: first.sku,
    location: first.location ?? ANY_LOCATION,
    hold: request.hold,
    lines: [...lines],
    ttlMs: request.ttlMs,
    ...common(request),
    ...(request.backorder === undefined ? {} : { backorder: request.backorder }),
    ...(request.shopper === undefined ? {} : { shopper: request.shopper }),
  };
}

function sealOf(request: HoldRequest, line: HoldLine, outcome: "held" | "aborted"): Command {
  return {
    type: "seal",
    id: derivedId(request.commandId, outcome),
    sku: line.sku,
    location: line.location ?? ANY_LOCATION,
    hold: request.hold,
    outcome,
  };
}

/** An id of its own for what follows from a call; long ones are hashed into the limit. */
export function derivedId(id: string, what: string): string {
  const plain = `${id}!${what}`;
  if (plain.length <= ID_LENGTH_MAX) return plain;
  return `${createHash("sha256").update(id).digest("base64url")}!${what}`;
}

/** Applied now, or before: a repeat carries its first outcome. */
export function isApplied(decision: Decision): boolean {
  if (decision.outcome === "duplicate") return decision.first === "applied";
  return decision.outcome === "applied";
}

function outcomeOf(
  request: HoldRequest,
  asked: readonly HoldLine[],
  decision: Decision,
): HoldOutcome {
  if (isApplied(decision)) {
    const lines = decision.lines ?? heldLines(asked, decision);
    return { held: true, lines, decision, duplicate: decision.outcome === "duplicate" };
  }
  const lines = decision.lines ?? refusedLine(asked, decision, request.channel);
  const short = lines.filter((line) => line.short > 0);
  return { held: false, reason: decision.reason ?? "malformed", lines: short, decision };
}

/** The lines of an answer that has none. Its level is that of one line, so with several only what was asked is known. */
function heldLines(asked: readonly HoldLine[], { level }: Decision): DecisionLine[] {
  const known = asked.length === 1 ? level : undefined;
  return asked.map(({ sku, location, qty }) => ({
    sku,
    location: known?.location ?? location ?? ANY_LOCATION,
    qty,
    short: 0,
    ...(known === undefined ? {} : { level: known }),
  }));
}

const REASONS_OF_STOCK: readonly unknown[] = [
  "channel_closed",
  "backorder_limit",
  "insufficient_available",
] satisfies RejectionReason[];

/** Whether it was refused for want of stock: then lines were short. */
export const isRefusedForStock = ({ reason }: Decision): boolean =>
  REASONS_OF_STOCK.includes(reason);

/** The line that a refusal without lines is about: the one whose level it tells. */
function refusedLine(
  asked: readonly HoldLine[],
  decision: Decision,
  channel: string | undefined,
): DecisionLine[] {
  const { reason, level } = decision;
  if (level === undefined || !isRefusedForStock(decision)) return [];
  const ofSku = asked.filter(({ sku }) => sku === level.sku);
  const line =
    ofSku.find(({ location }) => location === level.location) ??
    ofSku.find(({ location = ANY_LOCATION }) => location === ANY_LOCATION);
  if (line === undefined) return [];
  const { sku, qty } = line;
  const short = Math.max(1, qty - (reason === "channel_closed" ? 0 : promisedBy(level, channel)));
  return [{ sku, location: level.location, qty, short, level }];
}

/** What the channel could have had; a level of the ledger knows no rule of it. */
function promisedBy(level: NonNullable<Decision["level"]>, channel: string | undefined): number {
  if (!("atp" in level)) return Math.max(0, level.available);
  const { atp } = level;
  const own = channel !== undefined && Object.hasOwn(atp, channel) ? atp[channel] : atp.default;
  return Math.max(0, own ?? level.available);
}
