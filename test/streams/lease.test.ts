import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { type HolderProcess, isGone, ownProcess } from "../../streams/holder_process.ts";
import { type Lease, openLeases, shardKey } from "../../streams/lease.ts";
import { applyTopology } from "../../streams/topology.ts";
import { privateNats } from "../support/servers.ts";

const TTL_MS = 1_000;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

let server: NatsServer;
const open: NatsConnection[] = [];
const connect = async (): Promise<NatsConnection> => {
  const nc = await connectNats(server.url, { name: "test" });
  open.push(nc);
  return nc;
};
beforeAll(async () => {
  server = await privateNats({ shards: 2 });
  await applyTopology(await connect(), { shards: 2, leaseTtlMs: TTL_MS });
});
afterAll(async () => {
  await Promise.all(open.map((nc) => nc.close()));
  await server?.stop();
});

/** Polls until the lease is ours; ms it took. */
async function takeOver(nc: NatsConnection, key: string): Promise<{ lease: Lease; ms: number }> {
  const leases = await openLeases(nc);
  const started = performance.now();
  for (;;) {
    const lease = await leases.acquire(key, { holder: "next" });
    if (lease !== undefined) return { lease, ms: Math.round(performance.now() - started) };
    await sleep(25);
  }
}

describe("acquire()", () => {
  it("gives a lease to one holder, who keeps it by renewing", async () => {
    const leases = await openLeases(await connect());
    const key = shardKey(1, 0);
    let lost = "";
    const lease = await leases.acquire(key, { holder: "a", onLost: (by) => (lost = by) });
    expect(lease?.held).toBe(true);
    for (let i = 0; i < 12; i++) {
      expect(await leases.acquire(key, { holder: "b" })).toBeUndefined();
      await sleep(TTL_MS / 4);
    }
    expect(await leases.holders("stock")).toMatchObject([{ key, holder: "a" }]);
    expect(lost).toBe("");
    await lease?.release();
    const next = await leases.acquire(key, { holder: "b" });
    expect(next?.held).toBe(true);
    await next?.release();
    expect(await leases.holders("stock")).toEqual([]);
  }, 15_000);

  it("goes to another about one time to live after the holder stopped renewing", async () => {
    const holder = await connect();
    const key = shardKey(1, 1);
    const lease = await (await openLeases(holder)).acquire(key, { holder: "gone" });
    expect(lease).toBeDefined();
    await holder.close(); // as a killed process: no release
    const { lease: taken, ms } = await takeOver(await connect(), key);
    expect(ms).toBeGreaterThan(TTL_MS * 0.3);
    expect(ms).toBeLessThan(TTL_MS * 2.5);
    console.log(`lease: taken over ${ms} ms after its holder went, time to live ${TTL_MS} ms`);
    await taken.release();
  }, 15_000);

  it("tells the holder once when another holds it", async () => {
    const nc = await connect();
    const leases = await openLeases(nc);
    const lost: string[] = [];
    const lease = await leases.acquire("stock.9.9", { holder: "a", onLost: (by) => lost.push(by) });
    const { Kvm } = await import("@nats-io/kv");
    const kv = await new Kvm(nc).open("onhand-lease");
    await kv.put("stock.9.9", JSON.stringify({ key: "stock.9.9", holder: "b", since: "" }));
    await expect.poll(() => lost, { timeout: 2_000 }).toEqual(["b"]);
    expect(lease?.held).toBe(false);
    await sleep(TTL_MS);
    expect(lost).toEqual(["b"]);
  });

  it("is kept over a restart of the server, also one that takes longer than the time to live", async () => {
    const leases = await openLeases(await connect());
    const lost: string[] = [];
    const key = "stock.9.1";
    const lease = await leases.acquire(key, { holder: "a", onLost: (by) => lost.push(by) });
    await server.kill();
    await sleep(200);
    await server.start();
    await sleep(TTL_MS);
    expect(await leases.holders("stock.9")).toMatchObject([{ key, holder: "a" }]);
    await server.kill();
    await sleep(TTL_MS * 2);
    await server.start();
    await expect
      .poll(() => leases.holders("stock.9").catch(() => []), { timeout: 5_000 })
      .toMatchObject([{ key, holder: "a" }]);
    expect(lease?.held).toBe(true);
    expect(lost).toEqual([]);
    await lease?.release();
  }, 20_000);
});

describe("a holder that is gone", () => {
  const write = async (nc: NatsConnection, key: string, process: HolderProcess) => {
    const { Kvm } = await import("@nats-io/kv");
    const kv = await new Kvm(nc).open("onhand-lease");
    await kv.put(key, JSON.stringify({ key, holder: "gone", since: "", process }));
  };
  const own = ownProcess() as HolderProcess;

  it("is known on its own machine only", async () => {
    const dead = { ...own, pid: await deadPid() };
    expect(isGone(own)).toBe(false);
    expect(isGone(dead)).toBe(true);
    expect(isGone({ ...dead, boot: "another" })).toBe(false);
    expect(isGone({ ...dead, namespace: "another" })).toBe(false);
    expect(isGone({ ...own, startedAt: "0" })).toBe(true);
    expect(isGone(undefined)).toBe(false);
  });

  it.runIf(process.platform === "linux")(
    "is gone too when nobody has asked yet how it ended",
    async () => {
      // A shell that becomes a program which never asks for what the shell began.
      const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 10"]);
      try {
        const [pid] = await once(parent.stdout, "data");
        await expect.poll(() => isGone({ ...own, pid: Number(pid) })).toBe(true);
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  it("holds nothing and is no member: what it had is taken at once", async () => {
    const nc = await connect();
    const leases = await openLeases(nc);
    const dead = { ...own, pid: await deadPid() };
    await write(nc, "member.stock.gone", dead);
    await write(nc, "stock.9.2", dead);
    expect(await leases.members()).toEqual([]);
    const lease = await leases.acquire("stock.9.2", { holder: "next" });
    expect(lease?.held).toBe(true);
    await sleep(TTL_MS * 1.5);
    expect(await leases.holders("stock.9")).toMatchObject([{ holder: "next", process: own }]);
    await lease?.release();
  });

  it("keeps what it had for the time to live elsewhere, as one that lives does", async () => {
    const nc = await connect();
    const leases = await openLeases(nc);
    await write(nc, "stock.9.3", { ...own, boot: "another", pid: await deadPid() });
    await write(nc, "stock.9.4", own);
    expect(await leases.acquire("stock.9.3", { holder: "next" })).toBeUndefined();
    expect(await leases.acquire("stock.9.4", { holder: "next" })).toBeUndefined();
  });
});

/** Number of a process that was. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  return child.pid as number;
}

describe("join(), members()", () => {
  it("list who is alive, and watchMembers() tells of comers and goers", async () => {
    const leases = await openLeases(await connect());
    const seen: string[][] = [];
    const stop = leases.watchMembers((members) => seen.push(members));
    const a = await leases.join("host-1.a b");
    const goner = await connect();
    await (await openLeases(goner)).join("host-2");
    await expect.poll(() => seen.at(-1), { timeout: 3_000 }).toEqual(["host-1.a b", "host-2"]);
    await goner.close();
    await expect.poll(() => seen.at(-1), { timeout: 4_000 }).toEqual(["host-1.a b"]);
    await a.release();
    await expect.poll(() => seen.at(-1), { timeout: 3_000 }).toEqual([]);
    stop();
  }, 15_000);

  it("a member that comes back under its name at once takes its own place", async () => {
    const first = await connect();
    await (await openLeases(first)).join("again");
    await first.close();
    const leases = await openLeases(await connect());
    const second = await leases.join("again");
    expect(await leases.members()).toEqual(["again"]);
    await sleep(TTL_MS * 1.5);
    expect(second.held).toBe(true);
    expect(await leases.members()).toEqual(["again"]);
    await second.release();
  }, 10_000);
});
