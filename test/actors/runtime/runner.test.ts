// The runner on real servers with a machine that only counts: the journey of a command, and what happens when
// a part of the world is away, gone, changed or ahead.
import type { Msg } from "@nats-io/transport-node";
import { afterEach, describe, expect, test } from "vitest";
import type { RunnerPorts } from "../../../actors/runtime/ports.ts";
import { OnhandError } from "../../../shared/errors.ts";
import { LOG_ROOM_INTERVAL_MS } from "../../../shared/limits.ts";
import type { Command } from "../../../shared/messages.ts";
import { logSize } from "../../../streams/stream_state.ts";
import { logSubject } from "../../../streams/subjects.ts";
import { applyTopology } from "../../../streams/topology.ts";
import { EPOCH, type House, openHouse, type Started, until } from "./support/house.ts";

let house: House;
afterEach(() => house.close());

const sale = (id: string, qty = 1, sku = "A", location = "x") =>
  ({ type: "sale", id, sku, location, qty }) as Command;
const odd = (fields: Record<string, unknown>) =>
  ({ sku: "A", location: "x", ...fields }) as unknown as Command;
/** Collects the messages of a subject as `pick` sees them. */
function collect<T>(subject: string, pick: (message: Msg) => T): T[] {
  const seen: T[] = [];
  house.nc.subscribe(subject, {
    callback: (_, message) => {
      seen.push(pick(message));
    },
  });
  return seen;
}
/** Posts what the publisher's own checks would refuse. */
const post = (fields: Record<string, unknown>) =>
  house.nc.request(logSubject(EPOCH, 0, "x", "A"), JSON.stringify(fields), { timeout: 2_000 });

const caughtUp = (started: Started, seq: number) =>
  until(`committed ${seq}`, () => started.runner.status().committedSeq >= seq);
const ledger = async () => {
  const [row] = await house.database.sql<{ rows: number; sum: number; ids: number }[]>`
    select count(*)::int as rows, coalesce(sum(delta_sellable), 0)::int8 as sum,
      count(distinct id)::int as ids from stock_transaction`;
  return row;
};
const visible = async (sku = "A", location = "x") =>
  (await house.registry.levels([{ skuToken: sku, locationToken: location }]))[0]?.sellable;

describe("Runner", () => {
  test("answers, commits, checkpoints, shows levels and goes on where it stopped", async () => {
    house = await openHouse();
    const levels = collect("inv.level.>", (m) => m.json<{ sellable: number }>().sellable);
    const first = await house.start();
    await house.publisher.decide(odd({ type: "receipt", id: "r", qty: 1000 }));
    const decisions = await Promise.all(
      Array.from({ length: 300 }, (_, i) => house.publisher.decide(sale(`s${i}`))),
    );
    expect(decisions.every((decision) => decision.outcome === "applied")).toBe(true);
    await first.runner.stop();
    expect(first.runner.status().state).toBe("stopped");
    expect(await ledger()).toEqual({ rows: 301, sum: 700, ids: 301 });
    const [shard] = await house.database.sql`select committed_seq, checkpoint_seq from shard`;
    expect(shard?.checkpoint_seq).toBe(shard?.committed_seq);
    expect(await house.database.sql`select sellable from stock_level`).toEqual([{ sellable: 700 }]);

    const second = await house.start();
    const repeat = await house.publisher.decide(sale("s0"));
    expect(repeat.outcome).toBe("duplicate");
    await house.publisher.decide(sale("later"));
    await until("the level is visible", async () => (await visible()) === 699);
    await until("levels were told", () => levels.at(-1) === 699);
    await second.runner.stop();
    expect(await ledger()).toEqual({ rows: 302, sum: 699, ids: 302 });
  });

  test("a killed one loses nothing and repeats nothing: ledger and digest are those of one fold", async () => {
    house = await openHouse();
    const sent = 2_000;
    let next = 0;
    const sender = (async () => {
      while (next < sent) await house.publisher.post(sale(`s${next}`, 1, `SKU-${next++ % 7}`));
    })();
    for (let round = 0; round < 4; round++) {
      const started = await house.start({ commitIntervalMs: 5, checkpointIntervalMs: 30 });
      await new Promise((resolve) => setTimeout(resolve, 120));
      started.runner.kill();
    }
    await sender;
    const last = await house.start();
    await caughtUp(last, sent);
    expect(await ledger()).toEqual({ rows: sent, sum: -sent, ids: sent });
    const restored = last.runner.digest();
    last.runner.kill();
    await house.database.sql`update shard set committed_seq = 0, checkpoint_seq = 0, token = 'none',
      committed_digest = null, checkpoint_digest = null`;
    await house.database.sql`delete from stock_transaction`;
    const again = await house.start();
    await until("all folded", () => again.runner.status().appliedSeq === sent);
    expect(again.runner.digest()).toEqual(restored);
  });

  test("an urgent effect is committed and published at once, once", async () => {
    house = await openHouse();
    const seen = collect("inv.need.>", (m) => m.json<{ id: string }>().id);
    const started = await house.start({ commitIntervalMs: 60_000 });
    await post({ type: "sale" }); // starts the interval
    await caughtUp(started, 1);
    const beforeMs = performance.now();
    await post({ type: "need" });
    await until("the need is published", () => seen.length === 1);
    expect(performance.now() - beforeMs).toBeLessThan(2_000);
    await until("the outbox is empty", async () => {
      const [row] = await house.database.sql`select count(*)::int as n from outbox`;
      return row?.n === 0;
    });
  });

  test("effects left in the outbox by a crash are published by the next owner", async () => {
    house = await openHouse();
    const failing = (ports: RunnerPorts): RunnerPorts => ({
      ...ports,
      effects: {
        publish: async () => {
          throw new OnhandError("nats_unavailable", "away", { retryable: true });
        },
      },
    });
    const first = await house.start({ wrap: failing });
    await post({ type: "need" });
    await caughtUp(first, 1);
    first.runner.kill();
    const seen = collect("inv.need.>", (m) => m.json<{ id: string }>().id);
    await house.start();
    await until("the need is published", () => seen.length === 1);
    expect(seen[0]).toContain("need.x.A.1.0.1.0");
  });

  test("a zombie is fenced and its commit leaves no trace", async () => {
    house = await openHouse();
    let hold: Promise<void> | undefined;
    let release: () => void = () => {};
    const slow = (ports: RunnerPorts): RunnerPorts => ({
      ...ports,
      store: Object.assign(Object.create(ports.store), {
        commit: async (commit: Parameters<RunnerPorts["store"]["commit"]>[0]) => {
          await hold;
          return ports.store.commit(commit);
        },
      }),
    });
    const zombie = await house.start({ wrap: slow });
    await house.publisher.decide(sale("one"));
    await caughtUp(zombie, 1);
    hold = new Promise((resolve) => {
      release = resolve;
    });
    await house.publisher.decide(sale("two"));
    const heir = await house.start();
    await caughtUp(heir, 2);
    release();
    const isFenced = () => zombie.runner.status().state === "fenced";
    await until("the zombie stands down", isFenced, 4_000);
    expect(zombie.ended[0]).toContain("fenced");
    expect(await ledger()).toEqual({ rows: 2, sum: -2, ids: 2 });
  });

  test("a commit whose answer was lost is found to have taken place", async () => {
    house = await openHouse();
    let lost = 0;
    const lossy = (ports: RunnerPorts): RunnerPorts => ({
      ...ports,
      store: Object.assign(Object.create(ports.store), {
        commit: async (commit: Parameters<RunnerPorts["store"]["commit"]>[0]) => {
          const result = await ports.store.commit(commit);
          if (lost++ < 2)
            throw new OnhandError("database_unavailable", "lost", { retryable: true });
          return result;
        },
      }),
    });
    const started = await house.start({ wrap: lossy });
    await Promise.all(Array.from({ length: 50 }, (_, i) => house.publisher.decide(sale(`s${i}`))));
    await until("everything is committed", async () => (await ledger())?.rows === 50);
    await house.publisher.decide(sale("after"));
    await until("and goes on", async () => (await ledger())?.rows === 51);
    expect(started.runner.status().state).toBe("running");
    expect(lost).toBeGreaterThan(2);
  });

  test("an entry that makes apply throw once is folded again; one that always throws is set aside for good", async () => {
    house = await openHouse();
    const started = await house.start();
    await house.publisher.decide(sale("before"));
    await post({ type: "boom", times: 1, id: "once" });
    await house.publisher.decide(sale("between"));
    await post({ type: "boom", id: "always" });
    const dead = collect("inv.dead.>", (m) => m.json<{ reason: string }>().reason);
    await house.publisher.decide(sale("after"));
    await until("the dead letter is published", () => dead.length === 1);
    expect(dead).toEqual(["poison"]);
    await caughtUp(started, 5);
    expect((await ledger())?.rows).toBe(4);
    expect(await house.database.sql`select seq from poison_entry`).toEqual([{ seq: 4 }]);
    const digest = started.runner.digest();
    started.runner.kill();
    await house.database.sql`update shard set checkpoint_seq = 0, checkpoint_digest = null`;
    await house.database.sql`delete from stock_level`;
    const again = await house.start();
    await until("all folded", () => again.runner.status().appliedSeq === 5);
    expect(again.runner.digest()).toEqual(digest);
  });

  test("a row Postgres refuses goes in without its payload, and a dead letter tells of it", async () => {
    house = await openHouse();
    const dead = collect("inv.dead.>", (m) => m.json<{ reason: string; payload: string }>());
    const started = await house.start({ commitIntervalMs: 100 });
    await post({ type: "sale", id: "good", ref: "fine" });
    await post({ type: "sale", id: "bad", ref: "a\u0000b" });
    await post({ type: "need", id: "good too" });
    await caughtUp(started, 3);
    const rows = await house.database.sql`
      select seq, id, ref, delta_sellable as delta from stock_transaction order by seq`;
    expect(rows).toEqual([
      { seq: 1, id: "good", ref: "fine", delta: -1 },
      { seq: 2, id: null, ref: null, delta: -1 },
      { seq: 3, id: "good too", ref: null, delta: -1 },
    ]);
    await until("the dead letter is published", () => dead.length === 1);
    expect(dead[0]?.reason).toBe("row_refused");
    expect(dead[0]?.payload).toContain("bad");
    await post({ type: "need", id: "goes on" });
    await caughtUp(started, 4);
  });

  test("looks old identities up in the ledger, by position", async () => {
    house = await openHouse();
    const started = await house.start();
    await post({ type: "sale", id: "known" });
    await caughtUp(started, 1);
    const before = await house.publisher.decide(odd({ type: "old", id: "known" }));
    expect(before.outcome).toBe("duplicate");
    const unknown = await house.publisher.decide(odd({ type: "old", id: "unknown" }));
    expect(unknown.outcome).toBe("applied");
    await post({ type: "sale", id: "unknown" });
    await caughtUp(started, 4);
    const digest = started.runner.digest();
    started.runner.kill();
    // Folded again with a ledger that by now has rows behind the look-up's position.
    await house.database.sql`update shard set checkpoint_seq = 0, checkpoint_digest = null`;
    const again = await house.start();
    await until("all folded", () => again.runner.status().appliedSeq === 4);
    expect(again.runner.digest()).toEqual(digest);
  });

  test("writes a tick when something is due and nothing else comes", async () => {
    house = await openHouse();
    const started = await house.start();
    await post({ type: "due", ms: Date.now() + 150 });
    await until("a tick was folded", () => started.runner.status().appliedSeq === 2, 3_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(started.runner.status().appliedSeq).toBe(2);
  });

  test("a log that is full is trimmed behind the checkpoint, told, and takes commands again", async () => {
    house = await openHouse();
    const { nc, publisher, database } = house;
    await applyTopology(nc, { logBytesMax: 40_000 });
    const alerts = collect("inv.alert.logFull.>", (m) => m.json<{ details: unknown }>().details);
    const ref = "x".repeat(1_000);
    let stored = 0;
    const fill = async () => {
      for (;;) {
        await publisher.post({ ...sale(`s${stored}`), ref } as Command);
        stored++;
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: "log_full", sent: false });
    expect(stored).toBeGreaterThan(20);
    // All of it is young, and within the days to keep.
    const hurried = (ports: RunnerPorts): RunnerPorts => ({
      ...ports,
      clock: {
        ...ports.clock,
        after: (ms, run) => ports.clock.after(ms === LOG_ROOM_INTERVAL_MS ? 300 : ms, run),
      },
    });
    const started = await house.start({ checkpointIntervalMs: 200, wrap: hurried });
    await until("it is trimmed", async () => (await logSize(nc, "STOCK-1-0")).bytes < 32_000);
    const decision = await publisher.decide(sale("again"));
    expect(decision).toMatchObject({ outcome: "applied", seq: stored + 1 });
    const { firstSeq } = await logSize(nc, "STOCK-1-0");
    expect(firstSeq).toBeLessThanOrEqual(started.runner.status().checkpointSeq);
    expect(alerts.at(-1)).toMatchObject({ bytesMax: 40_000 });
    const rows = await database.sql<{ kind: string; text: string }[]>`select kind, text from alert`;
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(["logFull"]));
    expect(rows.map(({ text }) => text).join()).toContain("trimmed to");
  });
});
