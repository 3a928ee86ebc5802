import { expect, it } from "vitest";
import type { LedgerRow } from "../../../actors/runtime/ledger_row.ts";
import { Lookups } from "../../../actors/runtime/lookups.ts";
import type { LogEntry, Lookup } from "../../../actors/runtime/machine.ts";
import { lookupKey } from "../../../actors/runtime/machine.ts";
import type { RunnerPorts } from "../../../actors/runtime/ports.ts";

const DAY_MS = 86_400_000;
const ID: Lookup = { sku: "A", location: "store-1", id: "c1", identityHigh: 1, identityLow: 2 };
const OTHER: Lookup = { ...ID, id: "c2", identityLow: 3 };
const anytime = { fromMs: 0, isEnded: () => false };

/** Look-ups of a ledger that has the rows told, which may grow. */
function lookupsOf(ledger: Partial<LedgerRow>[]): Lookups {
  const store = {
    find: async (lookups: readonly Lookup[]) =>
      lookups.map((lookup) => ({
        lookup,
        rows: ledger.filter(({ id }) => id === lookup.id) as LedgerRow[],
        voids: [],
      })),
  };
  const ports = { store } as unknown as RunnerPorts;
  return new Lookups(ports, { epoch: 1, identityDays: 90 });
}

const row = (seq: number, appendedAt: number, id = "c1"): Partial<LedgerRow> => ({
  epoch: 1,
  seq,
  id,
  appendedAt,
  cause: "command",
});
const entry = (seq: number) => ({ seq }) as LogEntry;

it("an answer of before does not serve entries it was not asked for", async () => {
  const ledger = [row(1, 0)];
  const lookups = lookupsOf(ledger);
  const nowMs = 100 * DAY_MS;
  await lookups.ask([ID], { ...anytime, toSeq: 25 });
  expect(lookups.answer(entry(25), [ID], nowMs)?.get(lookupKey(ID))).toBeNull();
  // The id is used anew by entry 25, which is committed; what entry 26 needs is asked again.
  ledger.push(row(25, nowMs));
  lookups.onApplied(25, 25);
  expect(lookups.answer(entry(26), [ID], nowMs)).toBeUndefined();
  await lookups.ask([ID], { ...anytime, toSeq: 26 });
  const found = lookups.answer(entry(26), [ID], nowMs)?.get(lookupKey(ID));
  expect(found?.rows.map(({ seq }) => seq)).toEqual([25]);
});

it("an answer is kept for all entries it was asked for, and no longer than the next asking", async () => {
  const lookups = lookupsOf([]);
  await lookups.ask([ID], { ...anytime, toSeq: 30 });
  lookups.onApplied(25, 25);
  expect(lookups.answer(entry(26), [ID], 0)?.get(lookupKey(ID))).toBeNull();
  await lookups.ask([OTHER], { ...anytime, toSeq: 40 });
  expect(lookups.answer(entry(31), [ID], 0)).toBeUndefined();
});
