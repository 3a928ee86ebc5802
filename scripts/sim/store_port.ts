// Owns the simulated store as one process sees one shard of it: the real binary rows of a commit, and a
// request that may be away, late, or unanswered.
import { LEDGER_READ_TYPES, readLedgerRow } from "../../actors/runtime/ledger_codec.ts";
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import type { CheckpointTable } from "../../actors/runtime/machine.ts";
import type { Commit, CommitOutcome, StorePort } from "../../actors/runtime/ports.ts";
import {
  COPY_HEADER,
  COPY_TRAILER,
  CopyReader,
  type CopyRows,
} from "../../shared/postgres_binary.ts";
import type { SimProcess, SimService } from "./process.ts";
import type { ShardStore } from "./store.ts";

/** What the checkers watch of the store. */
export type StoreWatch = {
  onCommit(commit: Omit<Commit, "rows">, rows: readonly LedgerRow[], outcome: CommitOutcome): void;
  onLookups(count: number): void;
  onPoison(): void;
  onAlert(alert: { id: string; kind: string; text: string }): void;
};

export function makeStorePort(
  process: SimProcess,
  service: SimService,
  store: ShardStore,
  tables: readonly CheckpointTable[],
  watch: StoreWatch,
): StorePort {
  const byName = new Map(tables.map((table) => [table.name, table]));
  return {
    load: (wanted, begin) => process.call(service, () => store.load(wanted, begin)),
    commit: ({ rows, ...rest }) => {
      // What is sent is what is meant now: the caller may reuse its memory.
      const sent = structuredClone(rest);
      const ledger = decodeRows(rows);
      return process.call(service, () => {
        const outcome = store.commit(sent, ledger, byName);
        watch.onCommit(sent, ledger, outcome);
        return outcome;
      });
    },
    find: (lookups, sinceMs) =>
      process.call(service, () => {
        watch.onLookups(lookups.length);
        return lookups.map((lookup) => store.find(lookup, sinceMs));
      }),
    addPoison: (seq, error) =>
      process.call(service, () => {
        watch.onPoison();
        if (!store.poison.has(seq)) store.poison.set(seq, error);
      }),
    outbox: (limit) => process.call(service, () => structuredClone(store.outbox.slice(0, limit))),
    published: (number) =>
      process.call(service, () => {
        while (store.outbox[0] !== undefined && store.outbox[0].number <= number)
          store.outbox.shift();
      }),
    alert: (alert) => process.call(service, () => watch.onAlert(alert)),
  };
}

function decodeRows(rows: CopyRows): LedgerRow[] {
  const list: LedgerRow[] = [];
  const reader = new CopyReader(LEDGER_READ_TYPES, (values) => list.push(readLedgerRow(values)));
  reader.push(Buffer.concat([COPY_HEADER, rows.data, COPY_TRAILER]));
  return list;
}
