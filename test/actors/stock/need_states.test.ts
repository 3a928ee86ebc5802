// The lifecycle of a reorder need: every state of a key, every command. S14
import { describe, expect, it } from "vitest";
import type { NeedMessage } from "../../../shared/effects.ts";
import { Fold, type Json } from "./support/fold.ts";

const A = { sku: "A", location: "store-1" };
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const plan = (reorderPoint: number, orderUpTo: number, mode = "autopilot"): Json => ({
  type: "policy",
  ...A,
  plan: { mode, reorderPoint, orderUpTo },
});
const count = (counted: number): Json => ({ type: "count", ...A, counted });
const order = (ordered: number, status: string, more: Json = {}): Json => ({
  ...{ type: "order", ...A, order: "o", line: "1", rev: 1 },
  ...{ ordered, status, ...more },
});
const sale = (qty: number, more: Json = {}): Json => ({ type: "sale", ...A, qty, ...more });
const later = (ms: number) => new Date(new Fold().nowMs + ms).toISOString();
/** The need that a sale opens after plan and count. */
const NEED = "N0.0.3.0.0";

/** How a key comes into each state; reorder point 10, order up to 30. */
const STATES = {
  /** 13 there. */
  enough: [plan(10, 30), count(15), sale(2)],
  /** 9 there, 21 asked for. */
  open: [plan(10, 30), count(15), sale(6)],
  /** The need is frozen by an order of what it asks for. */
  ordered: [plan(10, 30), count(15), sale(6), order(21, "placed", { need: NEED })],
  /** Somebody refused it: nothing is ordered, and nothing is to be asked for two days. */
  quiet: [
    ...[plan(10, 30), count(15), sale(6)],
    order(0, "cancelled", { need: NEED, quietUntil: later(2 * DAY_MS) }),
  ],
  observed: [plan(10, 30, "observe"), count(15), sale(6)],
  /** Nobody knows what is there. */
  unsupplied: [plan(10, 30), sale(1)],
  /** 9 there, and 21 expected for tomorrow. */
  expecting: [plan(10, 30), count(9), order(21, "placed", { eta: later(DAY_MS) })],
} satisfies Record<string, Json[]>;
type State = keyof typeof STATES;

const COMMANDS = {
  sale: sale(5),
  saleOfHistory: sale(5, { backfill: true }),
  receipt: { type: "receipt", ...A, qty: 50 },
  count: count(4),
  planHigher: plan(20, 40),
  planLower: plan(3, 5),
  planObserve: plan(10, 30, "observe"),
  orderNaming: order(21, "placed", { order: "p", need: NEED }),
  orderOther: order(21, "placed", { order: "p" }),
  refuse: order(0, "cancelled", { order: "p", need: NEED, quietUntil: later(3 * DAY_MS) }),
  days7: { type: "tick", ...A },
} satisfies Record<string, Json>;
type Name = keyof typeof COMMANDS;

/** What is told (`opens`, `rev 2`, `withdrawn`) with the units asked for, and the units asked for afterwards. */
type Expected = readonly [told: string, open: number];

const nothing: Expected = ["-", 0];
const opens = (qty: number): Expected => [`opens ${qty}`, qty];
const restated = (qty: number): Expected => [`rev 2: ${qty}`, qty];
const withdrawn: Expected = ["withdrawn", 0];
const EXPECTED: Record<State, Record<Name, Expected>> = {
  enough: {
    sale: opens(22),
    saleOfHistory: nothing,
    receipt: nothing,
    count: opens(26),
    planHigher: opens(27),
    planLower: nothing,
    planObserve: nothing,
    orderNaming: nothing,
    orderOther: nothing,
    refuse: nothing,
    days7: nothing,
  },
  open: {
    sale: restated(26),
    // Not even looked at.
    saleOfHistory: ["-", 21],
    receipt: withdrawn,
    count: restated(26),
    planHigher: restated(31),
    planLower: withdrawn,
    planObserve: withdrawn,
    // Closed without a word: who ordered knows.
    orderNaming: nothing,
    orderOther: withdrawn,
    refuse: nothing,
    days7: ["-", 21],
  },
  ordered: {
    sale: nothing,
    saleOfHistory: nothing,
    receipt: nothing,
    count: nothing,
    planHigher: nothing,
    planLower: nothing,
    planObserve: nothing,
    orderNaming: nothing,
    orderOther: nothing,
    refuse: nothing,
    days7: nothing,
  },
  quiet: {
    sale: nothing,
    saleOfHistory: nothing,
    receipt: nothing,
    count: nothing,
    planHigher: nothing,
    planLower: nothing,
    planObserve: nothing,
    orderNaming: nothing,
    orderOther: nothing,
    refuse: nothing,
    days7: opens(21),
  },
  observed: {
    sale: nothing,
    saleOfHistory: nothing,
    receipt: nothing,
    count: nothing,
    planHigher: opens(31),
    planLower: nothing,
    planObserve: nothing,
    orderNaming: nothing,
    orderOther: nothing,
    refuse: nothing,
    days7: nothing,
  },
  unsupplied: {
    sale: nothing,
    saleOfHistory: nothing,
    receipt: nothing,
    count: opens(26),
    planHigher: nothing,
    planLower: nothing,
    planObserve: nothing,
    orderNaming: nothing,
    orderOther: nothing,
    refuse: nothing,
    days7: nothing,
  },
  expecting: {
    sale: nothing,
    saleOfHistory: nothing,
    receipt: nothing,
    count: nothing,
    planHigher: nothing,
    planLower: nothing,
    planObserve: nothing,
    orderNaming: nothing,
    orderOther: nothing,
    refuse: nothing,
    // Only because what was ordered is late: a person decides.
    days7: ["opens 21 late, recommend", 21],
  },
};

function outcome(state: State, name: Name): Expected {
  const fold = new Fold();
  for (const command of STATES[state]) fold.send(command);
  const before = fold.out.effects.length;
  const afterMs = name === "days7" ? 7 * DAY_MS : MINUTE_MS;
  const { outcome } = fold.send(COMMANDS[name], fold.nowMs + afterMs);
  expect(outcome).toBe("applied");
  const told = fold.out.effects.slice(before).filter(({ kind }) => kind === "need");
  const texts = told.map(({ message }) => textOf(message as NeedMessage));
  fold.checkpoint();
  const rare = JSON.parse(String(fold.table("stock_level")[0]?.state ?? "{}")) as Json;
  const need = rare.need as { qty: number } | undefined;
  return [texts.join(", ") || "-", need?.qty ?? 0];
}

function textOf({ rev, qty, cause, mode }: NeedMessage): string {
  const what = qty === 0 ? "withdrawn" : rev === 1 ? `opens ${qty}` : `rev ${rev}: ${qty}`;
  return cause === "late" ? `${what} late, ${mode}` : what;
}

describe.each(Object.keys(STATES) as State[])("need of a key, %s", (state) => {
  it.each(Object.entries(EXPECTED[state]) as [Name, Expected][])("%s", (name, expected) => {
    expect(outcome(state, name)).toEqual(expected);
  });
});
