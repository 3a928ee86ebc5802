// The lifecycle of a hold: every state, every command.
import { describe, expect, it } from "vitest";
import { Fold, type Json } from "./support/fold.ts";

const A = { sku: "A", location: "store-1" };

const STATES = [
  "unknown",
  "held",
  "firm",
  "waiting",
  "unsealed",
  "fulfilled",
  "released",
  "expired",
] as const;
type State = (typeof STATES)[number];
const COMMANDS = {
  hold: { type: "hold", ...A, hold: "h", qty: 2, ttlMs: 60_000 },
  holdLess: { type: "hold", ...A, hold: "h", qty: 1, ttlMs: 60_000 },
  extend: { type: "extend", ...A, hold: "h", ttlMs: 120_000 },
  pay: { type: "extend", ...A, hold: "h", ttlMs: null },
  fulfill: { type: "fulfill", ...A, hold: "h" },
  fulfillPart: { type: "fulfill", ...A, hold: "h", qty: 1 },
  fulfillFinal: { type: "fulfill", ...A, hold: "h", qty: 1, final: true },
  release: { type: "release", ...A, hold: "h" },
  sale: { type: "sale", ...A, qty: 2, hold: "h" },
  salePart: { type: "sale", ...A, qty: 1, hold: "h" },
  sealHeld: { type: "seal", ...A, hold: "h", outcome: "held" },
  sealAborted: { type: "seal", ...A, hold: "h", outcome: "aborted" },
  sealFulfilled: { type: "seal", ...A, hold: "h", outcome: "fulfilled" },
  minute: { type: "tick", ...A },
} satisfies Record<string, Json>;
type Name = keyof typeof COMMANDS;

/** Reason or state after, units held and waiting, on-hand; there are 5 units, the hold has 2. */
type Expected = readonly [string, number, number, number];
const none = (reason: string, onHand = 5): Expected => [reason, 0, 0, onHand];

const EXPECTED: Record<State, Record<Name, Expected>> = {
  unknown: {
    hold: ["held", 2, 0, 5],
    holdLess: ["held", 1, 0, 5],
    extend: none("unknown_hold"),
    pay: none("unknown_hold"),
    fulfill: none("unknown_hold"),
    fulfillPart: none("unknown_hold"),
    fulfillFinal: none("unknown_hold"),
    release: none("unknown_hold"),
    sale: none("unknown", 3),
    salePart: none("unknown", 4),
    sealHeld: none("unknown_hold"),
    sealAborted: none("unknown_hold"),
    sealFulfilled: none("unknown_hold"),
    minute: none("unknown"),
  },
  held: {
    hold: ["held", 2, 0, 5],
    holdLess: ["held", 1, 0, 5],
    extend: ["held", 2, 0, 5],
    pay: ["firm", 2, 0, 5],
    fulfill: none("fulfilled", 3),
    fulfillPart: ["held", 1, 0, 4],
    fulfillFinal: none("fulfilled", 4),
    release: none("released"),
    sale: none("fulfilled", 3),
    salePart: ["held", 1, 0, 4],
    sealHeld: ["already_sealed", 2, 0, 5],
    sealAborted: ["already_sealed", 2, 0, 5],
    sealFulfilled: ["already_sealed", 2, 0, 5],
    minute: none("expired"),
  },
  firm: {
    hold: ["firm", 2, 0, 5],
    holdLess: ["firm", 1, 0, 5],
    extend: ["firm", 2, 0, 5],
    pay: ["firm", 2, 0, 5],
    fulfill: none("fulfilled", 3),
    fulfillPart: ["firm", 1, 0, 4],
    fulfillFinal: none("fulfilled", 4),
    release: none("released"),
    sale: none("fulfilled", 3),
    salePart: ["firm", 1, 0, 4],
    sealHeld: ["already_sealed", 2, 0, 5],
    sealAborted: ["already_sealed", 2, 0, 5],
    sealFulfilled: ["already_sealed", 2, 0, 5],
    minute: ["firm", 2, 0, 5],
  },
  // Five are held by another, so this one waits for its two.
  waiting: {
    hold: ["insufficient_available", 0, 2, 5],
    holdLess: ["insufficient_available", 0, 2, 5],
    extend: ["held", 0, 2, 5],
    pay: ["firm", 0, 2, 5],
    fulfill: ["held", 0, 2, 5],
    fulfillPart: ["held", 0, 2, 5],
    fulfillFinal: none("fulfilled"),
    release: none("released"),
    sale: none("fulfilled", 3),
    salePart: ["held", 0, 1, 4],
    sealHeld: ["already_sealed", 0, 2, 5],
    sealAborted: ["already_sealed", 0, 2, 5],
    sealFulfilled: ["already_sealed", 0, 2, 5],
    minute: none("expired"),
  },
  unsealed: {
    hold: ["hold_unsealed", 2, 0, 5],
    holdLess: ["hold_unsealed", 2, 0, 5],
    extend: ["hold_unsealed", 2, 0, 5],
    pay: ["hold_unsealed", 2, 0, 5],
    fulfill: ["hold_unsealed", 2, 0, 5],
    fulfillPart: ["hold_unsealed", 2, 0, 5],
    fulfillFinal: ["hold_unsealed", 2, 0, 5],
    release: ["hold_unsealed", 2, 0, 5],
    sale: ["unsealed", 2, 0, 3],
    salePart: ["unsealed", 2, 0, 4],
    sealHeld: ["held", 2, 0, 5],
    sealAborted: none("released"),
    sealFulfilled: none("fulfilled", 3),
    minute: none("expired"),
  },
  fulfilled: finished("hold_finished", "hold_finished"),
  released: finished("hold_finished", "held"),
  expired: finished("hold_expired", "held"),
};

/** A finished hold refuses everything; a new one may take its id unless it was fulfilled. */
function finished(reason: string, again: string): Record<Name, Expected> {
  const state =
    again === "hold_finished" ? "fulfilled" : reason === "hold_expired" ? "expired" : "released";
  const onHand = state === "fulfilled" ? 3 : 5;
  const refused = none(reason, onHand);
  return {
    hold: again === "held" ? ["held", 2, 0, 5] : refused,
    holdLess: again === "held" ? ["held", 1, 0, 5] : refused,
    extend: refused,
    pay: refused,
    fulfill: refused,
    fulfillPart: refused,
    fulfillFinal: refused,
    release: refused,
    sale: none(state, onHand - 2),
    salePart: none(state, onHand - 1),
    sealHeld: none("already_sealed", onHand),
    sealAborted: none("already_sealed", onHand),
    sealFulfilled: none("already_sealed", onHand),
    minute: none(state, onHand),
  };
}

function given(state: State): Fold {
  const fold = new Fold();
  fold.send({ type: "receipt", ...A, qty: 5 });
  if (state === "waiting") fold.send({ type: "hold", ...A, hold: "other", qty: 5, ttlMs: null });
  const steps: Record<State, Json[]> = {
    unknown: [],
    held: [COMMANDS.hold],
    firm: [COMMANDS.hold, COMMANDS.pay],
    waiting: [{ ...COMMANDS.hold, backorder: true }],
    unsealed: [
      { type: "hold", ...A, hold: "h", ttlMs: 60_000, home: "A", lines: [{ ...A, qty: 2 }] },
    ],
    fulfilled: [COMMANDS.hold, COMMANDS.fulfill],
    released: [COMMANDS.hold, COMMANDS.release],
    expired: [COMMANDS.hold, COMMANDS.minute],
  };
  for (const step of steps[state]) act(fold, step);
  return fold;
}

function act(fold: Fold, command: Json) {
  return fold.send(command, fold.nowMs + (command.type === "tick" ? 60_000 : 0));
}

function stateOf(fold: Fold): State {
  fold.checkpoint();
  const row = fold.table("hold").find(({ hold }) => hold === "h");
  if (row === undefined) return "unknown";
  if (row.status !== "held") return row.status as State;
  const group = JSON.parse((row.state ?? "{}") as string) as { sealed?: boolean };
  if (group.sealed === false) return "unsealed";
  return row.firm === true ? "firm" : "held";
}

describe("a hold", () => {
  const cases = STATES.flatMap((state) =>
    (Object.keys(COMMANDS) as Name[]).map((name) => [state, name, EXPECTED[state][name]] as const),
  );

  it.each(cases)("%s, %s -> %j", (state, name, [then, held, waiting, onHand]) => {
    const fold = given(state);
    const decision = act(fold, COMMANDS[name]);
    const after = stateOf(fold);
    expect(decision.reason ?? after).toBe(then);
    const row = fold.table("hold").find(({ hold }) => hold === "h");
    expect([row?.qty ?? 0, row?.backordered ?? 0]).toEqual([held, waiting]);
    expect(fold.level("A", "store-1").onHand).toBe(onHand);
    if (decision.outcome === "rejected") expect(after).toBe(state === "waiting" ? "held" : state);
  });
});
