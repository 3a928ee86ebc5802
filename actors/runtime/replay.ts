// Owns folding a log again outside of a runner: nothing is sent or written. For verification and for people who
// ask what a prefix came to.
import { describeError, OnhandError } from "../../shared/errors.ts";
import {
  LOOKUP_ENTRIES_MAX,
  QUEUE_ENTRIES_MAX,
  QUEUE_ENTRIES_RESUME,
} from "../../shared/limits.ts";
import type { LedgerRow } from "./ledger_row.ts";
import { Lookups } from "./lookups.ts";
import {
  type DecodedEntry,
  emptyOutput,
  type LogEntry,
  type Machine,
  type MachineOptions,
} from "./machine.ts";
import type { LogReading, RunnerPorts } from "./ports.ts";

export type ReplayPorts = Pick<RunnerPorts, "clock" | "log" | "store" | "journal">;

export type ReplayOptions = {
  machine: Machine;
  options: MachineOptions;
  poison: ReadonlySet<number>;
  /** Last entry to fold. Everything up to here must be committed: repeats are looked up in the ledger. */
  toSeq: number;
  /** The ledger rows of each entry, in a list that is used again; what it returns is waited for. */
  onRows?: (rows: readonly LedgerRow[]) => Promise<void> | undefined;
  /** Entries folded so far, now and then. */
  onProgress?: (seq: number) => void;
};

/**
 * Folds the entries after the machine's position up to `toSeq`.
 * @throws OnhandError with the reader's reason when the log cannot be read so far
 */
export async function replay(ports: ReplayPorts, options: ReplayOptions): Promise<void> {
  const fromSeq = options.machine.position().seq + 1;
  if (fromSeq > options.toSeq) return;
  await new Replay(ports, options).run(fromSeq);
}

class Replay {
  private readonly ports: ReplayPorts;
  private readonly o: ReplayOptions;
  private readonly lookups: Lookups;
  private readonly out = emptyOutput();
  private queue: LogEntry[] = [];
  private isPaused = false;
  private fault: Error | undefined;
  private wake: () => void = () => {};

  constructor(ports: ReplayPorts, options: ReplayOptions) {
    this.ports = ports;
    this.o = options;
    this.lookups = new Lookups(ports, options.options);
  }

  async run(fromSeq: number): Promise<void> {
    const reading = this.ports.log.read({
      fromSeq,
      onEntry: (entry) => {
        if (entry.seq > this.o.toSeq) return;
        this.queue.push(entry);
        if (!this.isPaused && this.queue.length > QUEUE_ENTRIES_MAX) {
          this.isPaused = true;
          reading.pause();
        }
        this.wake();
      },
      onHalt: (reason, message) => {
        this.fault = new OnhandError(reason, message);
        this.wake();
      },
      // A log that ends before would be waited for: what was committed came from it.
      verify: async ({ lastSeq }) =>
        lastSeq >= this.o.toSeq
          ? undefined
          : {
              reason: "log_shorter",
              message: `Cannot fold again: the log ends at ${lastSeq}, expected entry ${this.o.toSeq}`,
            },
      onWait: (error) =>
        this.ports.journal.warn(
          { error: describeError(error) },
          "waiting for NATS to open the log",
        ),
      onOpen: () => {},
    });
    try {
      while (this.o.machine.position().seq < this.o.toSeq) await this.step(reading);
    } finally {
      await reading.stop();
    }
  }

  private async step(reading: LogReading): Promise<void> {
    if (this.queue.length === 0) {
      if (this.fault !== undefined) throw this.fault;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      return;
    }
    const entries = this.queue;
    this.queue = [];
    for (let i = 0; i < entries.length; i++) await this.apply(entries, i);
    this.o.onProgress?.(this.o.machine.position().seq);
    if (this.isPaused && this.queue.length < QUEUE_ENTRIES_RESUME) {
      this.isPaused = false;
      reading.resume();
    }
  }

  private async apply(entries: readonly LogEntry[], at: number): Promise<void> {
    const { machine, poison } = this.o;
    const entry = entries[at] as LogEntry;
    if (poison.has(entry.seq)) machine.skip(entry, this.out);
    else {
      const decoded = machine.decode(entry);
      let found = this.answer(entry, decoded);
      if (found === undefined) {
        await this.ask(entries, at);
        found = this.answer(entry, decoded);
      }
      if (found === undefined) throw new OnhandError("replay_failed", "Cannot replay: no answer");
      machine.apply(decoded, found, this.out);
    }
    this.lookups.onRows(this.out.rows);
    const taken = this.o.onRows?.(this.out.rows);
    if (taken !== undefined) await taken;
    this.lookups.onApplied(entry.seq, entry.seq);
    this.out.rows.length = 0;
    this.out.effects.length = 0;
    this.out.touched.clear();
  }

  private answer(entry: LogEntry, decoded: DecodedEntry) {
    const { machine } = this.o;
    const nowMs = Math.max(machine.position().nowMs, entry.appendedAtMs);
    return this.lookups.answer(entry, machine.lookups(decoded), nowMs);
  }

  private async ask(entries: readonly LogEntry[], at: number): Promise<void> {
    const { machine } = this.o;
    const ahead = entries.slice(at, at + LOOKUP_ENTRIES_MAX);
    const lookups = ahead.flatMap((entry) => machine.lookups(machine.decode(entry)));
    const fromMs = Math.min(...ahead.map((entry) => entry.appendedAtMs), machine.position().nowMs);
    const toSeq = ahead.at(-1)?.seq ?? 0;
    await this.lookups.ask(lookups, { fromMs, toSeq, isEnded: () => false });
  }
}
