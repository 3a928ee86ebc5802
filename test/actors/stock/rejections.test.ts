// Every rejection reason: given, when, then; and their order of precedence.
import { describe, expect, it } from "vitest";
import { REJECTION_REASONS, type RejectionReason } from "../../../shared/decisions.ts";
import { Fold, type Json } from "./support/fold.ts";

const A = { sku: "A", location: "store-1" };
const MAX = 2 ** 50;
const hold = (id: string, qty: number, more: Json = {}) => ({
  type: "hold",
  ...A,
  hold: id,
  qty,
  ttlMs: 60_000,
  ...more,
});
const receipt = (qty: number, more: Json = {}) => ({ type: "receipt", ...A, qty, ...more });
const web = (rule: Json) => ({ type: "policy", ...A, channels: { web: rule } });
const lines = (id: string, more: Json = {}) => ({
  type: "hold",
  ...A,
  hold: id,
  ttlMs: 60_000,
  lines: [{ ...A, qty: 1 }],
  home: "A",
  ...more,
});
/** Two units may still leave before the least number is passed, and hold `h` has three. */
const TWO_ABOVE_LEAST: Json[] = [
  receipt(3),
  hold("h", 3),
  { type: "sale", ...A, qty: MAX },
  { type: "sale", ...A, qty: 1 },
];
const HOUR_MS = 3_600_000;
const iso = (ms: number) => new Date(ms).toISOString();
const ago = (hours: number) => iso(new Fold().nowMs - hours * HOUR_MS);

type Case = { given: (Json | number)[]; when: Json; outcome: RejectionReason | "applied" };
/** Numbers among the given are milliseconds that pass. */
const CASES: Record<string, Case> = {
  "id_conflict: same id, other quantity": {
    given: [receipt(5, { id: "x" })],
    when: receipt(6, { id: "x" }),
    outcome: "id_conflict",
  },
  "id_conflict: same id, other type": {
    given: [receipt(5, { id: "x" })],
    when: { type: "sale", ...A, qty: 5, id: "x" },
    outcome: "id_conflict",
  },
  "out_of_range: sellable": { given: [receipt(MAX)], when: receipt(1), outcome: "out_of_range" },
  "out_of_range: below": {
    given: [{ type: "sale", ...A, qty: MAX }],
    when: { type: "sale", ...A, qty: 1 },
    outcome: "out_of_range",
  },
  "out_of_range: a bucket": {
    given: [receipt(MAX, { bucket: "damaged" })],
    when: { type: "return", ...A, qty: 1, bucket: "damaged" },
    outcome: "out_of_range",
  },
  "out_of_range: the sum of buckets": {
    given: [receipt(MAX, { bucket: "damaged" })],
    when: receipt(1, { bucket: "blocked" }),
    outcome: "out_of_range",
  },
  "out_of_range: a move's other side": {
    given: [receipt(MAX, { bucket: "damaged" })],
    when: { type: "move", ...A, qty: 1, from: "sellable", to: "damaged" },
    outcome: "out_of_range",
  },
  "out_of_range: reserved": {
    given: [receipt(MAX), hold("a", MAX)],
    when: hold("b", 1, { backorder: true }),
    outcome: "out_of_range",
  },
  "out_of_range: all of a hold leaves": {
    given: TWO_ABOVE_LEAST,
    when: { type: "fulfill", ...A, hold: "h" },
    outcome: "out_of_range",
  },
  "a part of a hold leaves that is in range": {
    given: TWO_ABOVE_LEAST,
    when: { type: "fulfill", ...A, hold: "h", qty: 2 },
    outcome: "applied",
  },
  "out_of_range: backordered, where there is no limit": {
    given: [receipt(1), hold("a", MAX, { backorder: true })],
    when: hold("b", 2, { backorder: true }),
    outcome: "out_of_range",
  },
  "out_of_range: on order": {
    given: [{ type: "order", ...A, order: "o", line: "1", rev: 1, ordered: MAX, status: "placed" }],
    when: { type: "order", ...A, order: "p", line: "1", rev: 1, ordered: 1, status: "placed" },
    outcome: "out_of_range",
  },
  "out_of_range: in transit": {
    given: [{ type: "ship", ...A, qty: MAX, transfer: "t", to: "wh" }],
    when: { type: "ship", sku: "A", location: "store-2", qty: 1, transfer: "u", to: "wh" },
    outcome: "out_of_range",
  },
  "out_of_range: in transit, at the target its first ship named": {
    given: [
      { type: "ship", ...A, qty: MAX - 1, transfer: "t", to: "wh" },
      { type: "ship", sku: "A", location: "store-2", qty: 1, transfer: "u", to: "wh" },
    ],
    when: { type: "ship", sku: "A", location: "store-2", qty: 1, transfer: "u", to: "store-3" },
    outcome: "out_of_range",
  },
  "what arrived before it was shipped is not in transit": {
    given: [
      { type: "ship", ...A, qty: MAX, transfer: "t", to: "wh" },
      { type: "arrive", sku: "A", location: "wh", qty: 5, transfer: "u", from: "store-2" },
    ],
    when: { type: "ship", sku: "A", location: "store-2", qty: 5, transfer: "u", to: "wh" },
    outcome: "applied",
  },
  "out_of_range: a late fact, if only until its correction": {
    given: [
      { type: "count", ...A, counted: 0, at: ago(1) },
      { type: "sale", ...A, qty: MAX },
    ],
    when: { type: "sale", ...A, qty: 6, at: ago(2) },
    outcome: "out_of_range",
  },
  "out_of_range: a count": {
    given: [receipt(5), receipt(MAX, { bucket: "damaged" })],
    when: { type: "count", ...A, counted: 1, bucket: "blocked" },
    outcome: "out_of_range",
  },
  "limit_exceeded: buckets of a key": {
    given: Array.from({ length: 32 }, (_, i) => receipt(1, { bucket: `b${i}` })),
    when: receipt(1, { bucket: "one" }),
    outcome: "limit_exceeded",
  },
  "unknown_command: nothing there": {
    given: [],
    when: { type: "void", ...A, of: "x", reason: "r" },
    outcome: "unknown_command",
  },
  "unknown_command: it was rejected": {
    given: [receipt(MAX, { id: "x" }), receipt(1, { id: "y" })],
    when: { type: "void", ...A, of: "y", reason: "r" },
    outcome: "unknown_command",
  },
  "unknown_command: no fact that can be undone": {
    given: [{ type: "count", ...A, counted: 5, id: "x" }],
    when: { type: "void", ...A, of: "x", reason: "r" },
    outcome: "unknown_command",
  },
  "unknown_command: a void": {
    given: [receipt(5, { id: "x" }), { type: "void", ...A, of: "x", reason: "r", id: "y" }],
    when: { type: "void", ...A, of: "y", reason: "r" },
    outcome: "unknown_command",
  },
  "unknown_command: undone already, if only in part": {
    given: [receipt(5, { id: "x" }), { type: "void", ...A, of: "x", qty: 1, reason: "r" }],
    when: { type: "void", ...A, of: "x", qty: 1, reason: "r" },
    outcome: "unknown_command",
  },
  "unknown_command: more than it was": {
    given: [receipt(5, { id: "x" })],
    when: { type: "void", ...A, of: "x", qty: 6, reason: "r" },
    outcome: "unknown_command",
  },
  "unknown_command: of another key": {
    given: [receipt(5, { id: "x" })],
    when: { type: "void", sku: "A", location: "store-2", of: "x", reason: "r" },
    outcome: "unknown_command",
  },
  "stale_count: 48 hours and a bit": {
    given: [],
    when: { type: "count", ...A, counted: 1, at: iso(new Fold().nowMs - 48 * HOUR_MS - 1) },
    outcome: "stale_count",
  },
  "48 hours to the millisecond are not stale": {
    given: [],
    when: { type: "count", ...A, counted: 1, at: ago(48) },
    outcome: "applied",
  },
  "stale_count: older than the last count": {
    given: [{ type: "count", ...A, counted: 1, at: ago(1) }],
    when: { type: "count", ...A, counted: 2, at: ago(2) },
    outcome: "stale_count",
  },
  "an older count of another bucket is not stale": {
    given: [{ type: "count", ...A, counted: 1, at: ago(1) }],
    when: { type: "count", ...A, counted: 2, at: ago(2), bucket: "damaged" },
    outcome: "applied",
  },
  "version_conflict: not the version": {
    given: [web({ buffer: 1 })],
    when: { ...web({ buffer: 2 }), ifVersion: 0 },
    outcome: "version_conflict",
  },
  "the version fits": {
    given: [web({ buffer: 1 })],
    when: { ...web({}), ifVersion: 1 },
    outcome: "applied",
  },
  "unknown_hold: extend": {
    given: [],
    when: { type: "extend", ...A, hold: "h", ttlMs: null },
    outcome: "unknown_hold",
  },
  "unknown_hold: at another location": {
    given: [receipt(1), hold("h", 1)],
    when: { type: "release", sku: "A", location: "store-2", hold: "h" },
    outcome: "unknown_hold",
  },
  "unknown_hold: seal": {
    given: [],
    when: { type: "seal", ...A, hold: "h", outcome: "held" },
    outcome: "unknown_hold",
  },
  "unknown_hold: finished too long ago": {
    given: [receipt(1), hold("h", 1), { type: "release", ...A, hold: "h" }, 7 * 24 * HOUR_MS],
    when: { type: "release", ...A, hold: "h" },
    outcome: "unknown_hold",
  },
  "hold_expired: at its time exactly (M14)": {
    given: [receipt(1), hold("h", 1), 60_000],
    when: { type: "release", ...A, hold: "h" },
    outcome: "hold_expired",
  },
  "a millisecond before it lives": {
    given: [receipt(1), hold("h", 1), 59_999],
    when: { type: "release", ...A, hold: "h" },
    outcome: "applied",
  },
  "hold_expired: seal after the time for it": {
    given: [receipt(1), lines("h"), 60_000],
    when: { type: "seal", ...A, hold: "h", outcome: "held" },
    outcome: "hold_expired",
  },
  "hold_finished: released twice (M16)": {
    given: [receipt(1), hold("h", 1), { type: "release", ...A, hold: "h" }],
    when: { type: "release", ...A, hold: "h" },
    outcome: "hold_finished",
  },
  "hold_finished: held again after it was fulfilled": {
    given: [receipt(2), hold("h", 1), { type: "fulfill", ...A, hold: "h" }],
    when: hold("h", 1),
    outcome: "hold_finished",
  },
  "a released id may be held anew": {
    given: [receipt(2), hold("h", 1), { type: "release", ...A, hold: "h" }],
    when: hold("h", 1),
    outcome: "applied",
  },
  "hold_finished: lines over shards under a finished id": {
    given: [receipt(2), hold("h", 1), { type: "release", ...A, hold: "h" }],
    when: lines("h"),
    outcome: "hold_finished",
  },
  "hold_unsealed: release before the seal (M23)": {
    given: [receipt(1), lines("h")],
    when: { type: "release", ...A, hold: "h" },
    outcome: "hold_unsealed",
  },
  "hold_unsealed: fulfil before the seal": {
    given: [receipt(1), lines("h")],
    when: { type: "fulfill", ...A, hold: "h" },
    outcome: "hold_unsealed",
  },
  "hold_finished: a part of a hold over shards that expired, elsewhere": {
    given: [
      receipt(1),
      { type: "receipt", sku: "A", location: "store-2", qty: 1 },
      lines("h"),
      60_000,
    ],
    when: { ...lines("h"), location: "-", lines: [{ sku: "A", qty: 1 }] },
    outcome: "hold_finished",
  },
  "already_sealed: another outcome": {
    given: [receipt(1), lines("h"), { type: "seal", ...A, hold: "h", outcome: "aborted" }],
    when: { type: "seal", ...A, hold: "h", outcome: "held" },
    outcome: "already_sealed",
  },
  "the same outcome again is applied": {
    given: [receipt(1), lines("h"), { type: "seal", ...A, hold: "h", outcome: "held" }],
    when: { type: "seal", ...A, hold: "h", outcome: "held" },
    outcome: "applied",
  },
  "already_sealed: a hold of one shard": {
    given: [receipt(1), hold("h", 1)],
    when: { type: "seal", ...A, hold: "h", outcome: "held" },
    outcome: "already_sealed",
  },
  channel_closed: {
    given: [receipt(5), web({ closed: true })],
    when: hold("h", 1, { channel: "web" }),
    outcome: "channel_closed",
  },
  "another channel is open": {
    given: [receipt(5), web({ closed: true })],
    when: hold("h", 1, { channel: "shop" }),
    outcome: "applied",
  },
  "the default rule is for channels without one": {
    given: [receipt(5), { type: "policy", ...A, channels: { default: { closed: true } } }],
    when: hold("h", 1, { channel: "shop" }),
    outcome: "channel_closed",
  },
  backorder_limit: {
    given: [receipt(1), { type: "policy", ...A, backorderLimit: 3 }],
    when: hold("h", 5, { backorder: true }),
    outcome: "backorder_limit",
  },
  "just within the limit": {
    given: [receipt(1), { type: "policy", ...A, backorderLimit: 3 }],
    when: hold("h", 4, { backorder: true }),
    outcome: "applied",
  },
  insufficient_available: {
    given: [receipt(4)],
    when: hold("h", 5),
    outcome: "insufficient_available",
  },
  "insufficient_available: the buffer of the channel": {
    given: [receipt(5), web({ buffer: 2 })],
    when: hold("h", 4, { channel: "web" }),
    outcome: "insufficient_available",
  },
  "insufficient_available: the most a channel may be promised": {
    given: [receipt(5), web({ max: 2 })],
    when: hold("h", 3, { channel: "web" }),
    outcome: "insufficient_available",
  },
  "insufficient_available: nowhere": {
    given: [],
    when: hold("h", 1, { location: "-" }),
    outcome: "insufficient_available",
  },
};

function run(given: Case["given"]): Fold {
  const fold = new Fold();
  for (const step of given) {
    if (typeof step === "number") fold.nowMs += step;
    else expect(fold.send(step).outcome).not.toBe("malformed");
  }
  fold.tick(fold.nowMs);
  return fold;
}

describe("rejections", () => {
  it.each(Object.entries(CASES))("%s", (_, { given, when, outcome }) => {
    const fold = run(given);
    const before = fold.levels();
    const decision = fold.send(when);
    expect(decision.reason ?? decision.outcome).toBe(outcome);
    if (outcome !== "applied") {
      expect(fold.levels()).toEqual(before);
      expect(fold.out.rows.at(-1)).toMatchObject({ outcome: "rejected", reason: outcome });
    }
  });

  it("are all covered", () => {
    const seen = new Set(Object.values(CASES).map(({ outcome }) => outcome));
    for (const reason of REJECTION_REASONS) expect(seen).toContain(reason);
  });
});

/** Pairs of reasons that can hold at once: the first in the list is given. */
const BOTH: [RejectionReason, RejectionReason, Case["given"], Json][] = [
  ["id_conflict", "insufficient_available", [receipt(1, { id: "x" })], hold("h", 5, { id: "x" })],
  [
    "out_of_range",
    "channel_closed",
    [receipt(MAX), hold("a", MAX), web({ closed: true })],
    hold("h", 1, { channel: "web" }),
  ],
  [
    "out_of_range",
    "stale_count",
    [receipt(5), receipt(MAX, { bucket: "damaged" })],
    { type: "count", ...A, counted: 1, bucket: "blocked", at: ago(60) },
  ],
  [
    "hold_finished",
    "channel_closed",
    [receipt(2), hold("h", 1), { type: "fulfill", ...A, hold: "h" }, web({ closed: true })],
    hold("h", 1, { channel: "web" }),
  ],
  [
    "hold_finished",
    "insufficient_available",
    [receipt(2), hold("h", 1), { type: "fulfill", ...A, hold: "h" }],
    hold("h", 9),
  ],
  ["hold_unsealed", "insufficient_available", [receipt(1), lines("h")], hold("h", 9)],
  [
    "channel_closed",
    "backorder_limit",
    [web({ closed: true }), { type: "policy", ...A, backorderLimit: 0 }],
    hold("h", 1, { channel: "web", backorder: true }),
  ],
  [
    "channel_closed",
    "insufficient_available",
    [web({ closed: true })],
    hold("h", 1, { channel: "web" }),
  ],
  [
    "backorder_limit",
    "insufficient_available",
    [{ type: "policy", ...A, backorderLimit: 0 }],
    hold("h", 1, { backorder: true }),
  ],
];

describe("precedence", () => {
  it.each(BOTH)("%s before %s", (first, second, given, when) => {
    expect(REJECTION_REASONS.indexOf(first)).toBeLessThan(REJECTION_REASONS.indexOf(second));
    expect(run(given).send(when).reason).toBe(first);
  });

  it("is that of any line for a hold with lines", () => {
    const fold = run([
      receipt(1),
      { type: "policy", sku: "B", location: "store-1", channels: { web: { closed: true } } },
    ]);
    const decision = fold.send({
      type: "hold",
      ...A,
      hold: "h",
      ttlMs: null,
      channel: "web",
      lines: [
        { ...A, qty: 5 },
        { sku: "B", location: "store-1", qty: 1 },
      ],
    });
    expect(decision.reason).toBe("channel_closed");
    expect(decision.lines).toMatchObject([
      { sku: "A", short: 4 },
      { sku: "B", short: 1 },
    ]);
    expect(fold.level("A", "store-1").reserved).toBe(0);
  });
});
