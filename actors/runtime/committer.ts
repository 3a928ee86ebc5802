// Owns what was decided and is not yet durable: ledger tuples, effects, and the one commit in flight.
//
// S12: a commit takes everything added so far, so it is exactly one prefix. One is in flight at a time and is
// repeated as it is until it succeeds or is fenced; applying goes on meanwhile. Its rows are of entries after the
// guard's and up to its own, so that no row can be committed twice: the ledger has no unique index that would refuse it.
// Once an invariant is broken nothing more is committed: what was added may be half of an entry.
import { AssertionError, broken } from "../../shared/assert.ts";
import { describeError, OnhandError } from "../../shared/errors.ts";
import {
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  UNCOMMITTED_BYTES_MAX,
  UNCOMMITTED_EFFECTS_MAX,
  UNCOMMITTED_ROWS_MAX,
} from "../../shared/limits.ts";
import { CopyWriter } from "../../shared/postgres_binary.ts";
import { Alarm } from "./alarm.ts";
import { writeLedgerRow } from "./ledger_codec.ts";
import type { Effect, LogEntry, Output, TableChange } from "./machine.ts";
import type { Commit, Mark, OutboxRow, RunnerPorts, ShardRow } from "./ports.ts";

export type CommitterOptions = {
  /** Names this owner among all that ever were: part of its tokens. */
  owner: string;
  applyVersion: number;
  commitIntervalMs: number;
  checkpointIntervalMs: number;
  /** 0 to 1: spreads the checkpoints of shards that start together. */
  checkpointPhase: number;
};

export type CommitterEvents = {
  /** The machine's changes, if it stands exactly at `seq`. */
  takeCheckpoint(
    seq: number,
  ): { nowMs: number; snapshot: unknown; changes: TableChange[] } | undefined;
  onCommitted(outbox: readonly OutboxRow[], more: boolean): void;
  onFenced(found: string): void;
  onHalt(reason: string, message: string): void;
  /** An invariant is broken; nothing more is started. Not told of what `add` throws. */
  onBroken(error: unknown): void;
};

export class Committer {
  private readonly ports: Pick<RunnerPorts, "clock" | "store" | "log" | "journal">;
  private readonly options: CommitterOptions;
  private readonly events: CommitterEvents;
  private readonly writer = new CopyWriter();
  private effects: Effect[] = [];
  private rows = 0;
  private lastEntry: LogEntry | undefined;
  /** Entries up to here are committed, in flight, or waiting. */
  private addedSeq: number;
  private urgent = false;
  private flight: { rows: number; bytes: number; effects: number } | undefined;
  private committed: Mark | undefined;
  private token: string;
  private outboxNext: number;
  private number = 0;
  private lastCommitMs: number;
  private lastCheckpointMs: number;
  private readonly alarm: Alarm;
  private ended = false;
  private isBroken = false;
  private idle: (() => void)[] = [];
  /** One for each `flush` that waits for a checkpoint: what the others want is no matter of theirs. */
  private readonly wishes = new Set<object>();
  committedSeq: number;
  checkpointSeq: number;
  checkpoint: Mark | undefined;
  streamCreated: string | undefined;
  storeAway = false;

  constructor(
    ports: Pick<RunnerPorts, "clock" | "store" | "log" | "journal">,
    row: ShardRow,
    options: CommitterOptions,
    events: CommitterEvents,
  ) {
    this.ports = ports;
    this.options = options;
    this.events = events;
    this.alarm = new Alarm(ports.clock, () => this.poll());
    this.token = row.token;
    this.outboxNext = row.outboxNext;
    this.committed = row.committed;
    this.committedSeq = row.committedSeq;
    this.addedSeq = row.committedSeq;
    this.checkpoint = row.checkpoint;
    this.checkpointSeq = row.checkpointSeq;
    this.streamCreated = row.streamCreated;
    this.lastCommitMs = ports.clock.monotonicMs() - options.commitIntervalMs;
    this.lastCheckpointMs =
      ports.clock.monotonicMs() - options.checkpointIntervalMs * options.checkpointPhase;
  }

  /** Mark of the last committed entry. */
  get mark(): Mark | undefined {
    return this.committed;
  }

  /** Ledger rows not yet durable. */
  get uncommittedRows(): number {
    return this.rows + (this.flight?.rows ?? 0);
  }

  /** Whether so much is undecided by the store that reading must wait. */
  get isFull(): boolean {
    return (
      this.uncommittedRows >= UNCOMMITTED_ROWS_MAX ||
      this.writer.bytes + (this.flight?.bytes ?? 0) >= UNCOMMITTED_BYTES_MAX ||
      this.effects.length + (this.flight?.effects ?? 0) >= UNCOMMITTED_EFFECTS_MAX
    );
  }

  /** Takes what applying `entry` made; empties rows and effects of `out`. When it throws, `settle` must follow. */
  add(entry: LogEntry, out: Output): void {
    if (entry.seq <= this.addedSeq) broken(`Cannot add entry ${entry.seq}: ${this.addedSeq} was`);
    this.addedSeq = entry.seq;
    this.lastEntry = entry;
    const { rows, effects } = out;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as (typeof rows)[number];
      if (row.seq !== entry.seq)
        broken(`Cannot add a row of ${row.seq}: the entry is ${entry.seq}`);
      writeLedgerRow(this.writer, row);
      this.rows++;
    }
    rows.length = 0;
    for (let i = 0; i < effects.length; i++) {
      const effect = effects[i] as Effect;
      this.effects.push(effect);
      if (effect.urgent) this.urgent = true;
    }
    effects.length = 0;
  }

  /** Starts a commit when one is due; else sees to it that it will be. */
  poll(): void {
    if (this.ended || this.isBroken || this.flight !== undefined) return;
    try {
      this.start();
    } catch (error) {
      this.fail(error);
    }
  }

  private start(): void {
    const nowMs = this.ports.clock.monotonicMs();
    const checkpointDue = this.isCheckpointDue(nowMs);
    if (this.lastEntry === undefined && !checkpointDue) {
      if (this.checkpointSeq < this.committedSeq)
        this.alarm.setFor(this.lastCheckpointMs + this.options.checkpointIntervalMs);
      return;
    }
    const dueMs = this.lastCommitMs + this.options.commitIntervalMs;
    if (!this.urgent && nowMs < dueMs && this.wishes.size === 0) {
      this.alarm.setFor(dueMs);
      return;
    }
    const commit = this.cut(nowMs, checkpointDue);
    if (commit !== undefined) void this.run(commit);
  }

  /** Resolves when everything added so far is committed, with a checkpoint if asked; or when ended. */
  async flush(options: { checkpoint: boolean }): Promise<void> {
    const wish = {};
    if (options.checkpoint) this.wishes.add(wish);
    const lacksCheckpoint = () => this.wishes.has(wish) && this.checkpointSeq < this.committedSeq;
    while (
      !this.ended &&
      (this.flight !== undefined || this.lastEntry !== undefined || lacksCheckpoint())
    ) {
      this.urgent = true;
      this.poll();
      if (this.flight === undefined) break;
      await new Promise<void>((resolve) => this.idle.push(resolve));
    }
    this.wishes.delete(wish);
  }

  /** Starts nothing more; resolves when the commit in flight took place, or will not. */
  async settle(): Promise<void> {
    this.isBroken = true;
    this.alarm.cancel();
    while (!this.ended && this.flight !== undefined)
      await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private fail(error: unknown): void {
    this.isBroken = true;
    this.alarm.cancel();
    this.events.onBroken(error);
  }

  /** Nothing is started any more; a commit in flight may still take place. */
  end(): void {
    this.ended = true;
    this.alarm.cancel();
    this.wakeIdle();
  }

  private isCheckpointDue(nowMs: number): boolean {
    const isBehind = this.lastEntry !== undefined || this.checkpointSeq < this.committedSeq;
    const dueMs = this.lastCheckpointMs + this.options.checkpointIntervalMs;
    return isBehind && (this.wishes.size > 0 || nowMs >= dueMs);
  }

  /** Everything so far as one commit; undefined when it would say nothing but who owns the shard. */
  private cut(nowMs: number, checkpointDue: boolean): Commit | undefined {
    const entry = this.lastEntry;
    const mark = entry === undefined ? undefined : this.markOf(entry);
    this.urgent = false;
    this.alarm.cancel();
    const checkpoint = checkpointDue
      ? this.takeCheckpoint(mark ?? this.committed, nowMs)
      : undefined;
    if (entry === undefined && checkpoint === undefined) return undefined;
    const outbox = this.effects.map((effect, i) => outboxRow(effect, this.outboxNext + i));
    const rows = this.writer.take();
    this.flight = { rows: this.rows, bytes: rows.data.length, effects: outbox.length };
    this.effects = [];
    this.rows = 0;
    this.lastEntry = undefined;
    this.lastCommitMs = nowMs;
    this.number++;
    return {
      guard: { seq: this.committedSeq, token: this.token },
      token: `${this.options.owner}#${this.number}`,
      applyVersion: this.options.applyVersion,
      streamCreated: this.streamCreated,
      committed: mark,
      rows,
      outbox,
      outboxNext: this.outboxNext + outbox.length,
      checkpoint,
    };
  }

  /** undefined while the machine stands elsewhere: it still folds what is committed. */
  private takeCheckpoint(mark: Mark | undefined, nowMs: number): Commit["checkpoint"] {
    if (mark === undefined) return undefined;
    this.lastCheckpointMs = nowMs;
    const taken = this.events.takeCheckpoint(mark.seq);
    if (taken !== undefined) return { mark, ...taken };
    this.wishes.clear();
    return undefined;
  }

  private markOf(entry: LogEntry): Mark {
    const { seq, appendedAtMs } = entry;
    return { seq, appendedAtMs, digest: this.ports.log.digest(entry) };
  }

  private async run(commit: Commit): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await this.ports.store.commit(commit);
        if (result.outcome === "fenced") {
          this.end();
          this.events.onFenced(`seq ${result.seq}, token ${result.token}`);
        } else this.onCommitted(commit, result.outboxNext);
        return;
      } catch (error) {
        if (!(await this.mayRetry(error, attempt))) return;
      }
    }
  }

  /** Waits before the next attempt; false when there will be none. */
  private async mayRetry(error: unknown, attempt: number): Promise<boolean> {
    if (this.ended) return false;
    if (error instanceof AssertionError) {
      this.flight = undefined;
      this.wakeIdle();
      this.fail(error);
      return false;
    }
    const retryable = error instanceof OnhandError && error.retryable;
    if (!retryable) {
      this.end();
      this.events.onHalt("commit_refused", `Cannot commit: ${describeError(error)}`);
      return false;
    }
    if (!this.storeAway)
      this.ports.journal.warn(
        { error: describeError(error) },
        "Postgres is away: deciding goes on",
      );
    this.storeAway = true;
    const waitMs = Math.min(RETRY_MS_MIN * 2 ** attempt, RETRY_MS_MAX);
    await new Promise<void>((resolve) => {
      this.ports.clock.after(waitMs, resolve);
    });
    return !this.ended;
  }

  private onCommitted(commit: Commit, outboxNext: number): void {
    if (this.storeAway) this.ports.journal.info({}, "Postgres is back");
    this.storeAway = false;
    this.token = commit.token;
    this.outboxNext = outboxNext;
    if (commit.committed !== undefined) {
      this.committed = commit.committed;
      this.committedSeq = commit.committed.seq;
    }
    if (commit.checkpoint !== undefined) {
      this.checkpoint = commit.checkpoint.mark;
      this.checkpointSeq = commit.checkpoint.mark.seq;
    }
    this.flight = undefined;
    this.events.onCommitted(commit.outbox, outboxNext !== commit.outboxNext);
    this.wakeIdle();
    this.poll();
  }

  private wakeIdle(): void {
    const waiting = this.idle;
    this.idle = [];
    for (const wake of waiting) wake();
  }
}

function outboxRow(effect: Effect, number: number): OutboxRow {
  const { kind, subject, message } = effect;
  return { number, effectId: message.id, kind, subject, payload: JSON.stringify(message) };
}
