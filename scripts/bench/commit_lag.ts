// How far the ledger's commits are behind what the log took, asked of Postgres a few times a second.

import { setTimeout as sleep } from "node:timers/promises";
import type { BenchSystem } from "./bench_system.ts";

const ASK_EVERY_MS = 50;

export class CommitLag {
  /** Entries and commands committed since the start. */
  entries = 0;
  commands = 0;
  readonly #from: readonly number[];
  /** Commands by shard and entry: how many of them the entry `from + 1 + i` holds. */
  readonly #inEntry: number[][];
  readonly #counted: number[];
  #stopped = false;

  /** @param from log positions at the start, by shard */
  constructor(system: BenchSystem, from: readonly number[]) {
    this.#from = from;
    this.#inEntry = from.map(() => []);
    this.#counted = from.map(() => 0);
    void this.#watch(system);
  }

  /** One command of a bundle stands at `seq` of `stream` (STOCK-epoch-shard). */
  stored(stream: string, seq: number): void {
    const shard = Number(stream.slice(stream.lastIndexOf("-") + 1));
    const counts = this.#inEntry[shard] as number[];
    const at = seq - (this.#from[shard] as number) - 1;
    while (counts.length <= at) counts.push(0);
    counts[at] = (counts[at] as number) + 1;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #watch(system: BenchSystem): Promise<void> {
    while (!this.#stopped) {
      await sleep(ASK_EVERY_MS);
      for (const [shard, seq] of (await system.positions().catch(() => [])).entries())
        this.#advance(shard, seq);
    }
  }

  #advance(shard: number, seq: number): void {
    const counts = this.#inEntry[shard] as number[];
    const done = seq - (this.#from[shard] as number);
    for (let at = this.#counted[shard] as number; at < done; at++) {
      this.entries++;
      this.commands += counts[at] ?? 0;
    }
    if (done > (this.#counted[shard] as number)) this.#counted[shard] = done;
  }
}
