// What a hold still holds: checkpoint rows plus what the ledger says since.
import { describe, expect, test } from "vitest";
import { holdState } from "../../http/hold_state.ts";
import type { Row } from "../../http/ledger_rows.ts";

const AT = "2026-01-01T00:00:00.000Z";
const ledger = (type: string, reserved: number, more: Row = {}): Row => ({
  sku: "A",
  location: "L",
  type,
  cause: "command",
  outcome: "applied",
  delta_reserved: reserved,
  delta_backordered: 0,
  appended_at: new Date(AT),
  channel: null,
  extra: null,
  id: "c",
  shard: 0,
  seq: 1,
  index: 0,
  ...more,
});
/** At seconds after AT, as a command of its own. */
const later = (seconds: number): Row => ({
  seq: seconds,
  appended_at: new Date(Date.parse(AT) + seconds * 1000),
});
const held = ledger("hold", 3, { extra: { ttlMs: 60_000 }, channel: "web" });
const checkpointed: Row = {
  sku: "A",
  location: "L",
  qty: 3,
  backordered: 0,
  status: "held",
  firm: false,
  expires_at: new Date("2026-01-01T00:01:00.000Z"),
  channel: "web",
  state: null,
};
/** A line of a hold over shards, as its own shard has it before the seal. */
const overShards = (ttlMs: number | null, elsewhere: object[]) =>
  ledger("hold", 3, { extra: { lines: [{}], home: "A", elsewhere, ttlMs } });
const atHome = overShards(600_000, [{ sku: "B" }]);
const seal = (outcome: string, reserved = 0) =>
  ledger("seal", reserved, { ...later(9), extra: { outcome } });
const groupState = { home: "A", placedBy: "c", elsewhere: [{ sku: "B" }], ttlMs: 600_000 };
const sealed = (isSealed: boolean): Row => ({
  ...checkpointed,
  state: { ...groupState, sealed: isSealed },
});

const CASES: [name: string, checkpoint: Row[], after: Row[], line: object | undefined][] = [
  ["placed", [], [held], { qty: 3, status: "held", expiresAt: "2026-01-01T00:01:00.000Z" }],
  ["in the checkpoint", [checkpointed], [], { qty: 3, status: "held", channel: "web" }],
  ["firm", [], [ledger("hold", 3, { extra: { ttlMs: null } })], { expiresAt: null }],
  ["re-held", [], [held, ledger("hold", -1, { extra: { ttlMs: 9 } })], { qty: 2, status: "held" }],
  [
    "extended",
    [checkpointed],
    [ledger("extend", 0, { extra: { ttlMs: null } })],
    { qty: 3, expiresAt: null },
  ],
  [
    "firm and extended: firm all the same",
    [],
    [ledger("hold", 3, { extra: { ttlMs: null } }), ledger("extend", 0, { extra: { ttlMs: 1 } })],
    { qty: 3, expiresAt: null },
  ],
  [
    "firm, ended, and its id used again with a time",
    [],
    [
      ledger("hold", 3, { extra: { ttlMs: null } }),
      ledger("release", -3),
      ledger("hold", 2, { extra: { ttlMs: 60_000 } }),
    ],
    { qty: 2, expiresAt: "2026-01-01T00:01:00.000Z" },
  ],
  ["part fulfilled", [checkpointed], [ledger("fulfill", -1)], { qty: 2, status: "held" }],
  [
    "fulfilled by itself, then named to release the lines that lived on",
    [],
    [atHome, seal("held"), ledger("fulfill", -3, later(10)), ledger("release", 0, later(11))],
    { qty: 0, status: "fulfilled" },
  ],
  [
    "fulfilled by itself, then sealed as held once more",
    [{ ...sealed(true), qty: 0, status: "fulfilled" }],
    [seal("held")],
    { qty: 0, status: "fulfilled" },
  ],
  ["fulfilled", [checkpointed], [ledger("fulfill", -3)], { qty: 0, status: "fulfilled" }],
  [
    "sold over a till",
    [checkpointed],
    [ledger("sale", -3, { cause: "holdSettled" })],
    { status: "fulfilled" },
  ],
  ["released", [checkpointed], [ledger("release", -3)], { qty: 0, status: "released" }],
  ["expired", [checkpointed], [ledger("hold", -3, { cause: "expiry" })], { status: "expired" }],
  [
    "sealed as aborted",
    [checkpointed],
    [ledger("seal", -3, { extra: { outcome: "aborted" } })],
    { status: "released" },
  ],
  [
    "sealed as fulfilled",
    [checkpointed],
    [ledger("seal", -3, { extra: { outcome: "fulfilled" } })],
    { status: "fulfilled" },
  ],
  [
    "waiting",
    [],
    [ledger("hold", 1, { delta_backordered: 2 })],
    { qty: 1, backordered: 2, status: "held" },
  ],
  [
    "filled",
    [{ ...checkpointed, qty: 1, backordered: 2 }],
    [ledger("hold", 2, { cause: "backorderFill", delta_backordered: -2 })],
    { qty: 3, backordered: 0 },
  ],
  [
    "released and held again",
    [{ ...checkpointed, qty: 0, status: "released" }],
    [held],
    { qty: 3, status: "held" },
  ],
  ["over shards", [], [atHome], { status: "pending", expiresAt: "2026-01-01T00:01:00.000Z" }],
  ["over shards, in the checkpoint", [sealed(false)], [], { qty: 3, status: "pending" }],
  [
    "over shards, away from home",
    [],
    [overShards(600_000, [])],
    { status: "pending", expiresAt: "2026-01-01T00:06:00.000Z" },
  ],
  [
    "over shards, to be firm",
    [],
    [overShards(null, [{}])],
    { status: "pending", expiresAt: "2026-01-01T00:01:00.000Z" },
  ],
  [
    "sealed as held",
    [],
    [atHome, seal("held")],
    { qty: 3, status: "held", expiresAt: "2026-01-01T00:10:09.000Z" },
  ],
  [
    "sealed as held since the checkpoint",
    [sealed(false)],
    [seal("held")],
    { status: "held", expiresAt: "2026-01-01T00:10:09.000Z" },
  ],
  [
    "sealed as held, and so again: no news",
    [sealed(true)],
    [seal("held")],
    { status: "held", expiresAt: "2026-01-01T00:01:00.000Z" },
  ],
  ["sealed as held, firm", [], [overShards(null, [{}]), seal("held")], { expiresAt: null }],
  ["sealed as aborted before", [sealed(false)], [seal("aborted", -3)], { status: "released" }],
  [
    "never sealed",
    [sealed(false)],
    [ledger("hold", -3, { cause: "expiry" })],
    { status: "expired" },
  ],
  ["refused", [], [ledger("hold", 0, { outcome: "rejected" })], undefined],
];

test.each(CASES)("holdState(): %s", (_name, checkpoint, after, line) => {
  const state = holdState("A", checkpoint, after);
  if (line === undefined) expect(state).toBeUndefined();
  else expect(state?.lines).toMatchObject([line]);
});

test("holdState(): what the first row of a command keeps is meant for all its lines", () => {
  const extra = { lines: [{}, {}], ttlMs: 60_000 };
  const placed = [ledger("hold", 3, { extra }), ledger("hold", 2, { location: "M" })];
  const state = holdState("A", [], placed);
  expect(state).toMatchObject({ status: "held", lines: [{ qty: 3 }, { location: "M", qty: 2 }] });
  for (const line of state?.lines ?? []) expect(line.expiresAt).toBe("2026-01-01T00:01:00.000Z");
});

describe("holdState() over shards", () => {
  const away = ledger("hold", 2, {
    sku: "B",
    shard: 1,
    extra: { lines: [{}], home: "A", ttlMs: 9 },
  });
  const awaySealed = ledger("seal", 0, {
    sku: "B",
    shard: 1,
    ...later(10),
    extra: { outcome: "held" },
  });
  const alone = ledger("hold", 1, { sku: "C", extra: { ttlMs: 60_000 }, id: "d" });
  const another = ledger("hold", 1, { sku: "D", extra: { ...(away.extra as object) }, id: "e" });

  test("has the lines of all shards, and none of other holds under its id", () => {
    const state = holdState("A", [], [atHome, alone, away, another]);
    expect(state?.lines.map((line) => line.sku)).toEqual(["A", "B"]);
    expect(holdState("B", [], [atHome, alone, away])?.lines.length).toBe(2);
    expect(holdState("C", [], [atHome, alone, away])?.lines.map((line) => line.sku)).toEqual(["C"]);
    expect(holdState("E", [], [atHome, alone, away])).toBeUndefined();
  });

  test.each([
    ["pending until home is sealed", [atHome, away], "pending"],
    ["held once home is", [atHome, seal("held"), away], "held"],
    ["held when all are", [atHome, seal("held"), away, awaySealed], "held"],
    [
      "what home became, though the others have not heard of it",
      [atHome, seal("aborted", -3), away],
      "released",
    ],
    [
      "held while a line is",
      [atHome, seal("held"), ledger("fulfill", -3, later(11)), away, awaySealed],
      "held",
    ],
  ] as const)("is %s", (_name, after, status) => {
    expect(holdState("A", [], after)?.status).toBe(status);
  });
});
