// Owns the publishing of committed effects of one shard: at least once, those of one subject in order, and
// their removal from the outbox afterwards. S13
//
// Effects of a window go out together, but never two of one subject; the next window begins with the
// first that was not stored. What is sent again repeats and overtakes nothing of its subject; between subjects there is no order.
// What a commit brought is handed over in memory; what was left by an earlier owner is read back.
import { describeError, OnhandError } from "../../shared/errors.ts";
import {
  RELAY_IN_FLIGHT_MAX,
  RELAY_ROWS,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
} from "../../shared/limits.ts";
import type { OutboxRow, RunnerPorts } from "./ports.ts";

/** Effects kept in memory; beyond it they are read back from the outbox. */
const QUEUE_MAX = 5_000;

export class Relay {
  private readonly ports: Pick<RunnerPorts, "clock" | "store" | "effects" | "journal">;
  private queue: OutboxRow[] = [];
  /** The outbox may hold effects that are not in `queue`. */
  private mustRead = true;
  private isReading = false;
  private isWorking = false;
  private isEnded = false;
  private drainedWaiters: (() => void)[] = [];
  private lastNumber = 0;
  /** Published up to here, and not yet removed from the outbox; 0 for nothing. */
  private toForget = 0;

  constructor(ports: Pick<RunnerPorts, "clock" | "store" | "effects" | "journal">) {
    this.ports = ports;
  }

  /** Effects known to wait. */
  get waiting(): number {
    return this.queue.length;
  }

  /** Effects just committed, in order. */
  add(rows: readonly OutboxRow[]): void {
    if (rows.length === 0 || this.isEnded) return;
    const mustRead = this.mustRead || this.isReading;
    if (mustRead || this.queue.length + rows.length > QUEUE_MAX) this.mustRead = true;
    else for (const row of rows) this.queue.push(row);
    void this.work();
  }

  /**
   * Something was committed that was not handed over: by an earlier owner, up to the row this owner starts
   * from, or by the store itself. Called too early, a later `published` would remove what was never read.
   */
  reread(): void {
    this.mustRead = true;
    void this.work();
  }

  /** Resolves when everything known is published, or the relay has ended. */
  async drained(): Promise<void> {
    if (!this.isWorking || this.isEnded) return;
    await new Promise<void>((resolve) => this.drainedWaiters.push(resolve));
  }

  end(): void {
    this.isEnded = true;
    this.wakeDrained();
  }

  private async work(): Promise<void> {
    if (this.isWorking || this.isEnded) return;
    this.isWorking = true;
    let failures = 0;
    while (!this.isEnded && (this.queue.length > 0 || this.mustRead || this.toForget > 0)) {
      try {
        if (this.queue.length === 0 && this.mustRead) await this.read();
        await this.publishWindow();
        // Removed late: a repeat after a crash does no harm, a removal for every window would cost.
        if (this.queue.length === 0) await this.forget();
        failures = 0;
      } catch (error) {
        if (failures === 0)
          this.ports.journal.warn({ error: describeError(error) }, "effects wait in the outbox");
        const isFinal = error instanceof OnhandError && !error.retryable;
        const waitMs = isFinal
          ? RETRY_MS_MAX
          : Math.min(RETRY_MS_MIN * 2 ** failures, RETRY_MS_MAX);
        failures++;
        await new Promise<void>((resolve) => {
          this.ports.clock.after(waitMs, resolve);
        });
      }
    }
    this.isWorking = false;
    this.wakeDrained();
  }

  private async read(): Promise<void> {
    this.mustRead = false;
    this.isReading = true;
    try {
      const rows = await this.ports.store.outbox(RELAY_ROWS);
      if (rows.length >= RELAY_ROWS) this.mustRead = true;
      this.queue = rows.filter((row) => row.number > this.lastNumber);
    } catch (error) {
      this.mustRead = true;
      throw error;
    } finally {
      this.isReading = false;
    }
  }

  private async publishWindow(): Promise<void> {
    const window: OutboxRow[] = [];
    const subjects = new Set<string>();
    for (const row of this.queue) {
      if (window.length >= RELAY_IN_FLIGHT_MAX || subjects.has(row.subject)) break;
      window.push(row);
      subjects.add(row.subject);
    }
    const sent = await Promise.allSettled(window.map((row) => this.ports.effects.publish(row)));
    if (this.isEnded) return;
    const failed = sent.findIndex(({ status }) => status === "rejected");
    const stored = failed === -1 ? window : window.slice(0, failed);
    const last = stored.at(-1);
    if (last !== undefined) {
      this.lastNumber = last.number;
      this.toForget = last.number;
      this.queue.splice(0, stored.length);
    }
    if (failed !== -1) throw (sent[failed] as PromiseRejectedResult).reason;
  }

  private async forget(): Promise<void> {
    if (this.toForget === 0 || this.isEnded) return;
    const number = this.toForget;
    await this.ports.store.published(number);
    if (this.toForget === number) this.toForget = 0;
  }

  private wakeDrained(): void {
    const waiters = this.drainedWaiters;
    this.drainedWaiters = [];
    for (const wake of waiters) wake();
  }
}
