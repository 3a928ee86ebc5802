// What a hold still holds: checkpoint rows plus what the ledger says since.
import { expect, test } from "vitest";
import { holdLines } from "../../http/hold_state.ts";
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
  ...more,
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
};

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
  ["refused", [], [ledger("hold", 0, { outcome: "rejected" })], undefined],
];

test.each(CASES)("holdLines(): %s", (_name, checkpoint, after, line) => {
  const lines = holdLines(checkpoint, after);
  if (line === undefined) expect(lines).toEqual([]);
  else expect(lines).toMatchObject([line]);
});
