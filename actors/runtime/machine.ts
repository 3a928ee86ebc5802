// Pure.
// The contract between a machine (pure, deterministic) and the shell that runs it.
//
//     state = fold(apply, log prefix)
//
// S3: the same prefix under the same apply version gives the same state, digest and outputs: owner,
// zombie, standby, replay and restored machine alike. Nothing enters `apply` but the state, the
// entry (with its append time) and what the shell looked up in the ledger up to the entry's position.

import type { Level } from "../../shared/decisions.ts";
import type { AlertMessage, DeadLetter, HoldMessage, NeedMessage } from "../../shared/effects.ts";
import type { LedgerRow } from "./ledger_row.ts";

/** One entry of the log as the reader hands it over. */
export type LogEntry = {
  seq: number;
  /** The server's append time, whole ms since 1970; may go back, the machine's `now` does not. */
  appendedAtMs: number;
  subject: string;
  payload: Uint8Array;
  /** Where the caller wants the decision: only `_INBOX.>` is obeyed. */
  replyTo?: string;
};

/** A command the machine must know of but no longer holds in memory. */
export type Lookup = {
  sku: string;
  location: string;
  id: string;
  /** Its identity as in the ledger: two unsigned halves of the hash of (location, sku, id). */
  identityHigh: number;
  identityLow: number;
};

/**
 * What the ledger says of a looked-up identity before the position of the entry and within the identity
 * days: every row of the position it was decided at, in order of ordinal, and whether an applied void named it since (type
 * `void`, same sku and location, `extra.of`). Rows are found by `identity` (hash of location, sku, id) and `id`;
 * their sku and location may differ from the look-up's (a hold that let the actor choose). Null: not
 * there. Every row before the entry must be committed, or searched too, before this is answered.
 */
export type Found = { rows: LedgerRow[]; voided: boolean } | null;

/** Answers to look-ups, by `lookupKey`. */
export type FoundMap = ReadonlyMap<string, Found>;

export function lookupKey(lookup: Pick<Lookup, "sku" | "location" | "id">): string {
  return JSON.stringify([lookup.location, lookup.sku, lookup.id]);
}

/** Effects that must not be lost: they become outbox rows of the commit. `id` is made from the position. */
export type Effect =
  /** Urgent: a need just opened. Restatements and withdrawals leave with the next commit. */
  | { kind: "need"; subject: string; message: NeedMessage; urgent: boolean }
  | { kind: "hold"; subject: string; message: HoldMessage; urgent: false }
  | { kind: "alert"; subject: string; message: AlertMessage; urgent: false }
  | { kind: "dead"; subject: string; message: DeadLetter; urgent: false }
  /** Commands for the log itself (what home decided, for the lines in other shards): the relay publishes
   *  `message.commands` as one bundle on `subject`; they carry their own ids, so repeats do no harm. */
  | {
      kind: "command";
      subject: string;
      message: { id: string; commands: unknown[] };
      urgent: false;
    };

/**
 * Where `apply` puts what it makes, best effort things and durable things alike. The runner owns it and
 * empties it at its own pace; a muted fold throws it away.
 */
export type Output = {
  /** Whether somebody waits for the decisions of the entry being applied; the runner says so before each. */
  isAsked: boolean;
  /** Its decisions by index, as JSON text, when asked for; the runner clears it before each entry. */
  decisions: string[];
  /** Commands decided so far. */
  decided: number;
  rows: LedgerRow[];
  effects: Effect[];
  /** Keys whose level changed since the runner last emptied it, in order of first change. */
  touched: Set<object>;
};

export function emptyOutput(): Output {
  return {
    isAsked: false,
    decisions: [],
    decided: 0,
    rows: [],
    effects: [],
    touched: new Set(),
  };
}

/** A level as it is told. */
export type LevelText = { sku: string; location: string; version: string; json: string };

/** A row for a checkpoint table: column name (snake_case) to value. */
export type TableRow = Record<string, unknown>;

/** Rows of one table changed since the last checkpoint. */
export type TableChange = { table: string; upserts: TableRow[]; deletes: TableRow[] };

export type ColumnType =
  | "text"
  | "int2"
  | "int4"
  | "int8"
  | "bool"
  | "jsonb"
  | "timestamptz"
  | "bytea";

/** A checkpoint table as the store needs to know it. Times are ms since 1970, jsonb is JSON text. */
export type CheckpointTable = {
  name: string;
  key: string[];
  columns: CheckpointColumn[];
};

/** `isDerived`: follows from the others and is there for whoever reads the table; a restore goes without. */
export type CheckpointColumn = { name: string; type: ColumnType; isDerived?: boolean };

/** What a checkpoint and a commit say of where they stand. */
export type MachinePosition = {
  /** Last entry folded; 0 before the first. */
  seq: number;
  /** Log time after it, ms since 1970. */
  nowMs: number;
};

/** A decoded entry; opaque to the shell. */
export type DecodedEntry = { readonly entry: LogEntry };

/** The pure part of an actor. One instance folds one shard. */
export type Machine = {
  readonly applyVersion: number;
  readonly tables: readonly CheckpointTable[];
  position(): MachinePosition;
  /** Parses and checks an entry; never throws on bad input. */
  decode(entry: LogEntry): DecodedEntry;
  /**
   * Identities this entry needs that memory cannot answer for sure; usually empty. Call it when all
   * earlier entries are applied, right before `apply`.
   */
  lookups(decoded: DecodedEntry): Lookup[];
  /**
   * Folds one entry; runs to its end, synchronously. Everything due by the entry's time happens first.
   * @throws AssertionError on a broken invariant; the state is then unusable and must be restored.
   */
  apply(decoded: DecodedEntry, found: FoundMap, out: Output): void;
  /**
   * Folds an entry that made `apply` throw before: takes its position, changes nothing, and sets it
   * aside as a dead letter (reason `poison`). The shell records such positions durably first.
   */
  skip(entry: LogEntry, out: Output): void;
  /** The present level of a key: one of `touched` or of `keys()`. */
  level(key: object): Level;
  /** The same as JSON text, which costs nothing more when a decision just told it. */
  levelText(key: object): LevelText;
  /** Every key of the shard: what a registry that lost its content is filled from. */
  keys(): Iterable<object>;
  /** When something is next due (hold expiry, late order …), ms of log time; undefined when nothing is. */
  nextDueMs(): number | undefined;
  /**
   * Rows changed since the last call, as of now; the shell keeps them until they are committed. Changes
   * not yet committed and newer ones merge by key: the later row, or the later delete, stands.
   */
  takeChanges(): TableChange[];
  /**
   * Anything of the shard that is no table: one JSON value kept in the shard's row. Of a checkpoint it is taken after
   * the changes, for it tells how far they go (`checkpointOf`).
   */
  snapshot(): unknown;
  /** SHA-256 (hex) over the whole state in canonical order; equal states have equal digests. */
  digest(): string;
};

/** What a checkpoint writes of the machine as it stands. */
export function checkpointOf(machine: Machine) {
  const { nowMs } = machine.position();
  // In this order: taking them moves the marks the snapshot holds.
  const changes = machine.takeChanges();
  return { nowMs, snapshot: machine.snapshot(), changes };
}

/** Makes an empty machine, or one from a checkpoint. */
export type MachineFactory = {
  readonly applyVersion: number;
  readonly tables: readonly CheckpointTable[];
  create(options: MachineOptions): Machine;
  /** Begins a machine as of a checkpoint. */
  restore(options: MachineOptions, head: CheckpointHead): Restore;
};

export type MachineOptions = {
  epoch: number;
  shard: number;
  shards: number;
  /** How long a repeat gets its first decision again; default 90. */
  identityDays: number;
  /** Identities kept whole in memory; older ones are filtered and looked up. Default 262,144. */
  recentIdsMax?: number;
  /** Movements kept for counts, for 48 h at most. Default 4,194,304 (about 60 MB when full). */
  movementsMax?: number;
};

/** A checkpoint without its rows, which may be millions. */
export type CheckpointHead = {
  position: MachinePosition;
  applyVersion: number;
  snapshot: unknown;
};

/**
 * A machine in the making. Nothing but rows is needed: recent identities and movements are checkpoint tables too.
 * Both throw on a checkpoint that cannot be.
 */
export type Restore = {
  /**
   * Takes a row of this shard (times in ms, jsonb as JSON text, bytea as Uint8Array, derived columns or not). Tables
   * come in the order of the factory's, rows of a table in any order. What it needs of the row it takes at once:
   * the caller fills the same object with the next.
   */
  add(table: string, row: Readonly<TableRow>): void;
  /** When all rows were added. */
  machine(): Machine;
};
