// The lines of one import: parsed, in flight, decided, counted.

import { setTimeout as sleep } from "node:timers/promises";
import type { Decision } from "../../shared/decisions.ts";
import { describeError, OnhandError } from "../../shared/errors.ts";
import { IMPORT_ATTEMPTS_MAX, IMPORT_IN_FLIGHT_MAX } from "../../shared/limits.ts";
import type { Command } from "../../shared/messages.ts";
import type { LineIdentities } from "./line_identities.ts";
import type { Rejects } from "./rejects.ts";
import { commandOf, type RowOptions, type RowResult } from "./row.ts";
import type { Row } from "./rows.ts";

const POLL_MS = 50;
const RETRY_MS = 250;
const STOP_GRACE_MS = 5_000;

/** Sends a command and waits for its decision. @throws OnhandError; `retryable` says try again. */
export type Decider = { decide(command: Command): Promise<Decision> };

export type RunOptions = {
  /** Where each shard's log ended before the first line was sent. */
  before: readonly number[];
  /** Of a file with ids of its own. */
  identities: LineIdentities | undefined;
  signal: AbortSignal;
};

/** The lines of one run: counted, in flight, decided. */
export class ImportRun {
  readonly #ports: Decider;
  readonly #rejects: Rejects;
  readonly #before: readonly number[];
  readonly #identities: LineIdentities | undefined;
  readonly #signal: AbortSignal;
  readonly #ends = new Map<number, number>();
  /** Lines sent and undecided; in the order of the file, so the first is the lowest. */
  readonly #pending = new Set<number>();
  #wake: () => void = () => {};
  #failure: unknown;
  #rows = 0;
  #types: Record<string, number> = {};
  #applied = 0;
  #alreadyThere = 0;
  #sentAgain = 0;
  /** The last line that was sent, rejected or skipped; one merely read may never be sent. */
  #lastLine = 1;
  /** The first line the machine refused: no cursor passes it, so that it is told again next time. */
  #refusedLine = Number.POSITIVE_INFINITY;

  constructor(ports: Decider, rejects: Rejects, options: RunOptions) {
    this.#ports = ports;
    this.#rejects = rejects;
    this.#before = options.before;
    this.#identities = options.identities;
    this.#signal = options.signal;
    // Whoever waits for room must hear of it, also when no decision ever comes again.
    options.signal.addEventListener("abort", () => this.#wake(), { once: true });
  }

  /** The command of a line, counted; or undefined when the line was rejected. */
  take(row: Row, options: RowOptions): Command | undefined {
    this.#rows++;
    const result = "cells" in row ? this.#commandOf(row.cells, row.line, options) : row;
    if ("fault" in result) {
      this.#rejects.add(row.line, result.fault);
      this.#lastLine = row.line;
      return undefined;
    }
    const { type } = result.command;
    this.#types[type] = (this.#types[type] ?? 0) + 1;
    return result.command;
  }

  #commandOf(cells: readonly string[], line: number, options: RowOptions): RowResult {
    const result = commandOf(cells, line, options);
    if (this.#identities === undefined || "fault" in result) return result;
    const { location, sku, id } = result.command;
    const first = this.#identities.firstOf(String(location), sku, String(id), line);
    if (first === undefined) return result;
    return { fault: `repeats line ${first}: the same id, sku and location` };
  }

  /** A line that the cursor says is decided and committed. */
  skip(line: number): void {
    this.#lastLine = line;
    this.#alreadyThere++;
  }

  /** Waits for room, then sends; stopped, it does neither. @throws what an earlier line failed with for good. */
  async send(line: number, command: Command): Promise<void> {
    while (this.#pending.size >= IMPORT_IN_FLIGHT_MAX && !this.#signal.aborted)
      await this.#change();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#signal.aborted) return;
    this.#lastLine = line;
    this.#pending.add(line);
    void this.#decide(line, command);
  }

  /** Waits until nothing is in flight, or `graceMs` have passed, or it is stopped while waiting. */
  async settled(graceMs?: number): Promise<void> {
    let untilMs = graceMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + graceMs;
    while (this.#pending.size > 0 && performance.now() < untilMs) {
      if (this.#signal.aborted && untilMs === Number.POSITIVE_INFINITY)
        untilMs = performance.now() + STOP_GRACE_MS;
      await Promise.race([this.#change(), sleep(POLL_MS)]);
      if (this.#failure !== undefined) throw this.#failure;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Every line up to `line` is decided, at or before `ends` of the shards' logs. */
  mark(): { line: number; ends: ReadonlyMap<number, number> } {
    const [lowest = this.#lastLine + 1] = this.#pending;
    return { line: Math.min(lowest, this.#refusedLine) - 1, ends: new Map(this.#ends) };
  }

  counts() {
    const decided = this.#applied + this.#alreadyThere;
    return { read: this.#rows, decided, rejected: this.#rejects.count };
  }

  outcome() {
    return {
      rows: this.#rows,
      types: this.#types,
      applied: this.#applied,
      alreadyThere: this.#alreadyThere,
      rejected: this.#rejects.count,
      sentAgain: this.#sentAgain,
      decidedToLine: this.mark().line,
    };
  }

  async #decide(line: number, command: Command): Promise<void> {
    try {
      const decision = await this.#patiently(command);
      if (decision === undefined) return; // stopped: stays undecided
      this.#settle(line, decision);
      this.#pending.delete(line);
    } catch (error) {
      if (error instanceof OnhandError && error.code === "command_too_large") {
        this.#rejects.add(line, error.message);
        this.#pending.delete(line);
      } else this.#failure ??= error;
    } finally {
      this.#wake();
    }
  }

  /** Sends until there is a decision. Safe: the identity is the same each time (I1). */
  async #patiently(command: Command): Promise<Decision | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#ports.decide(command);
      } catch (error) {
        const again = error instanceof OnhandError && error.retryable;
        if (!again || attempt >= IMPORT_ATTEMPTS_MAX) throw giveUp(error);
        if (attempt === 1) this.#sentAgain++;
      }
      if (this.#signal.aborted) return undefined;
      await sleep(RETRY_MS);
      if (this.#signal.aborted) return undefined;
    }
  }

  #settle(line: number, decision: Decision): void {
    const { shard, seq } = decision;
    if (seq > (this.#ends.get(shard) ?? 0)) this.#ends.set(shard, seq);
    const outcome = decision.outcome === "duplicate" ? decision.first : decision.outcome;
    if (outcome !== "applied") {
      const why = [decision.outcome, decision.reason, decision.detail].filter(Boolean).join(": ");
      this.#rejects.add(line, why);
      this.#refusedLine = Math.min(this.#refusedLine, line);
      return;
    }
    // A repeat is an earlier run's only if the first stood in the log before this run began.
    const earlier = decision.outcome === "duplicate" && seq <= (this.#before[shard] ?? 0);
    if (earlier) this.#alreadyThere++;
    else this.#applied++;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function giveUp(error: unknown): OnhandError {
  return new OnhandError("import_failed", `Cannot go on with the import: ${describeError(error)}`, {
    cause: error,
  });
}
