// A commit that is too slow for its time limit gets more time when it is asked for again.
import { expect, it } from "vitest";
import type { Commit } from "../../../actors/runtime/ports.ts";
import { PostgresStore } from "../../../actors/runtime/postgres_store.ts";
import { OnhandError } from "../../../shared/errors.ts";
import { Gate } from "../../../shared/gate.ts";
import type { Database, TransactionOptions } from "../../../shared/postgres.ts";

const commit = (token: string): Commit => ({
  guard: { seq: 0, token: "" },
  token,
  applyVersion: 1,
  streamCreated: undefined,
  committed: undefined,
  rows: { data: new Uint8Array(), starts: [] } as unknown as Commit["rows"],
  outbox: [],
  outboxNext: 1,
  checkpoint: undefined,
});

it("doubles the time a commit may take each time it is asked for again, up to ten minutes", async () => {
  const limits: (number | undefined)[] = [];
  const database = {
    transaction: (_work: unknown, { timeLimitMs }: TransactionOptions) => {
      limits.push(timeLimitMs);
      return Promise.reject(
        new OnhandError("database_unavailable", "too slow", { retryable: true }),
      );
    },
  } as unknown as Database;
  const store = new PostgresStore(database, { epoch: 1, shard: 0 }, [], new Gate(1));
  for (const token of ["a#1", "a#1", "a#1", ...Array<string>(6).fill("a#2"), "a#3"])
    await expect(store.commit(commit(token))).rejects.toThrow("too slow");
  const seconds = limits.map((ms) => (ms ?? 0) / 1000);
  expect(seconds).toEqual([20, 40, 80, 20, 40, 80, 160, 320, 600, 20]);
});
