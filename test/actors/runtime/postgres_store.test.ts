// What a shard's store does about time: slow commits, and who waits for whose.
import { expect, it } from "vitest";
import { writeLedgerRow } from "../../../actors/runtime/ledger_codec.ts";
import type { Commit } from "../../../actors/runtime/ports.ts";
import { PostgresStore } from "../../../actors/runtime/postgres_store.ts";
import { OnhandError } from "../../../shared/errors.ts";
import { Gate } from "../../../shared/gate.ts";
import { COMMIT_LARGE_ROWS } from "../../../shared/limits.ts";
import { migrate } from "../../../shared/migrate.ts";
import { Database, type Transaction, type TransactionOptions } from "../../../shared/postgres.ts";
import { CopyWriter } from "../../../shared/postgres_binary.ts";
import { freshDatabase } from "../../support/servers.ts";
import { LEDGER_ROW } from "./support/ledger_row.ts";

const commit = (token: string): Commit => ({
  guard: { seq: 0, token: "" },
  token,
  applyVersion: 1,
  streamCreated: undefined,
  committed: undefined,
  rows: { data: Buffer.alloc(0), ends: [] },
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

/** A database whose transactions, when told so, have done all their work but are not yet on disk. */
class SlowDisk extends Database {
  isSlow = false;
  toDisk: () => void = () => {};

  override async transaction<T>(
    work: (sql: Transaction) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    const isSlow = this.isSlow;
    this.isSlow = false;
    const result = await super.transaction(work, options);
    if (isSlow)
      await new Promise<void>((resolve) => {
        this.toDisk = resolve;
      });
    return result;
  }
}

it.each([
  [COMMIT_LARGE_ROWS, "does not wait for one of many rows to be on disk"],
  [COMMIT_LARGE_ROWS - 1, "waits for one of few rows"],
])("after a commit of %i rows the next one %s", async (count) => {
  const fresh = await freshDatabase();
  const database = new SlowDisk(fresh.url, { connectionsMax: 3, name: "test" });
  await migrate(database);
  const gate = new Gate(1);
  const [first, second] = [0, 1].map(
    (shard) => new PostgresStore(database, { epoch: 1, shard }, [], gate),
  ) as [PostgresStore, PostgresStore];
  await Promise.all([first, second].map((store) => store.load([], () => undefined)));
  const writer = new CopyWriter();
  for (let seq = 1; seq <= count; seq++)
    writeLedgerRow(writer, { ...LEDGER_ROW, epoch: 1, shard: 0, seq });
  const mark = { seq: count, appendedAtMs: LEDGER_ROW.appendedAt, digest: "d" };
  const done: string[] = [];
  database.isSlow = true;
  const slow = first
    .commit({ ...commit("a#1"), rows: writer.take(), committed: mark })
    .then(() => done.push("first"));
  const next = second.commit(commit("b#1")).then(() => done.push("second"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  database.toDisk();
  await Promise.all([slow, next]);
  expect(done).toEqual(count < COMMIT_LARGE_ROWS ? ["first", "second"] : ["second", "first"]);
  const rows = await database.run((sql) => sql`select from stock_transaction where shard = 0`);
  expect(rows.length).toBe(count);
  await database.close();
  await fresh.drop();
});

it("an alert that jsonb refuses goes in without what is refused", async () => {
  const fresh = await freshDatabase();
  const database = new Database(fresh.url, { connectionsMax: 2, name: "test" });
  await migrate(database);
  const store = new PostgresStore(database, { epoch: 1, shard: 0 }, [], new Gate(1));
  await store.load([], () => undefined);
  const alert = (number: number, id: string, text: string) => ({
    number,
    effectId: id,
    kind: "alert" as const,
    subject: "inv.alert.clock.L.A",
    payload: JSON.stringify({ id, kind: "clock", text, at: "2026-03-02T08:00:00.000Z" }),
  });
  const outbox = [alert(1, "one", "plain"), alert(2, "two", "a\u0000b\ud800c")];
  const done = await store.commit({ ...commit("a#1"), outbox, outboxNext: 3 });
  expect(done).toMatchObject({ outcome: "committed", outboxNext: 3 });
  const rows = await database.run((sql) => sql`select alert, text from alert order by alert`);
  expect(rows).toEqual([
    { alert: "one", text: "plain" },
    { alert: "two", text: "a\ufffdb\ufffdc" },
  ]);
  await database.close();
  await fresh.drop();
});
