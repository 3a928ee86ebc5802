// An invariant beside `apply` is broken: the shard folds again from its checkpoint, commits no half of an entry, and halts
// with a word and an alert when that is in vain. Its thread, and the other shards there, go on.
import { afterEach, expect, test } from "vitest";
import type { ShardEnd } from "../../../actors/runtime/shard_host.ts";
import { threadHost } from "../../../actors/runtime/thread_host.ts";
import type { Command } from "../../../shared/messages.ts";
import { type House, openHouse, type Started, until } from "./support/house.ts";
import { oddMachine } from "./support/odd_machine.ts";

let house: House;
afterEach(() => house.close());

const ITEMS = 3;
const sales = (name: string) =>
  Array.from(
    { length: ITEMS },
    (_, i) => ({ type: "sale", id: `${name}${i}`, sku: "A", location: "x", qty: 1 }) as Command,
  );
const entryOf = (name: string, shard = 0) =>
  house.nc.request(`inv.log.1.${shard}.bundle`, JSON.stringify(sales(name)), { timeout: 2_000 });

const ledger = async () => {
  const [row] = await house.database.sql<{ rows: number; ids: number; seqs: number }[]>`
    select count(*)::int as rows, count(distinct id)::int as ids, count(distinct seq)::int as seqs
    from stock_transaction`;
  return row;
};
const caughtUp = (started: Started, seq: number) =>
  until(`committed ${seq}`, () => started.runner.status().committedSeq >= seq);

test("a row of another entry, once: folded again, nothing lost, nothing twice", async () => {
  house = await openHouse();
  const factory = oddMachine(1);
  const started = await house.start({ factory });
  for (const name of ["before", "odd", "after"]) await entryOf(name);
  await caughtUp(started, 3);
  expect(await ledger()).toEqual({ rows: 9, ids: 9, seqs: 3 });
  expect(started.ended).toEqual([]);
  expect(started.logs.filter((line) => line.includes("invariant is broken"))).toHaveLength(1);
});

test("a row of another entry, always: halted with a word and an alert, without half of the entry", async () => {
  house = await openHouse();
  const factory = oddMachine(Number.POSITIVE_INFINITY);
  const started = await house.start({ factory });
  await entryOf("before");
  await caughtUp(started, 1);
  await entryOf("odd");
  await until("it has ended", () => started.ended.length > 0);
  expect(started.ended).toEqual([
    expect.stringMatching(/^halted: invariant_broken: .*entry 2: .*Cannot add a row of 1002/),
  ]);
  const loads = factory.loads;
  expect(loads).toBeLessThanOrEqual(4);
  await until("the alert is stored", async () => {
    const alerts = await house.database.sql<{ kind: string; text: string }[]>`
      select kind, text from alert`;
    return alerts.some(
      ({ kind, text }) => kind === "shardHalted" && text.includes("invariant_broken"),
    );
  });
  await entryOf("after");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(factory.loads).toBe(loads);
  expect(await ledger()).toEqual({ rows: 3, ids: 3, seqs: 1 });
  expect(started.runner.status()).toMatchObject({ state: "halted", committedSeq: 1 });

  // The program that does not break it takes the shard up where it stands.
  const next = await house.start();
  await caughtUp(next, 3);
  expect(await ledger()).toEqual({ rows: 9, ids: 9, seqs: 3 });
});

test("in a thread with another shard: that one goes on, and the thread is the same", async () => {
  house = await openHouse({ shards: 2 });
  const { natsUrl, postgresUrl, redisUrl } = house;
  const entry = new URL("./broken_thread.ts", import.meta.url);
  const host = threadHost({ entry, data: { natsUrl, postgresUrl, redisUrl }, threads: 1 });
  const ends: ShardEnd[] = [];
  host.onEnd = (end) => ends.push(end);
  try {
    await Promise.all([host.open(0), host.open(1)]);
    await entryOf("odd");
    await until("shard 0 has ended", () => ends.length > 0);
    await entryOf("fine", 1);
    const other = () => host.status().find(({ shard }) => shard === 1);
    await until("shard 1 has committed", () => other()?.committedSeq === 1);
    expect(ends).toMatchObject([{ shard: 0, reason: "halted" }]);
    expect(other()?.state).toBe("running");
  } finally {
    await host.close();
  }
});
