// Owns the fold of a whole log from nothing, by the real machine, with nothing around it: what every owner,
// zombie and restored machine must agree with (S3).
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import {
  type Effect,
  emptyOutput,
  type Found,
  type LogEntry,
  type Lookup,
  lookupKey,
  type Machine,
  type MachineFactory,
  type MachineOptions,
} from "../../actors/runtime/machine.ts";
import { rowsOf, voidsOf } from "./ledger_rows.ts";
import { isPoison } from "./watched_machine.ts";

export type Replay = {
  machine: Machine;
  rows: LedgerRow[];
  effects: Effect[];
  /** Decisions of each entry as JSON texts, by sequence. */
  decisions: Map<number, string[]>;
};

const DAY_MS = 86_400_000;

/** @param onEntry called after each entry, with its decisions */
export function replay(
  factory: MachineFactory,
  options: MachineOptions,
  log: readonly LogEntry[],
  onEntry: (entry: LogEntry, machine: Machine, decisions: readonly string[]) => void,
): Replay {
  const machine = factory.create(options);
  const decisions = new Map<number, string[]>();
  const out = { ...emptyOutput(), isAsked: true };
  for (const entry of log) {
    out.decisions = [];
    if (isPoison(entry.payload)) machine.skip(entry, out);
    else {
      const decoded = machine.decode(entry);
      const nowMs = Math.max(machine.position().nowMs, entry.appendedAtMs);
      const afterMs = nowMs - options.identityDays * DAY_MS;
      const found = new Map(
        machine
          .lookups(decoded)
          .map((lookup) => [lookupKey(lookup), find(out.rows, lookup, entry.seq, afterMs)]),
      );
      machine.apply(decoded, found, out);
    }
    decisions.set(entry.seq, out.decisions);
    onEntry(entry, machine, out.decisions);
  }
  return { machine, rows: out.rows, effects: out.effects, decisions };
}

/** What the ledger says of an identity before `seq`, as machine.ts defines it. */
function find(ledger: readonly LedgerRow[], lookup: Lookup, seq: number, afterMs: number): Found {
  const before = ledger.filter((row) => row.seq < seq && row.appendedAt > afterMs);
  const rows = rowsOf(before, lookup);
  const first = rows[0];
  if (first === undefined) return null;
  const voided = voidsOf(before, lookup).some((row) => row.seq >= first.seq);
  return { rows, voided };
}
