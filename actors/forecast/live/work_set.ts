// Owns a set of things to do and the one loop that does them, some at a time: what is added twice before its turn is
// done once. Faults that pass are waited out and tried again; others are told, and their batch is dropped.
import { setTimeout as sleep } from "node:timers/promises";
import { describeError, OnhandError } from "../../../shared/errors.ts";
import { RETRY_MS_MAX, RETRY_MS_MIN } from "../../../shared/limits.ts";
import type { Journal } from "../../runtime/ports.ts";

export type WorkSetOptions<T> = {
  /** For the journal: what is done. */
  name: string;
  /** Things done at once. */
  batchMax: number;
  /** Pause before the first of an idle set, in ms: what comes meanwhile is done with it. */
  gatherMs: number;
  work: (batch: readonly T[]) => Promise<void>;
  journal: Journal;
};

export class WorkSet<T> {
  readonly #o: WorkSetOptions<T>;
  readonly #todo = new Set<T>();
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(options: WorkSetOptions<T>) {
    this.#o = options;
  }

  /** Things waiting, not counting those under way. */
  get size(): number {
    return this.#todo.size;
  }

  add(item: T): void {
    if (this.#stopped) return;
    this.#todo.add(item);
    this.#start();
  }

  #start(): void {
    this.#working ??= this.#run().finally(() => {
      this.#working = undefined;
      if (this.#todo.size > 0) this.#start();
    });
  }

  /** Resolves once nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /** Drops what waits; resolves once what is under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#todo.clear();
    await this.idle();
  }

  async #run(): Promise<void> {
    await sleep(this.#o.gatherMs);
    let failures = 0;
    while (this.#todo.size > 0) {
      const batch = this.#take();
      try {
        await this.#o.work(batch);
        failures = 0;
      } catch (error) {
        const passes = error instanceof OnhandError && error.retryable;
        const { journal, name } = this.#o;
        if (failures === 0)
          journal.warn({ error: describeError(error), passes }, `${name}: ${batch.length} wait`);
        if (this.#stopped) return;
        if (passes) for (const item of batch) this.#todo.add(item);
        await sleep(Math.min(RETRY_MS_MIN * 2 ** failures++, RETRY_MS_MAX));
      }
    }
  }

  #take(): T[] {
    const batch: T[] = [];
    for (const item of this.#todo) {
      if (batch.length >= this.#o.batchMax) break;
      batch.push(item);
      this.#todo.delete(item);
    }
    return batch;
  }
}
