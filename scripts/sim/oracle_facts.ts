// The oracle's facts: what happened out there. They are never refused for lack of stock (S6).
import { parseTime } from "../../shared/time.ts";
import type { OracleCommand, OracleShard } from "./oracle_decode.ts";
import {
  COUNT_AGE_MS,
  type OracleKey,
  type OracleLine,
  type OracleState,
  type OracleTransfer,
  QUANTITY_MAX,
  SELLABLE,
  sum,
  underWay,
} from "./oracle_state.ts";
import { byText, finish } from "./oracle_time.ts";
import type { Verdict } from "./oracle_verdict.ts";

/** What was decided first under an identity. */
export type FirstDecision = {
  command: OracleCommand;
  atMs: number;
  reason: Verdict;
  voided: boolean;
  /** Of a sale: the demand it made. */
  demand: number;
};

export type FactContext = {
  state: OracleState;
  options: OracleShard;
  /** When the command happened. */
  atMs: number;
  /** The command of that id at the same key, within the identity days. */
  first: (id: string) => FirstDecision | undefined;
  /** What the command undoes, if it is applied. */
  undone?: FirstDecision;
  /** Demand a sale made, for a void. */
  demand: number;
};

/** Applies a fact; "no fact" when the command is a request. */
export function applyFact(context: FactContext, command: OracleCommand): Verdict | "no fact" {
  const { state, atMs } = context;
  const { nowMs } = state;
  const { type, body, sku, location } = command;
  const key = () => state.key(sku, location);
  const qty = Number(body.qty);
  switch (type) {
    case "sale":
      key().move(SELLABLE, -qty, atMs, nowMs);
      context.demand = qty - (body.hold === undefined ? 0 : settle(state, key(), body.hold, qty));
      key().demand += context.demand;
      return undefined;
    case "return":
      key().move(bucketOf(body), qty, atMs, nowMs);
      return undefined;
    case "receipt":
      key().isSupplied = true;
      key().move(bucketOf(body), qty, atMs, nowMs);
      if (body.order !== undefined) lineOf(state, key(), body).received += qty;
      return undefined;
    case "adjust":
      key().move(bucketOf(body), Number(body.delta), atMs, nowMs);
      return undefined;
    case "move":
      key().isKept = true;
      shift(state, key(), { from: String(body.from), to: String(body.to), qty, atMs });
      return undefined;
    case "count":
      return count(context, key(), bucketOf(body), Number(body.counted));
    case "ship":
      return ship(context, command);
    case "arrive":
      return arrive(context, command);
    case "void":
      return undo(context, command);
    default:
      return "no fact";
  }
}

const bucketOf = (body: Record<string, unknown>): string => String(body.bucket ?? SELLABLE);

/** A move between buckets; each side must be in range by itself. */
function shift(
  { nowMs }: OracleState,
  key: OracleKey,
  { from, to, qty, atMs }: { from: string; to: string; qty: number; atMs: number },
): void {
  if (from === to) return;
  key.ask(to, qty);
  key.move(from, -qty, atMs, nowMs);
  key.move(to, qty, atMs, nowMs);
}

/**
 * A sale settles the hold it names: at its own location, else the first live one by location.
 * @returns the units of a firm hold it settled: they were demand before
 */
function settle(state: OracleState, key: OracleKey, id: unknown, qty: number): number {
  const live = state.holds.filter(
    (hold) => hold.hold === id && hold.key.sku === key.sku && hold.status === "held",
  );
  live.sort((a, b) => byText(a.key.location, b.key.location));
  const hold = live.find((one) => one.key === key) ?? live[0];
  if (hold === undefined) return 0;
  if (hold.group?.home !== undefined && hold.group.outcome === undefined) return 0;
  const held = Math.min(qty, hold.qty);
  const waited = Math.min(qty - held, hold.backordered);
  hold.qty -= held;
  hold.backordered -= waited;
  if (hold.qty === 0 && hold.backordered === 0) finish(state, hold, "fulfilled");
  return hold.expiresMs === null ? held + waited : 0;
}

/** The order line a receipt or an order names; one that nobody ordered yet is only expected. */
export function lineOf(
  state: OracleState,
  key: OracleKey,
  body: Record<string, unknown>,
): OracleLine {
  const order = String(body.order);
  const line = String(body.line ?? "1");
  const known = state.lines.find(
    (one) => one.key === key && one.order === order && one.line === line,
  );
  if (known !== undefined) return known;
  const made: OracleLine = {
    order,
    line,
    key,
    rev: -1,
    ordered: 0,
    received: 0,
    status: "expected",
    etaMs: undefined,
    closedSinceMs: state.nowMs,
  };
  state.lines.push(made);
  key.isKept = true;
  return made;
}

/** Takes a receipt back from its line, unless that was forgotten. */
function unreceive(
  state: OracleState,
  key: OracleKey,
  body: Record<string, unknown>,
  qty: number,
): void {
  const count = state.lines.length;
  const line = lineOf(state, key, body);
  if (state.lines.length > count) state.lines.pop();
  else line.received = Math.max(0, line.received - qty);
}

/** An anchor: the bucket is what was counted and what happened since. */
function count(
  { state, atMs }: FactContext,
  key: OracleKey,
  bucket: string,
  counted: number,
): Verdict {
  const anchorMs = key.anchors.get(bucket);
  const since = key.movements.filter((one) => one.bucket === bucket && one.atMs >= atMs);
  const qty = counted + sum(since.map((one) => one.delta));
  // Whether it can be kept comes before whether it is too old.
  key.ask(bucket, qty - (key.buckets.get(bucket) ?? 0));
  if (atMs < state.nowMs - COUNT_AGE_MS) return "stale_count";
  if (anchorMs !== undefined && atMs < anchorMs) return "stale_count";
  key.buckets.set(bucket, qty);
  key.anchors.set(bucket, atMs);
  key.isKept = true;
  key.isSupplied = true;
  return undefined;
}

// ---------------------------------------------------------------- transfers

function transferOf(
  state: OracleState,
  sku: string,
  body: Record<string, unknown>,
  made: { source: string; target: string },
): OracleTransfer {
  const name = JSON.stringify([sku, body.transfer]);
  const known = state.transfers.get(name) ?? {
    ...made,
    sku,
    shipped: 0,
    arrived: 0,
    closed: false,
    named: false,
    cancelled: false,
    isBackfilled: false,
    madeMs: state.nowMs,
    etaMs: undefined,
    idleSinceMs: undefined,
  };
  state.transfers.set(name, known);
  return known;
}

function ship({ state, atMs }: FactContext, command: OracleCommand): Verdict {
  const { sku, location, body } = command;
  const target = String(body.to);
  const transfer = transferOf(state, sku, body, { source: location, target });
  state.key(sku, target).isKept = true;
  if (!transfer.named) Object.assign(transfer, { source: location, target, named: true });
  state.key(sku, location).move(SELLABLE, -Number(body.qty), atMs, state.nowMs);
  transfer.shipped += Number(body.qty);
  const at = state.key(sku, transfer.target);
  if (state.quantities(at).inTransit > QUANTITY_MAX) at.wentOutOfRange = true;
  transfer.isBackfilled ||= body.backfill === true;
  if (body.eta !== undefined) transfer.etaMs = parseTime(String(body.eta));
  if (body.final === true) transfer.closed = true;
  return undefined;
}

function arrive({ state, atMs }: FactContext, command: OracleCommand): Verdict {
  const { sku, location, body } = command;
  const made = { source: String(body.from), target: location };
  const transfer = transferOf(state, sku, body, made);
  state.key(sku, location).move(SELLABLE, Number(body.qty), atMs, state.nowMs);
  state.key(sku, location).isSupplied = true;
  transfer.isBackfilled ||= body.backfill === true;
  transfer.arrived += Number(body.qty);
  // Once a ship has named its source, coming back there cancels it.
  if (transfer.named && location === transfer.source) transfer.cancelled = true;
  const isBack = transfer.cancelled && underWay(transfer) === 0;
  if (body.final === true || isBack) transfer.closed = true;
  return undefined;
}

// ---------------------------------------------------------------- voids

/** Undoes an earlier fact of the same key, once, at the time it happened. */
function undo(context: FactContext, command: OracleCommand): Verdict {
  const { state } = context;
  const { sku, location, body } = command;
  const first = context.first(String(body.of));
  if (first === undefined || first.reason !== undefined || first.voided) return "unknown_command";
  const { type, body: was } = first.command;
  const whole = Math.abs(Number(was.qty ?? was.delta));
  const qty = Number(body.qty ?? whole);
  if (qty > whole) return "unknown_command";
  const key = state.key(sku, location);
  const back = (bucket: string, delta: number) => key.move(bucket, delta, first.atMs, state.nowMs);
  if (type === "sale") {
    back(SELLABLE, qty);
    key.demand -= Math.min(qty, first.demand);
  } else if (type === "return") back(bucketOf(was), -qty);
  else if (type === "receipt") {
    back(bucketOf(was), -qty);
    if (was.order !== undefined) unreceive(state, key, was, qty);
  } else if (type === "adjust") back(bucketOf(was), -Math.sign(Number(was.delta)) * qty);
  else if (type === "move")
    shift(state, key, { from: String(was.to), to: String(was.from), qty, atMs: first.atMs });
  else return "unknown_command";
  context.undone = first;
  return undefined;
}
