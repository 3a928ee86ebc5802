// The lifecycle of one shard's part of a hold over several shards, at home and away: every state, every
// command. S20
import { describe, expect, it } from "vitest";
import { Fold, type Json } from "./support/fold.ts";

const A = { sku: "A", location: "store-1" };
const SIDES = ["home", "away"] as const;
type Side = (typeof SIDES)[number];
/** Of two shards this one has A, the other B. */
const HOME: Record<Side, string> = { home: "A", away: "B" };
const MINUTE_MS = 60_000;

const place = (side: Side, more: Json = {}): Json => ({
  ...{ type: "hold", ...A, hold: "h", ttlMs: 10 * MINUTE_MS },
  ...{ lines: [{ ...A, qty: 2 }], home: HOME[side], ...more },
  ...(side === "home" ? { elsewhere: [{ sku: HOME.away, location: "store-2" }] } : {}),
});
const seal = (outcome: string): Json => ({ type: "seal", ...A, hold: "h", outcome });

/** What follows the placing; numbers are milliseconds that pass. */
const STATES = {
  unsealed: [],
  held: [seal("held")],
  aborted: [seal("aborted")],
  fulfilled: [seal("fulfilled")],
  /** Sealed as held; then all that is here left by a quantity: the others live on. */
  part: [seal("held"), { type: "fulfill", ...A, hold: "h", qty: 2 }],
  /** The same by a sale, and the others were told to go. */
  over: [
    seal("held"),
    { type: "sale", ...A, hold: "h", qty: 2 },
    { type: "release", ...A, hold: "h" },
  ],
  expired: [7 * MINUTE_MS],
} satisfies Record<string, (Json | number)[]>;
type State = keyof typeof STATES;

const COMMANDS = {
  sealHeld: seal("held"),
  sealAborted: seal("aborted"),
  sealFulfilled: seal("fulfilled"),
  extend: { type: "extend", ...A, hold: "h", ttlMs: MINUTE_MS },
  fulfill: { type: "fulfill", ...A, hold: "h" },
  release: { type: "release", ...A, hold: "h" },
  placeAgain: "place again",
  replace: { type: "hold", ...A, hold: "h", qty: 1, ttlMs: MINUTE_MS },
  replaceLines: { type: "hold", ...A, hold: "h", lines: [{ ...A, qty: 1 }], ttlMs: MINUTE_MS },
  minutes1: MINUTE_MS,
  minutes6: 6 * MINUTE_MS,
  minutes10: 10 * MINUTE_MS,
  minutes15: 15 * MINUTE_MS,
} satisfies Record<string, Json | number | string>;
type Name = keyof typeof COMMANDS;

/** Reason, or state afterwards; at home what is sent to the line elsewhere. */
type Expected = { home: string; away: string };
const EXPECTED: Record<State, Record<Name, Expected>> = {
  unsealed: {
    sealHeld: sent("held", "seal held"),
    sealAborted: sent("released", "seal aborted"),
    sealFulfilled: sent("fulfilled", "seal fulfilled"),
    extend: both("hold_unsealed"),
    fulfill: both("hold_unsealed"),
    release: both("hold_unsealed"),
    placeAgain: both("hold_unsealed"),
    replace: both("hold_unsealed"),
    replaceLines: both("hold_unsealed"),
    // Away from home 5 minutes more.
    minutes1: { home: "expired, sends seal aborted", away: "held" },
    minutes6: sent("expired", "seal aborted"),
    minutes10: sent("expired", "seal aborted"),
    minutes15: sent("expired", "seal aborted"),
  },
  held: {
    sealHeld: both("held"),
    sealAborted: both("already_sealed"),
    sealFulfilled: both("already_sealed"),
    extend: sent("held", "extend"),
    fulfill: sent("fulfilled", "fulfill"),
    release: sent("released", "release"),
    placeAgain: both("already_sealed"),
    replace: both("already_sealed"),
    replaceLines: both("already_sealed"),
    minutes1: both("held"),
    minutes6: both("held"),
    minutes10: { home: "expired, sends release", away: "held" },
    minutes15: sent("expired", "release"),
  },
  aborted: {
    sealHeld: both("already_sealed"),
    sealAborted: both("released"),
    sealFulfilled: both("already_sealed"),
    ...finished("hold_finished", "released", "held"),
  },
  fulfilled: {
    sealHeld: both("already_sealed"),
    sealAborted: both("already_sealed"),
    sealFulfilled: both("fulfilled"),
    ...finished("hold_finished", "fulfilled", "hold_finished"),
  },
  part: {
    sealHeld: both("fulfilled"),
    sealAborted: both("already_sealed"),
    sealFulfilled: both("already_sealed"),
    ...finished("hold_finished", "fulfilled", "hold_finished"),
    extend: { home: "fulfilled, sends extend", away: "hold_finished" },
    fulfill: { home: "fulfilled, sends fulfill", away: "hold_finished" },
    release: { home: "fulfilled, sends release", away: "hold_finished" },
  },
  over: {
    sealHeld: both("fulfilled"),
    sealAborted: both("already_sealed"),
    sealFulfilled: both("already_sealed"),
    ...finished("hold_finished", "fulfilled", "hold_finished"),
  },
  expired: {
    sealHeld: both("hold_expired"),
    sealAborted: both("hold_expired"),
    sealFulfilled: both("hold_expired"),
    ...finished("hold_expired", "expired", "held"),
  },
};

function both(text: string): Expected {
  return { home: text, away: text };
}

function sent(state: string, what: string): Expected {
  return { home: `${state}, sends ${what}`, away: state };
}

/** What is over stays as it is, and does not come back; a hold by itself may take its place. */
function finished(reason: string, state: string, alone: string) {
  return {
    extend: both(reason),
    fulfill: both(reason),
    release: both(reason),
    placeAgain: both("hold_finished"),
    replace: both(alone),
    replaceLines: both(alone),
    minutes1: both(state),
    minutes6: both(state),
    minutes10: both(state),
    minutes15: both(state),
  };
}

function outcome(side: Side, state: State, name: Name): string {
  const fold = new Fold({ shards: 2, shard: 0 });
  const pass = (ms: number) => fold.send({ type: "tick", ...A }, fold.nowMs + ms);
  const run = (step: Json | number) => (typeof step === "number" ? pass(step) : fold.send(step));
  fold.send({ type: "receipt", ...A, qty: 5 });
  fold.send(place(side));
  for (const step of STATES[state]) run(step);
  const before = fold.out.effects.length;
  const command = COMMANDS[name];
  const { reason } = run(typeof command === "string" ? place(side, { id: "again" }) : command);
  if (reason !== undefined) return reason;
  fold.checkpoint();
  const status = String(fold.table("hold")[0]?.status);
  const commands = fold.out.effects
    .slice(before)
    .flatMap(({ kind, message }) =>
      kind === "command" ? (message as { commands: Json[] }).commands : [],
    );
  const texts = commands.map(({ type, outcome }) => [type, outcome].filter(Boolean).join(" "));
  return [status, ...texts.map((text) => `sends ${text}`)].join(", ");
}

describe.each(SIDES)("a part of a hold over shards, at %s", (side) => {
  describe.each(Object.keys(STATES) as State[])("%s", (state) => {
    it.each(Object.entries(EXPECTED[state]) as [Name, Expected][])("%s", (name, expected) => {
      expect(outcome(side, state, name)).toBe(expected[side]);
    });
  });
});

describe("what home sends of an earlier hold of that id", () => {
  const DAY_MS = 24 * 60 * MINUTE_MS;

  /** Places a hold at home, lets it expire; what home sends of that. */
  function sentOfExpired(id: string): Json {
    const home = new Fold({ shards: 2, shard: 0 });
    home.send({ type: "receipt", ...A, qty: 5 });
    home.send(place("home", { id }));
    home.send({ type: "tick", ...A }, home.nowMs + MINUTE_MS);
    const [sent] = home.effects("command") as unknown as { commands: Json[] }[];
    return { ...sent?.commands[0], ...A };
  }

  /** Of the shard away from home: a hold placed `afterMs` after the one at home. */
  function placedAway(id: string, afterMs: number): Fold {
    const away = new Fold({ shards: 2, shard: 0 });
    away.send({ type: "receipt", ...A, qty: 5 }, away.nowMs + afterMs);
    away.send(place("away", { id }));
    return away;
  }

  it("is obeyed when it is of this placing", () => {
    const sent = sentOfExpired("p");
    expect(sent).toMatchObject({ type: "seal", outcome: "aborted", placing: { by: "p" } });
    const away = placedAway("p", MINUTE_MS);
    expect(away.send(sent).reason).toBeUndefined();
    expect(away.send(seal("held")).reason).toBe("already_sealed");
  });

  it.each([
    ["another command placed it", "q", MINUTE_MS],
    ["the same command placed it, forgotten since", "p", 91 * DAY_MS],
  ])("is not obeyed: %s", (_why, id, afterMs) => {
    const away = placedAway(id, afterMs);
    expect(away.send(sentOfExpired("p")).reason).toBe("unknown_hold");
    expect(away.send(seal("held")).reason).toBeUndefined();
    const { placing } = sentOfExpired("p");
    for (const type of ["release", "fulfill"])
      expect(away.send({ type, ...A, hold: "h", placing }).reason).toBe("unknown_hold");
    const extend = { type: "extend", ...A, hold: "h", ttlMs: null, placing };
    expect(away.send(extend).reason).toBe("unknown_hold");
    expect(
      away.send({ type: "release", ...A, hold: "h", placing: { by: id } }).reason,
    ).toBeUndefined();
  });
});
