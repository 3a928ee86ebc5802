import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { checkMapping, doctor, mappingBlock } from "../../streams/doctor.ts";
import { cmdSubject } from "../../streams/subjects.ts";
import { applyTopology, findTopology, readTopology, trimLog } from "../../streams/topology.ts";
import { privateNats } from "../support/servers.ts";

let server: NatsServer;
let nc: NatsConnection;

beforeAll(async () => {
  server = await privateNats({ shards: 4 });
  nc = await connectNats(server.url, { name: "test" });
});
afterAll(async () => {
  await nc?.close();
  await server?.stop();
});

describe("applyTopology()", () => {
  it("is missing at first, and readTopology() says how to mend it", async () => {
    expect(await findTopology(nc)).toBeUndefined();
    await expect(readTopology(nc)).rejects.toMatchObject({
      code: "topology_missing",
      message: expect.stringContaining("onhand topology apply"),
    });
  });

  it("goes on after a crash half-way, and a second apply changes nothing", async () => {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.add({ name: "STOCK-1-1", subjects: ["inv.log.1.1.>"] });
    const first = await applyTopology(nc, { shards: 4 });
    expect(first.topology).toEqual({ epoch: 1, shards: 4 });
    expect(first.changed).toBe(true);
    const mended = first.streams.find((s) => s.name === "STOCK-1-1");
    expect(mended?.action).toBe("updated");
    expect(mended?.changes.map((c) => c.setting)).toContain("discard");
    expect(first.streams.find((s) => s.name === "STOCK-1-3")?.action).toBe("created");

    const second = await applyTopology(nc, { shards: 4 });
    expect(second.changed).toBe(false);
    expect(second.streams.every((s) => s.action === "unchanged")).toBe(true);
    expect(await readTopology(nc)).toEqual({ epoch: 1, shards: 4 });
  });

  it("declares logs without age limit that discard new and effect streams that discard old", async () => {
    const jsm = await jetstreamManager(nc);
    const log = (await jsm.streams.info("STOCK-1-0")).config;
    expect(log).toMatchObject({
      max_age: 0,
      discard: "new",
      duplicate_window: 100_000_000,
      allow_direct: true,
      storage: "file",
      deny_delete: true,
    });
    expect((await jsm.streams.info("NEEDS")).config).toMatchObject({
      discard: "old",
      max_age: 30 * 24 * 3600 * 1e9,
      duplicate_window: 120e9,
    });
    expect((await jsm.streams.info("KV_onhand-lease")).config.max_age).toBe(2e9);
  });

  it("keeps the count of what is there, and refuses another with what to do", async () => {
    expect((await applyTopology(nc)).topology.shards).toBe(4);
    expect((await applyTopology(nc, { shardsOfNew: 16 })).topology.shards).toBe(4);
    await expect(applyTopology(nc, { shards: 8 })).rejects.toMatchObject({
      code: "topology_conflict",
      message: expect.stringMatching(/epoch 1 with 4 shards.*go on without --shards/),
    });
    await expect(applyTopology(nc, { epoch: 2 })).rejects.toMatchObject({
      code: "topology_conflict",
    });
    await expect(applyTopology(nc, { shards: 0 })).rejects.toThrow(RangeError);
  });

  it("changes a setting that was chosen anew, once", async () => {
    const changed = await applyTopology(nc, { effectBytesMax: 64 * 1024 * 1024 });
    const needs = changed.streams.find((s) => s.name === "NEEDS");
    expect(needs).toMatchObject({ action: "updated", changes: [{ setting: "max_bytes" }] });
    expect((await applyTopology(nc)).changed).toBe(false);
    await applyTopology(nc, { logBytesMax: 1_000_000_000, leaseTtlMs: 3_000 });
    expect((await applyTopology(nc)).changed).toBe(false);
    expect((await doctor(nc)).find((c) => c.name === "streams")?.ok).toBe(true);
  });

  it("does not guess when logs with entries stand without a record", async () => {
    const other = await privateNats({ shards: 4 });
    const connection = await connectNats(other.url, { name: "test" });
    try {
      const jsm = await jetstreamManager(connection);
      await jsm.streams.add({ name: "STOCK-3-0", subjects: ["inv.log.3.0.>"] });
      await expect(applyTopology(connection, { shards: 4 })).rejects.toMatchObject({
        code: "topology_conflict",
        message: expect.stringContaining("STOCK-3-0"),
      });
    } finally {
      await connection.close();
      await other.stop();
    }
  });
});

describe("trimLog()", () => {
  it("removes what stands before the sequence and keeps the rest", async () => {
    const jsm = await jetstreamManager(nc);
    for (let i = 0; i < 5; i++) await nc.request("inv.log.1.2.bundle", "[]");
    expect(await trimLog(nc, "STOCK-1-2", 4)).toBe(3);
    expect((await jsm.streams.info("STOCK-1-2")).state).toMatchObject({
      first_seq: 4,
      last_seq: 5,
    });
  });
});

describe("doctor()", () => {
  it("finds a server of ours in order and stores nothing", async () => {
    const jsm = await jetstreamManager(nc);
    const stored = async () => {
      let messages = 0;
      for await (const info of jsm.streams.list("inv.log.>")) messages += info.state.messages;
      return messages;
    };
    const before = await stored();
    const checks = await doctor(nc);
    expect(checks.filter((c) => !c.ok)).toEqual([]);
    expect(checks.map((c) => c.name)).toEqual([
      "server version",
      "largest message",
      "JetStream",
      "topology",
      "streams",
      "shard count",
      "bundles",
      "mapping",
    ]);
    expect(await stored()).toBe(before);
  });

  it("finds a wrong shard count in the mapping and prints the right one", async () => {
    await server.reload({ shards: 3 });
    const wrong = (await doctor(nc)).find((c) => c.name === "mapping");
    expect(wrong?.ok).toBe(false);
    expect(wrong?.mend).toContain(mappingBlock({ epoch: 1, shards: 4 }));
    expect(await checkMapping(nc, { epoch: 1, shards: 4 })).toMatchObject({ mapped: true });
    await server.reload({ shards: 4 });
    expect((await doctor(nc)).find((c) => c.name === "mapping")?.ok).toBe(true);
  });

  it("finds a missing mapping", async () => {
    // A server of its own: a reload without the block would keep the mapping it has.
    const bare = await privateNats({ mapping: false });
    const connection = await connectNats(bare.url, { name: "test" });
    try {
      await applyTopology(connection, { shards: 4 });
      const missing = (await doctor(connection)).find((c) => c.name === "mapping");
      expect(missing).toMatchObject({
        ok: false,
        mapped: false,
        found: expect.stringContaining("no stream"),
      });
    } finally {
      await connection.close();
      await bare.stop();
    }
  });

  it("finds a stream with another setting and one too many", async () => {
    const jsm = await jetstreamManager(nc);
    await jsm.streams.update("STOCK-1-1", { discard: "old" });
    await jsm.streams.add({ name: "STOCK-1-9", subjects: ["inv.log.1.9.>"] });
    const failed = (await doctor(nc)).filter((c) => !c.ok);
    expect(failed.map((c) => c.name)).toEqual(["streams", "shard count"]);
    expect(failed[0]?.found).toContain("STOCK-1-1 discard");
    await jsm.streams.delete("STOCK-1-9");
    await applyTopology(nc);
    expect((await doctor(nc)).every((c) => c.ok)).toBe(true);
  });
});

describe("the mapping", () => {
  it("lets a plain publish land in its shard", async () => {
    const ack = await nc.request(cmdSubject("store-3", "SKU-1094-MD"), '{"qty":-2}');
    expect(ack.json<{ stream: string }>().stream).toMatch(/^STOCK-1-[0-3]$/);
  });
});
