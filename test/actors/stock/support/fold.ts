// A machine with the least of a shell around it: a log, a ledger in memory that answers look-ups, and a store of
// checkpoint rows, so that tests can fold, restore and ask.
import type { LedgerRow } from "../../../../actors/runtime/ledger_row.ts";
import {
  checkpointOf,
  type Effect,
  emptyOutput,
  type Found,
  type LogEntry,
  type Lookup,
  lookupKey,
  type Machine,
  type MachineOptions,
  type TableRow,
} from "../../../../actors/runtime/machine.ts";
import { stockMachine } from "../../../../actors/stock/machine.ts";
import type { Decision, Level } from "../../../../shared/decisions.ts";
import { toToken } from "../../../../streams/subjects.ts";

export const OPTIONS: MachineOptions = {
  epoch: 0,
  shard: 0,
  shards: 1,
  identityDays: 90,
};
export const START_MS = Date.parse("2026-03-02T08:00:00.000Z");
const DAY_MS = 86_400_000;

export type Json = Record<string, unknown>;
type Store = Map<string, Map<string, TableRow>>;

export class Fold {
  readonly options: MachineOptions;
  machine: Machine;
  readonly log: LogEntry[] = [];
  /** Output of the machine over its life; of decisions those of the last entry. */
  readonly out = { ...emptyOutput(), isAsked: true };
  decisions: Decision[] = [];
  readonly store: Store = new Map();
  private snapshot: unknown;
  nowMs = START_MS;
  seq = 0;

  constructor(options: Partial<MachineOptions> = {}) {
    this.options = { ...OPTIONS, ...options };
    this.machine = stockMachine.create(this.options);
  }

  /** One command on its own subject; returns its decision. */
  one(location: string, sku: string, body: unknown, atMs = this.nowMs): Decision {
    const { epoch, shard } = this.options;
    const subject = `inv.log.${epoch}.${shard}.${toToken(location)}.${toToken(sku)}`;
    return this.entry(subject, bytesOf(body), atMs)[0] as Decision;
  }

  /** One command in a bundle, as our publishers send it. */
  send(body: Json, atMs = this.nowMs): Decision {
    return this.bundle([body], atMs)[0] as Decision;
  }

  bundle(bodies: readonly unknown[], atMs = this.nowMs): Decision[] {
    const { epoch, shard } = this.options;
    return this.entry(`inv.log.${epoch}.${shard}.bundle`, bytesOf(bodies), atMs);
  }

  entry(subject: string, payload: Uint8Array, appendedAtMs: number): Decision[] {
    const entry = { seq: this.seq + 1, appendedAtMs, subject, payload };
    this.nowMs = Math.max(this.nowMs, appendedAtMs);
    return this.fold(entry);
  }

  fold(entry: LogEntry): Decision[] {
    this.seq = entry.seq;
    this.log.push(entry);
    const { machine, out } = this;
    out.decisions.length = 0;
    const decoded = machine.decode(entry);
    const found = new Map(
      machine.lookups(decoded).map((lookup) => [lookupKey(lookup), this.lookup(lookup)]),
    );
    machine.apply(decoded, found, out);
    this.decisions = out.decisions.map((text) => JSON.parse(text) as Decision);
    return this.decisions;
  }

  /** Lets time pass to `atMs`. */
  tick(atMs: number): void {
    this.send({ type: "tick", sku: "A", location: "-" }, atMs);
  }

  /** What the ledger says, as machine.ts defines it. */
  lookup(lookup: Lookup): Found {
    const oldest = this.nowMs - this.options.identityDays * DAY_MS;
    const { rows } = this.out;
    const isIt = (row: LedgerRow) =>
      row.id === lookup.id &&
      row.identityHigh === lookup.identityHigh &&
      row.identityLow === lookup.identityLow &&
      row.appendedAt > oldest;
    const first = rows.findLast(isIt);
    if (first === undefined) return null;
    const voided = rows.some(
      (row) =>
        row.seq >= first.seq &&
        row.type === "void" &&
        row.cause === "command" &&
        row.outcome === "applied" &&
        row.sku === lookup.sku &&
        row.location === lookup.location &&
        (JSON.parse(row.extra ?? "{}") as Json).of === lookup.id,
    );
    return { rows: rowsAt(rows, first), voided };
  }

  /** Takes what changed into the store. */
  checkpoint(): void {
    const { snapshot, changes } = checkpointOf(this.machine);
    this.snapshot = snapshot;
    for (const { table, upserts, deletes } of changes) {
      const { key } = this.machine.tables.find(({ name }) => name === table) as {
        key: string[];
      };
      const rows = this.store.get(table) ?? new Map<string, TableRow>();
      this.store.set(table, rows);
      const nameOf = (row: TableRow) => JSON.stringify(key.map((column) => row[column]));
      for (const row of deletes) rows.delete(nameOf(row));
      for (const row of upserts) rows.set(nameOf(row), row);
    }
  }

  /** A checkpoint, and a machine made from its rows in another order. */
  restored(): Machine {
    this.checkpoint();
    const restore = stockMachine.restore(this.options, {
      position: this.machine.position(),
      applyVersion: this.machine.applyVersion,
      snapshot: JSON.parse(JSON.stringify(this.snapshot)),
    });
    for (const { name } of stockMachine.tables) {
      for (const row of [...(this.store.get(name)?.values() ?? [])].reverse())
        restore.add(name, row);
    }
    return restore.machine();
  }

  level(sku: string, location: string): Level {
    for (const key of this.machine.keys()) {
      const level = this.machine.level(key);
      if (level.sku === sku && level.location === location) return level;
    }
    throw new Error(`no level of ${sku} at ${location}`);
  }

  levels(): Level[] {
    return [...this.machine.keys()].map((key) => this.machine.level(key));
  }

  effects(kind: Effect["kind"]): Effect["message"][] {
    return this.out.effects.filter((effect) => effect.kind === kind).map(({ message }) => message);
  }

  table(name: string): TableRow[] {
    return [...(this.store.get(name)?.values() ?? [])];
  }
}

/** All rows of the position of `row`. */
export function rowsAt(rows: readonly LedgerRow[], row: LedgerRow): LedgerRow[] {
  return rows.filter(({ seq, index }) => seq === row.seq && index === row.index);
}

export function bytesOf(body: unknown): Uint8Array {
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}
