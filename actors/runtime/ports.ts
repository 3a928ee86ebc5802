// Pure.
// What the runner needs of the world, as types: so that the same runner runs on real servers and, in a
// simulation, on one thread with fakes from a seed. The runner uses nothing else: no Date, no timers.
//
// Every promise here settles. What throws, throws an OnhandError: `retryable` says whether to try again.
import type { CopyRows } from "../../shared/postgres_binary.ts";
import type { LedgerRow } from "./ledger_row.ts";
import type {
  CheckpointHead,
  CheckpointTable,
  LogEntry,
  Lookup,
  Restore,
  TableChange,
} from "./machine.ts";

export type Timer = { cancel(): void };

export type Clock = {
  /** Wall clock, ms since 1970; may jump. Only for ticks and trimming. */
  nowMs(): number;
  /** Never goes back; ms from any zero. */
  monotonicMs(): number;
  after(ms: number, run: () => void): Timer;
  /** Once what has arrived by now was handed over. */
  soon(run: () => void): void;
};

// ---------------------------------------------------------------- the log

/** Which stream the log is, and how far it goes. */
export type LogIdentity = { created: string; firstSeq: number; lastSeq: number };

export type LogSize = { bytes: number; bytesMax: number; firstSeq: number; lastSeq: number };

/** Why reading cannot go on: `reason` is snake_case, `message` is for people. */
export type LogFault = { reason: string; message: string };

export type LogReadOptions = {
  fromSeq: number;
  onEntry(entry: LogEntry): void;
  /** Called once; nothing is handed over afterwards. */
  onHalt(reason: string, message: string): void;
  /** Looks at the stream at each opening before entries flow; what it returns halts the reading. */
  verify(identity: LogIdentity): Promise<LogFault | undefined>;
  /** It cannot be opened now and is tried again; told once until it is open. */
  onWait(error: unknown): void;
  onOpen(identity: LogIdentity): void;
};

export type LogReading = {
  /** Entries in the log behind the last handed over. */
  readonly lag: number;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
};

/** The log of one shard. */
export type LogPort = {
  read(options: LogReadOptions): LogReading;
  /** The entry, or undefined when it is trimmed or not there. */
  entry(seq: number): Promise<LogEntry | undefined>;
  /** Digest over place, append time, subject and payload. */
  digest(entry: LogEntry): string;
  /** Appends commands as one bundle; resolves once they are stored. */
  append(commands: readonly unknown[]): Promise<void>;
  /** Removes the entries before `seq`. */
  trim(seq: number): Promise<void>;
  /** Bytes it takes, bytes from which on it refuses more (Infinity: none), and what it reaches from and to. */
  size(): Promise<LogSize>;
};

// ---------------------------------------------------------------- the store

/** An entry a commit or a checkpoint ends with, as it is compared later. */
export type Mark = { seq: number; appendedAtMs: number; digest: string };

/** The shard's row. Marks are undefined while nothing was committed. */
export type ShardRow = {
  applyVersion: number;
  committedSeq: number;
  committed: Mark | undefined;
  token: string;
  checkpointSeq: number;
  checkpoint: Mark | undefined;
  streamCreated: string | undefined;
  outboxNext: number;
};

export type OutboxRow = {
  number: number;
  effectId: string;
  kind: "need" | "hold" | "alert" | "dead" | "command" | "demand";
  subject: string;
  /** JSON text. */
  payload: string;
};

/** One commit: all of it or nothing. */
export type Commit = {
  /** Where the shard must stand, else somebody went ahead. */
  guard: { seq: number; token: string };
  /** Ours alone: says afterwards whether a commit whose answer was lost took place. */
  token: string;
  applyVersion: number;
  streamCreated: string | undefined;
  /** Last entry of the prefix; undefined when only effects or a checkpoint are new. */
  committed: Mark | undefined;
  /** Ledger tuples in the order of LEDGER_COLUMNS. */
  rows: CopyRows;
  outbox: readonly OutboxRow[];
  outboxNext: number;
  checkpoint: { mark: Mark; nowMs: number; snapshot: unknown; changes: TableChange[] } | undefined;
};

/**
 * `committed`: durable, and the number the next effect gets: higher than asked for when rows were refused
 * and a dead letter tells of each. `fenced`: nothing happened, another owner went ahead.
 */
export type CommitOutcome =
  | { outcome: "committed"; outboxNext: number }
  | { outcome: "fenced"; seq: number; token: string };

/** A looked-up identity with what the ledger has of it, whatever the position. */
export type LedgerFind = {
  lookup: Lookup;
  /** Of cause `command`, in order. */
  rows: LedgerRow[];
  /** Positions of applied voids that name it. */
  voids: { epoch: number; seq: number; appendedAt: number }[];
};

export type BeginRestore = (head: CheckpointHead) => Pick<Restore, "add"> | undefined;

export type LoadedShard = { row: ShardRow; poison: ReadonlySet<number> };

/** The part of Postgres that belongs to one shard. */
export type StorePort = {
  /**
   * The shard's row as of one moment, made when there is none; of a checkpoint `begin` is told, and what it returns is
   * given the rows: nothing when that is undefined.
   */
  load(tables: readonly CheckpointTable[], begin: BeginRestore): Promise<LoadedShard>;
  commit(commit: Commit): Promise<CommitOutcome>;
  /** Committed ledger rows of identities appended at or after `sinceMs`, and voids that name them. */
  find(lookups: readonly Lookup[], sinceMs: number): Promise<LedgerFind[]>;
  addPoison(seq: number, error: string): Promise<void>;
  /** Effects not yet published, oldest first. */
  outbox(limit: number): Promise<OutboxRow[]>;
  /** Forgets published effects up to and including `number`. */
  published(number: number): Promise<void>;
  /** Tells people: best effort. */
  alert(alert: {
    id: string;
    kind: string;
    text: string;
    details: Record<string, unknown>;
  }): Promise<void>;
};

// ---------------------------------------------------------------- registry, messages, effects

export type LevelWrite = { skuToken: string; locationToken: string; version: string; json: string };

/** The registry of visible levels (Redis), for one shard. */
export type RegistryPort = {
  /**
   * Set-if-newer of levels, then the watermark; it is left alone when undefined, and when less than `standing`
   * stands there: the registry lost its content, and no watermark may say that all is in.
   * @returns the watermark that stood there before, 0 for none
   */
  write(
    levels: readonly LevelWrite[],
    watermark: number | undefined,
    standing: number,
  ): Promise<number>;
  watermark(): Promise<number>;
};

/** Best effort messages; never throws, never waits. */
export type SenderPort = {
  send(subject: string, text: string): void;
};

/** Publishes committed effects. Resolves once stored; repeats of an `effectId` are dropped by receivers. */
export type EffectPort = {
  publish(row: OutboxRow): Promise<void>;
};

/** What the runner tells of itself; all of it best effort. */
export type Journal = {
  info(fields: Record<string, unknown>, text: string): void;
  warn(fields: Record<string, unknown>, text: string): void;
  error(fields: Record<string, unknown>, text: string): void;
};

export type RunnerPorts = {
  clock: Clock;
  log: LogPort;
  store: StorePort;
  registry: RegistryPort;
  sender: SenderPort;
  effects: EffectPort;
  journal: Journal;
};
