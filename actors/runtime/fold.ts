// Owns the queue of entries read and the applying of them, in slices so that the event loop gets its turn.
//
// One loop: what awaits (look-ups in the ledger) stops it, and nothing else applies meanwhile.
import { describeError } from "../../shared/errors.ts";
import {
  LOOKUP_ENTRIES_MAX,
  QUEUE_ENTRIES_MAX,
  QUEUE_ENTRIES_RESUME,
  SLICE_COMMANDS,
} from "../../shared/limits.ts";
import { bundleSubject, REPLY_PREFIX } from "../../streams/subjects.ts";
import type { Committer } from "./committer.ts";
import type { Levels } from "./levels.ts";
import { Lookups } from "./lookups.ts";
import {
  type DecodedEntry,
  emptyOutput,
  type LogEntry,
  type Lookup,
  type Machine,
  type MachineOptions,
} from "./machine.ts";
import type { RunnerPorts } from "./ports.ts";
import { replyText } from "./reply_text.ts";

export type FoldContext = {
  options: MachineOptions & { muted?: boolean };
  poison: ReadonlySet<number>;
  /** Entries up to here are committed: their rows, effects and replies are held back. */
  mutedTo: number;
  committer: Committer;
  levels: Levels;
  /** `apply` threw; the machine is unusable and nothing more is applied. */
  onThrow(seq: number, error: unknown): void;
  onHalt(reason: string, message: string): void;
  /** Something beside `apply` threw: an invariant is broken, and nothing more is applied. */
  onBroken(error: unknown): void;
  /** Reading should pause, or go on. */
  onBusy(isBusy: boolean): void;
  onApplied(): void;
};

export class Fold {
  private readonly ports: Pick<RunnerPorts, "clock" | "sender" | "store" | "journal">;
  private readonly machine: Machine;
  private readonly context: FoldContext;
  private readonly lookups: Lookups;
  private readonly out = emptyOutput();
  private readonly bundle: string;
  private readonly isMuted: boolean;
  private queue: LogEntry[] = [];
  private head = 0;
  private decoded: DecodedEntry | undefined;
  private isScheduled = false;
  private isAsking = false;
  private isPaused = false;
  private isEnded = false;
  /** Commands decided. */
  commands = 0;

  constructor(
    ports: Pick<RunnerPorts, "clock" | "sender" | "store" | "journal">,
    machine: Machine,
    context: FoldContext,
  ) {
    this.ports = ports;
    this.machine = machine;
    this.context = context;
    const { epoch, shard, identityDays } = context.options;
    this.lookups = new Lookups(ports, { epoch, identityDays });
    this.bundle = bundleSubject(epoch, shard);
    this.isMuted = context.options.muted === true;
  }

  /** Entries read and not yet applied. */
  get queued(): number {
    return this.queue.length - this.head;
  }

  push(entry: LogEntry): void {
    if (this.isEnded) return;
    this.queue.push(entry);
    if (this.queued > QUEUE_ENTRIES_MAX) this.pause();
    this.schedule();
  }

  /** Sends what is there to send: levels and commits that are due. */
  flush(): void {
    this.guarded(() => this.sendDue());
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.isEnded = true;
      this.context.onBroken(error);
    }
  }

  private sendDue(): void {
    if (this.isEnded || this.isMuted) return;
    const { seq } = this.machine.position();
    if (seq < this.context.mutedTo) return;
    this.context.levels.flush(this.out.touched, seq);
    this.context.committer.poll();
  }

  onCommitted(): void {
    this.lookups.onApplied(this.machine.position().seq, this.context.committer.committedSeq);
    this.mayResume();
    if (this.queued > 0 && !this.context.committer.isFull) this.schedule();
  }

  end(): void {
    this.isEnded = true;
    this.queue = [];
    this.head = 0;
  }

  private schedule(): void {
    if (this.isScheduled || this.isAsking) return;
    this.isScheduled = true;
    this.ports.clock.soon(() => {
      this.isScheduled = false;
      this.guarded(() => this.slice());
    });
  }

  /** Applies a slice of the queue; nothing more while as much as may be is not committed. */
  private slice(): void {
    if (this.isEnded || this.isAsking) return;
    const { committer } = this.context;
    const until = this.commands + SLICE_COMMANDS;
    while (this.head < this.queue.length && this.commands < until && !committer.isFull) {
      const entry = this.queue[this.head] as LogEntry;
      if (!this.applyNext(entry)) break;
      if (this.isEnded) return;
    }
    this.compact();
    this.sendDue();
    this.context.onApplied();
    if (committer.isFull) {
      this.pause();
      return;
    }
    this.mayResume();
    if (this.queued > 0) this.schedule();
  }

  /** Applies the entry at the head; false when it must wait or the fold has ended. */
  private applyNext(entry: LogEntry): boolean {
    const { machine, out } = this;
    const before = out.decided;
    out.decisions.length = 0;
    out.isAsked = this.isAsked(entry);
    try {
      if (this.context.poison.has(entry.seq)) machine.skip(entry, out);
      else {
        const decoded = this.decoded ?? machine.decode(entry);
        const lookups = machine.lookups(decoded);
        const nowMs = Math.max(machine.position().nowMs, entry.appendedAtMs);
        const found = this.lookups.answer(entry, lookups, nowMs);
        if (found === undefined) {
          this.decoded = decoded;
          void this.ask(lookups);
          return false;
        }
        machine.apply(decoded, found, out);
      }
    } catch (error) {
      this.isEnded = true;
      this.context.onThrow(entry.seq, error);
      return false;
    }
    this.decoded = undefined;
    this.head++;
    this.commands += Math.max(1, out.decided - before);
    this.handOn(entry);
    return true;
  }

  /** Sees to everything that applying `entry` made, but levels. */
  private handOn(entry: LogEntry): void {
    const { out } = this;
    this.lookups.onRows(out.rows);
    if (this.isMuted || entry.seq <= this.context.mutedTo) {
      out.rows.length = 0;
      out.effects.length = 0;
    } else {
      if (this.isAsked(entry)) this.reply(entry);
      this.context.committer.add(entry, out);
    }
    this.lookups.onApplied(entry.seq, this.context.committer.committedSeq);
  }

  /** Whether somebody gets the decisions of `entry` from here. */
  private isAsked(entry: LogEntry): boolean {
    if (this.isMuted || entry.seq <= this.context.mutedTo) return false;
    return entry.replyTo?.startsWith(REPLY_PREFIX) === true;
  }

  private reply(entry: LogEntry): void {
    const { decisions } = this.out;
    if (decisions.length === 0) return;
    // One decision for a whole bundle says that it was no bundle at all.
    const isList = entry.subject === this.bundle && decisions.length > 1;
    this.ports.sender.send(entry.replyTo as string, replyText(decisions, isList));
  }

  /** Asks the ledger for what the head needs, and for what the entries behind it seem to need. */
  private async ask(first: readonly Lookup[]): Promise<void> {
    this.isAsking = true;
    // Every row before an entry must be in the ledger or in memory when the ledger is asked about it.
    await this.context.committer.flush({ checkpoint: false });
    if (this.isEnded) return;
    const lookups = [...first];
    const recentIds = this.context.options.recentIdsMax ?? Number.POSITIVE_INFINITY;
    const ahead = Math.max(
      1,
      Math.min(LOOKUP_ENTRIES_MAX, Math.floor(recentIds / LOOKUP_ENTRIES_MAX)),
    );
    const last = Math.min(this.queue.length, this.head + ahead);
    let toSeq = 0;
    let fromMs = Number.POSITIVE_INFINITY;
    for (let i = this.head; i < last; i++) {
      const entry = this.queue[i] as LogEntry;
      toSeq = entry.seq;
      fromMs = Math.min(fromMs, Math.max(entry.appendedAtMs, this.machine.position().nowMs));
      if (i > this.head) lookups.push(...this.lookupsAhead(entry));
    }
    try {
      const isEnded = () => this.isEnded;
      if (!(await this.lookups.ask(lookups, { fromMs, toSeq, isEnded }))) return;
      this.isAsking = false;
      this.schedule();
    } catch (error) {
      if (!this.isEnded)
        this.context.onHalt("lookup_refused", `Cannot ask the ledger: ${describeError(error)}`);
    }
  }

  /** Of an entry behind the head; what is wrong with it is told when its turn comes. */
  private lookupsAhead(entry: LogEntry): readonly Lookup[] {
    if (this.context.poison.has(entry.seq)) return [];
    try {
      return this.machine.lookups(this.machine.decode(entry));
    } catch {
      return [];
    }
  }

  private pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.context.onBusy(true);
  }

  private mayResume(): void {
    if (!this.isPaused || this.queued > QUEUE_ENTRIES_RESUME || this.context.committer.isFull)
      return;
    this.isPaused = false;
    this.context.onBusy(false);
  }

  private compact(): void {
    if (this.head === this.queue.length) {
      this.queue.length = 0;
      this.head = 0;
    } else if (this.head > 4_096) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }
}
