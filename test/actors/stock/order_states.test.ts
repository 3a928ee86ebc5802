// The lifecycle of an order line: every state, every command. S15
import { describe, expect, it } from "vitest";
import { Fold, type Json } from "./support/fold.ts";

const A = { sku: "A", location: "store-1" };
const DAY_MS = 86_400_000;

const order = (rev: number, ordered: number, status: string): Json => ({
  type: "order",
  ...A,
  order: "o",
  line: "1",
  rev,
  ordered,
  status,
});
const receipt = (qty: number): Json => ({ type: "receipt", ...A, qty, order: "o" });

/** How a line comes into each state; where it was ordered, by rev 5. */
const STATES = {
  unknown: [],
  expected: [receipt(3)],
  placed: [order(5, 10, "placed")],
  partly: [order(5, 10, "placed"), receipt(4)],
  received: [order(5, 10, "received"), receipt(10)],
  closed: [order(5, 10, "closed"), receipt(6)],
  cancelled: [order(5, 10, "cancelled")],
} satisfies Record<string, Json[]>;
type State = keyof typeof STATES;

const COMMANDS = {
  lowerRev: order(4, 20, "placed"),
  sameRev: order(5, 20, "confirmed"),
  higherRev: order(6, 20, "shipped"),
  delay: order(6, 10, "delayed"),
  receive: order(6, 10, "received"),
  close: order(6, 10, "closed"),
  cancel: order(6, 10, "cancelled"),
  receipt: receipt(2),
  receiptOfMore: receipt(50),
  days90: { type: "tick", ...A },
} satisfies Record<string, Json>;
type Name = keyof typeof COMMANDS;

/** Status after it, units received, units on order. */
type Expected = readonly [status: string, received: number, onOrder: number];
const gone: Expected = ["unknown", 0, 0];

const EXPECTED: Record<State, Record<Name, Expected>> = {
  unknown: {
    lowerRev: ["placed", 0, 20],
    sameRev: ["confirmed", 0, 20],
    higherRev: ["shipped", 0, 20],
    delay: ["delayed", 0, 10],
    receive: ["received", 0, 0],
    close: ["closed", 0, 0],
    cancel: ["cancelled", 0, 0],
    receipt: ["expected", 2, 0],
    receiptOfMore: ["expected", 50, 0],
    days90: gone,
  },
  // Whatever rev comes first is higher than none.
  expected: {
    lowerRev: ["placed", 3, 17],
    sameRev: ["confirmed", 3, 17],
    higherRev: ["shipped", 3, 17],
    delay: ["delayed", 3, 7],
    receive: ["received", 3, 0],
    close: ["closed", 3, 0],
    cancel: ["cancelled", 3, 0],
    receipt: ["expected", 5, 0],
    receiptOfMore: ["expected", 53, 0],
    days90: gone,
  },
  placed: {
    lowerRev: ["placed", 0, 10],
    sameRev: ["confirmed", 0, 20],
    higherRev: ["shipped", 0, 20],
    delay: ["delayed", 0, 10],
    receive: ["received", 0, 0],
    close: ["closed", 0, 0],
    cancel: ["cancelled", 0, 0],
    receipt: ["placed", 2, 8],
    receiptOfMore: ["placed", 50, 0],
    days90: ["placed", 0, 10],
  },
  partly: {
    lowerRev: ["placed", 4, 6],
    sameRev: ["confirmed", 4, 16],
    higherRev: ["shipped", 4, 16],
    delay: ["delayed", 4, 6],
    receive: ["received", 4, 0],
    close: ["closed", 4, 0],
    cancel: ["cancelled", 4, 0],
    receipt: ["placed", 6, 4],
    receiptOfMore: ["placed", 54, 0],
    days90: ["placed", 4, 6],
  },
  received: {
    lowerRev: ["received", 10, 0],
    sameRev: ["confirmed", 10, 10],
    higherRev: ["shipped", 10, 10],
    delay: ["delayed", 10, 0],
    receive: ["received", 10, 0],
    close: ["closed", 10, 0],
    cancel: ["cancelled", 10, 0],
    receipt: ["received", 12, 0],
    receiptOfMore: ["received", 60, 0],
    days90: gone,
  },
  closed: {
    lowerRev: ["closed", 6, 0],
    sameRev: ["confirmed", 6, 14],
    higherRev: ["shipped", 6, 14],
    delay: ["delayed", 6, 4],
    receive: ["received", 6, 0],
    close: ["closed", 6, 0],
    cancel: ["cancelled", 6, 0],
    receipt: ["closed", 8, 0],
    receiptOfMore: ["closed", 56, 0],
    days90: gone,
  },
  cancelled: {
    lowerRev: ["cancelled", 0, 0],
    sameRev: ["confirmed", 0, 20],
    higherRev: ["shipped", 0, 20],
    delay: ["delayed", 0, 10],
    receive: ["received", 0, 0],
    close: ["closed", 0, 0],
    cancel: ["cancelled", 0, 0],
    receipt: ["cancelled", 2, 0],
    receiptOfMore: ["cancelled", 50, 0],
    days90: gone,
  },
};

function outcome(state: State, name: Name): Expected {
  const fold = new Fold();
  for (const command of STATES[state]) fold.send(command);
  const { outcome } = fold.send(COMMANDS[name], fold.nowMs + (name === "days90" ? 90 * DAY_MS : 0));
  expect(outcome).toBe("applied");
  fold.checkpoint();
  const line = fold.table("order_line")[0];
  const { onOrder } = fold.levels()[0] ?? { onOrder: 0 };
  return [String(line?.status ?? "unknown"), Number(line?.received ?? 0), onOrder];
}

describe.each(Object.keys(STATES) as State[])("order line %s", (state) => {
  it.each(Object.entries(EXPECTED[state]) as [Name, Expected][])("%s", (name, expected) => {
    expect(outcome(state, name)).toEqual(expected);
  });
});
