import { Kvm } from "@nats-io/kv";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { emptyStatus, localHost, type ShardEnd } from "../../../actors/runtime/shard_host.ts";
import { type Supervisor, startSupervisor } from "../../../actors/runtime/supervisor.ts";
import type { RunningServer } from "../../../scripts/servers/server_process.ts";
import { connectNats, type NatsConnection } from "../../../streams/connection.ts";
import { openLeases, shardKey } from "../../../streams/lease.ts";
import { LEASE_BUCKET } from "../../../streams/subjects.ts";
import { applyTopology } from "../../../streams/topology.ts";
import { privateNats } from "../../support/servers.ts";

const SHARDS = 8;
const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
let nats: RunningServer;
const connections: NatsConnection[] = [];
const supervisors: Supervisor[] = [];

beforeAll(async () => {
  nats = await privateNats();
  const nc = await connect();
  await applyTopology(nc, { shards: SHARDS, leaseTtlMs: 500 });
});
afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.stop()));
});
afterAll(async () => {
  await Promise.all(connections.map((nc) => nc.close()));
  await nats.stop();
});

async function connect(): Promise<NatsConnection> {
  const nc = await connectNats(nats.url, { name: "test" });
  connections.push(nc);
  return nc;
}

/** A member whose shards do nothing but tell the test what is done to them. */
async function member(
  name: string,
  opening: (shard: number, calledOff: AbortSignal) => Promise<void> = async () => {},
) {
  const log: string[] = [];
  const ends = new Map<number, (end: ShardEnd) => void>();
  const nc = await connect();
  const host = localHost(async (shard, onEnd, calledOff) => {
    log.push(`open ${shard}`);
    ends.set(shard, onEnd);
    await opening(shard, calledOff);
    return {
      status: () => ({ ...emptyStatus(shard), state: "running" }),
      drain: async () => void log.push(`drain ${shard}`),
      abandon: async () => void log.push(`abandon ${shard}`),
    };
  });
  const supervisor = await startSupervisor({
    name,
    epoch: 1,
    shards: SHARDS,
    leases: await openLeases(nc),
    host,
    journal: {
      ...quiet,
      warn: ({ shard, by }) => by !== undefined && log.push(`lost ${shard} to ${by}`),
    },
  });
  supervisors.push(supervisor);
  const shards = () => supervisor.status().map((status) => status.shard);
  return { supervisor, shards, log, ends, nc };
}

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 8_000, interval: 25 });

describe("startSupervisor()", () => {
  it("runs every shard when alone, and shares them with one that joins", async () => {
    const a = await member("a");
    await eventually(() => expect(a.shards()).toEqual(ALL));
    const b = await member("b");
    await eventually(() => {
      expect(b.shards().length).toBeGreaterThan(0);
      expect([...a.shards(), ...b.shards()].sort()).toEqual(ALL);
    });
    for (const shard of b.shards()) expect(a.log).toContain(`drain ${shard}`);
    await b.supervisor.stop();
    await eventually(() => expect(a.shards()).toEqual(ALL));
  });

  it("takes over the shards of one that vanishes without a word", async () => {
    const a = await member("a");
    const b = await member("b");
    await eventually(() => expect([...a.shards(), ...b.shards()].sort()).toEqual(ALL));
    await b.nc.close();
    await eventually(() => expect(a.shards()).toEqual(ALL));
  });

  it("does not run a shard whose lease was lost while it was opened", async () => {
    let opened = () => {};
    const slow = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const a = await member("a", (shard) => (shard === 3 ? slow : Promise.resolve()));
    await eventually(() => expect(a.log).toContain("open 3"));
    const bucket = await new Kvm(a.nc).open(LEASE_BUCKET);
    const key = shardKey(1, 3);
    await bucket.put(key, JSON.stringify({ key, holder: "b", since: "" }));
    await eventually(() => expect(a.log).toContain("lost 3 to b"));
    opened();
    await eventually(() => expect(a.log).toContain("abandon 3"));
    // b does not renew it: a takes it again.
    await eventually(() => expect(a.log.filter((line) => line === "open 3")).toHaveLength(2));
    await eventually(() => expect(a.shards()).toEqual(ALL));
  });

  it("opens a shard again that ended while it was opened", async () => {
    let isFirst = true;
    const a = await member("a", async (shard) => {
      if (shard !== 3 || !isFirst) return;
      isFirst = false;
      a.ends.get(3)?.({ shard: 3, reason: "failed", detail: "by test" });
    });
    await eventually(() => expect(a.log.filter((line) => line === "open 3")).toHaveLength(2));
    await eventually(() => expect(a.shards()).toEqual(ALL));
  });

  it("stops while a shard is opened that waits for a store that is away", async () => {
    const a = await member("a", (shard, calledOff) =>
      shard === 3
        ? new Promise((_, reject) =>
            calledOff.addEventListener("abort", () => reject(Error("off"))),
          )
        : Promise.resolve(),
    );
    await eventually(() => expect(a.shards()).toEqual(ALL));
    await eventually(() => expect(a.log).toContain("open 3"));
    const stopped = a.supervisor.stop().then(() => "stopped");
    const late = new Promise((resolve) => setTimeout(resolve, 2_000, "late"));
    expect(await Promise.race([stopped, late])).toBe("stopped");
    expect(a.log.filter((line) => line.startsWith("drain")).sort()).toEqual(
      ALL.filter((shard) => shard !== 3).map((shard) => `drain ${shard}`),
    );
    expect(await (await openLeases(a.nc)).holders("stock")).toEqual([]);
  });

  it("opens a shard that fails soon after each opening again, and ever more seldom", async () => {
    const a = await member("a");
    await eventually(() => expect(a.shards()).toEqual(ALL));
    const opened = () => a.log.filter((line) => line === "open 3").length;
    const untilMs = performance.now() + 4_000;
    while (performance.now() < untilMs) {
      const before = opened();
      a.ends.get(3)?.({ shard: 3, reason: "failed", detail: "thread ended with code 1" });
      await vi.waitFor(() => expect(opened()).toBe(before + 1), { timeout: 8_000, interval: 5 });
    }
    // After 0.2, 0.4, 0.8, 1.6 and 3.2 s; with the same pause each time it were a dozen.
    expect(opened()).toBeLessThanOrEqual(6);
    expect(a.shards()).toEqual(ALL);
  });

  it("opens a failed shard again, and leaves a halted one to be looked at", async () => {
    const a = await member("a");
    await eventually(() => expect(a.shards()).toEqual(ALL));
    a.ends.get(3)?.({ shard: 3, reason: "failed", detail: "by test" });
    await eventually(() => expect(a.log.filter((line) => line === "open 3")).toHaveLength(2));
    a.ends.get(4)?.({ shard: 4, reason: "halted", detail: "the log is another" });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(a.log.filter((line) => line === "open 4")).toHaveLength(1);
    expect(a.supervisor.status()[4]).toMatchObject({
      state: "halted",
      halted: "the log is another",
    });
  });
});

describe("localHost()", () => {
  it("lists a shard that halted while it was opened once, as halted, and tells it once", async () => {
    const host = localHost(async (shard, onEnd) => {
      onEnd({ shard, reason: "halted", detail: "the log is another" });
      return {
        status: () => ({ ...emptyStatus(shard), state: "halted", committedSeq: 7 }),
        drain: async () => {},
        abandon: async () => {},
      };
    });
    const told: ShardEnd[] = [];
    host.onEnd = (end) => told.push(end);
    await host.open(3);
    expect(told).toEqual([{ shard: 3, reason: "halted", detail: "the log is another" }]);
    expect(host.status()).toEqual([
      { ...emptyStatus(3), state: "halted", committedSeq: 7, halted: "the log is another" },
    ]);
  });
});
