import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { openReader, type ReadEntry, type ReaderOptions } from "../../streams/reader.ts";
import { entryDigest, readEntry, streamIdentity } from "../../streams/stream_state.ts";
import { privateDir, privateNats, sharedServers } from "../support/servers.ts";

const decode = (entry: ReadEntry): string => new TextDecoder().decode(entry.payload);

let nc: NatsConnection;
let jsm: JetStreamManager;
let made = 0;
beforeAll(async () => {
  nc = await connectNats(sharedServers().nats, { name: "test" });
  jsm = await jetstreamManager(nc);
});
afterAll(async () => {
  await nc.close();
});

/** A stream of its own on the shared server, with `count` entries "1", "2", … */
async function makeStream(count: number, connection = nc): Promise<string> {
  const name = `READ-${process.pid}-${made++}`;
  await (await jetstreamManager(connection)).streams.add({ name, subjects: [`${name}.>`] });
  await append(name, 1, count, connection);
  return name;
}

async function append(name: string, from: number, to: number, connection = nc): Promise<void> {
  for (let n = from; n <= to; n += 500) {
    const block = Array.from({ length: Math.min(500, to - n + 1) }, (_, i) => n + i);
    await Promise.all(
      block.map((i) => connection.request(`${name}.x`, String(i), { timeout: 10_000 })),
    );
  }
}

/** Reads into a list and checks R1 at each entry. */
function collect(stream: string, options: Partial<ReaderOptions> = {}, connection = nc) {
  const entries: ReadEntry[] = [];
  const halts: string[] = [];
  const fromSeq = options.fromSeq ?? 1;
  const reader = openReader(connection, {
    stream,
    fromSeq,
    onEntry: (entry) => {
      expect(entry.seq).toBe(fromSeq + entries.length);
      entries.push(entry);
    },
    onHalt: (reason, message) => halts.push(`${reason}: ${message}`),
    ...options,
  });
  return { entries, halts, reader };
}

describe("openReader()", () => {
  it("hands over all entries in order, old and new, with subject, time and reply address", async () => {
    const stream = await makeStream(3);
    const { entries, reader } = collect(stream);
    await expect.poll(() => entries.length).toBe(3);
    const header = headers();
    header.set("Onhand-Reply-To", "_INBOX.someone.d1");
    const before = Date.now();
    await nc.request(`${stream}.a%2Eb`, "ünï", { headers: header, timeout: 1000 });
    await expect.poll(() => entries.length).toBe(4);
    expect(entries[3]).toMatchObject({
      seq: 4,
      subject: `${stream}.a%2Eb`,
      replyTo: "_INBOX.someone.d1",
    });
    expect(decode(entries[3]!)).toBe("ünï");
    expect(Math.abs(entries[3]!.appendedAtMs - before)).toBeLessThan(2000);
    expect(entries[0]?.replyTo).toBeUndefined();
    expect(reader.lastSeq).toBe(4);
    expect(reader.lag).toBe(0);
    await reader.stop();
    await nc.request(`${stream}.x`, "5");
    expect(entries.length).toBe(4);
  });

  it("takes no address for a reply that would end the connection of whoever replies", async () => {
    const stream = await makeStream(0);
    const { entries, reader } = collect(stream);
    const addresses = [
      "_INBOX.a b c",
      "_INBOX.a\tb",
      `_INBOX.${"x".repeat(5_000)}`,
      "_INBOX.",
      "x",
    ];
    for (const address of addresses) {
      const header = headers();
      header.set("Onhand-Reply-To", address);
      await nc.request(`${stream}.x`, "1", { headers: header, timeout: 1000 });
    }
    await expect.poll(() => entries.length).toBe(addresses.length);
    expect(entries.map((entry) => entry.replyTo)).toEqual(addresses.map(() => undefined));
    for (const { seq } of entries)
      expect((await readEntry(nc, stream, seq))?.replyTo).toBeUndefined();
    await reader.stop();
  });

  it("reads more than it asks for ahead, in entries and in bytes", async () => {
    const stream = await makeStream(10_000);
    const { entries, reader } = collect(stream, { fromSeq: 2 });
    await expect.poll(() => entries.length, { timeout: 10_000 }).toBe(9_999);
    expect(decode(entries.at(-1)!)).toBe("10000");
    await reader.stop();

    const big = await makeStream(0);
    const payload = "x".repeat(512 * 1024);
    for (let i = 0; i < 40; i++) await nc.request(`${big}.x`, payload);
    const bytes = collect(big);
    await expect.poll(() => bytes.entries.length, { timeout: 10_000 }).toBe(40);
    expect(bytes.halts).toEqual([]);
    await bytes.reader.stop();
  });

  it("keeps going when nothing comes for longer than a request lives", async () => {
    const stream = await makeStream(1);
    const { entries, reader } = collect(stream);
    await expect.poll(() => entries.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 4_600));
    await append(stream, 2, 2);
    await expect.poll(() => entries.length, { timeout: 500 }).toBe(2);
    expect(reader.opens).toBe(1);
    await reader.stop();
  }, 15_000);

  it("hands over nothing between pause() and resume(), and nothing is lost or repeated", async () => {
    const stream = await makeStream(9_000);
    const entries: ReadEntry[] = [];
    let pausedAt = 0;
    const { reader } = collect(stream, {
      onEntry: (entry) => {
        expect(entry.seq).toBe(entries.length + 1);
        entries.push(entry);
        if (entry.seq % 1_000 === 0) {
          pausedAt = entry.seq;
          reader.pause();
        }
      },
    });
    for (let stop = 1_000; stop <= 9_000; stop += 1_000) {
      await expect.poll(() => pausedAt).toBe(stop);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(entries.length).toBe(stop);
      reader.resume();
    }
    await append(stream, 9_001, 9_001);
    await expect.poll(() => entries.length).toBe(9_001);
    await reader.stop();
  });

  it("goes on after a pause during which the server forgot its consumer", async () => {
    const stream = await makeStream(10);
    const { entries, reader } = collect(stream);
    await expect.poll(() => entries.length).toBe(10);
    reader.pause();
    for await (const consumer of jsm.consumers.list(stream))
      await jsm.consumers.delete(stream, consumer.name);
    await append(stream, 11, 20);
    reader.resume();
    await expect.poll(() => entries.length, { timeout: 3_000 }).toBe(20);
    await reader.stop();
  });

  it("recovers within two seconds when its consumer is deleted under it", async () => {
    const stream = await makeStream(10);
    const { entries, reader, halts } = collect(stream);
    await expect.poll(() => entries.length).toBe(10);
    for await (const consumer of jsm.consumers.list(stream))
      await jsm.consumers.delete(stream, consumer.name);
    await append(stream, 11, 20);
    await expect.poll(() => entries.length, { timeout: 2_000 }).toBe(20);
    expect(halts).toEqual([]);
    await reader.stop();
  });

  it("halts with log_cut when the log was trimmed behind where it must go on", async () => {
    const stream = await makeStream(10);
    await jsm.streams.purge(stream, { seq: 6 });
    const { entries, halts } = collect(stream, { fromSeq: 3 });
    await expect
      .poll(() => halts)
      .toEqual([expect.stringMatching(/^log_cut: .*begins at 6, but entry 3 is needed/)]);
    expect(entries).toEqual([]);
    const fine = collect(stream, { fromSeq: 6 });
    await expect.poll(() => fine.entries.length).toBe(5);
    await fine.reader.stop();
  });

  it("halts with log_shorter when the log ends before what was seen", async () => {
    const stream = await makeStream(10);
    const beyond = collect(stream, { fromSeq: 12 });
    await expect
      .poll(() => beyond.halts)
      .toEqual([expect.stringMatching(/^log_shorter: .*ends at 10/)]);
    const next = collect(stream, { fromSeq: 11 });
    await append(stream, 11, 11);
    await expect.poll(() => next.entries.length).toBe(1);
    await next.reader.stop();
  });

  it("reads a log whose entries were all trimmed from the next one on", async () => {
    const stream = await makeStream(10);
    await jsm.streams.purge(stream);
    const { entries, reader } = collect(stream, { fromSeq: 11 });
    await append(stream, 11, 12);
    await expect.poll(() => entries.length).toBe(2);
    await reader.stop();
  });

  it("halts with log_gap when a sequence is missing", async () => {
    const stream = await makeStream(10);
    await jsm.streams.deleteMessage(stream, 5);
    const { entries, halts, reader } = collect(stream);
    await expect.poll(() => halts).toEqual([expect.stringMatching(/^log_gap: .*from 4 to 6/)]);
    expect(entries.length).toBe(4);
    expect(reader.opens).toBe(2);
  });

  it("halts with log_missing when there is no stream for seconds", async () => {
    const { halts } = collect("NO-SUCH-STREAM");
    await expect
      .poll(() => halts, { timeout: 8_000 })
      .toEqual([expect.stringMatching(/^log_missing: /)]);
  }, 10_000);

  it("halts with entry_failed when onEntry throws, and hands over nothing more", async () => {
    const stream = await makeStream(5);
    let calls = 0;
    const { halts } = collect(stream, {
      onEntry: (entry) => {
        calls++;
        if (entry.seq === 3) throw new Error("cannot fold this");
      },
    });
    await expect
      .poll(() => halts)
      .toEqual([expect.stringMatching(/^entry_failed: .*entry 3 .*cannot fold this/)]);
    expect(calls).toBe(3);
  });

  it("halts with what verify() says, and tries again when it throws", async () => {
    const stream = await makeStream(2);
    let calls = 0;
    const { halts, entries } = collect(stream, {
      verify: async (identity) => {
        expect(identity).toMatchObject({ stream, firstSeq: 1, lastSeq: 2 });
        if (calls++ === 0) throw new Error("the store is away");
        return { reason: "checkpoint_differs", message: "not the log of the checkpoint" };
      },
    });
    await expect.poll(() => halts).toEqual([expect.stringMatching(/^checkpoint_differs: /)]);
    expect(entries).toEqual([]);
  });
});

describe("readEntry(), streamIdentity()", () => {
  it("tell what stands at a place and which log it is", async () => {
    const stream = await makeStream(3);
    const { entries, reader } = collect(stream);
    await expect.poll(() => entries.length).toBe(3);
    const stored = await readEntry(nc, stream, 2);
    expect({ ...stored, payload: "" }).toMatchObject({ ...entries[1], payload: "" });
    expect(decode(stored!)).toBe("2");
    expect(entryDigest(stored!)).toBe(entryDigest(entries[1]!));
    expect(entryDigest(stored!)).not.toBe(entryDigest(entries[2]!));
    expect(await readEntry(nc, stream, 9)).toBeUndefined();
    const first = await streamIdentity(nc, stream);
    expect(first).toMatchObject({ firstSeq: 1, lastSeq: 3, messages: 3 });
    await jsm.streams.delete(stream);
    await expect(streamIdentity(nc, stream)).rejects.toMatchObject({ code: "stream_missing" });
    await jsm.streams.add({ name: stream, subjects: [`${stream}.>`] });
    expect((await streamIdentity(nc, stream)).created).not.toBe(first.created);
    await reader.stop();
  });
});

describe("openReader() and a server that dies", () => {
  it("goes on well under a second after a killed server is back, with no gap and no repeat", async () => {
    const server = await privateNats();
    const connection = await connectNats(server.url, { name: "reader" });
    const writer = await connectNats(server.url, { name: "writer" });
    try {
      const stream = await makeStream(100, writer);
      const { entries, reader, halts } = collect(stream, {}, connection);
      await expect.poll(() => entries.length).toBe(100);
      const delays: number[] = [];
      for (let round = 1; round <= 4; round++) {
        await server.kill();
        await new Promise((resolve) => setTimeout(resolve, 300));
        await server.start();
        const back = performance.now();
        const wanted = 100 + 10 * round;
        for (let n = wanted - 9; n <= wanted; n++) {
          for (;;) {
            const ack = await writer
              .request(`${stream}.x`, String(n), { timeout: 200 })
              .catch(() => undefined);
            if (ack !== undefined) break;
          }
        }
        await expect.poll(() => entries.length, { interval: 5, timeout: 5_000 }).toBe(wanted);
        delays.push(Math.round(performance.now() - back));
      }
      expect(halts).toEqual([]);
      expect(Math.max(...delays)).toBeLessThan(1_000);
      console.log(`reader: entries after a killed server is back, ms: ${delays.join(", ")}`);
      await reader.stop();
    } finally {
      await connection.close();
      await writer.close();
      await server.stop();
    }
  }, 30_000);

  it("halts with log_replaced when the stream was made anew meanwhile", async () => {
    const stream = await makeStream(5);
    const { entries, halts } = collect(stream);
    await expect.poll(() => entries.length).toBe(5);
    await jsm.streams.delete(stream);
    await jsm.streams.add({ name: stream, subjects: [`${stream}.>`] });
    await append(stream, 1, 8);
    await expect
      .poll(() => halts, { timeout: 5_000 })
      .toEqual([expect.stringMatching(/^log_replaced: /)]);
    expect(entries.length).toBe(5);
  });

  it("halts when the log it comes back to is not the one it read (a restored disk)", async () => {
    const dir = privateDir("nats");
    const server = await privateNats({ dir });
    const connection = await connectNats(server.url, { name: "reader" });
    // Connected anew each time: a request of a connection that just then finds its server gone is lost.
    const write = async <T>(to: NatsServer, run: (writer: NatsConnection) => Promise<T>) => {
      const writer = await connectNats(to.url, { name: "writer" });
      try {
        return await run(writer);
      } finally {
        await writer.close();
      }
    };
    const restored = async (entries: number) => {
      await server.stop();
      rmSync(join(dir, "jetstream"), { recursive: true });
      cpSync(join(dir, "backup"), join(dir, "jetstream"), { recursive: true });
      if (entries > 0) {
        const elsewhere = await privateNats({ dir });
        await write(elsewhere, (writer) => append(stream, 11, 10 + entries, writer));
        await elsewhere.stop();
      }
      await server.start();
    };
    const stream = await write(server, (writer) => makeStream(10, writer));
    try {
      await server.stop();
      cpSync(join(dir, "jetstream"), join(dir, "backup"), { recursive: true });
      await server.start();
      const first = collect(stream, {}, connection);
      await expect.poll(() => first.entries.length, { timeout: 5_000 }).toBe(10);
      await write(server, (writer) => append(stream, 11, 15, writer));
      await expect.poll(() => first.entries.length).toBe(15);
      await restored(0);
      await expect
        .poll(() => first.halts, { timeout: 5_000 })
        .toEqual([expect.stringMatching(/^log_shorter: .*ends at 10, but entry 15 /)]);

      const second = collect(stream, {}, connection);
      await write(server, (writer) => append(stream, 11, 15, writer));
      await expect.poll(() => second.entries.length).toBe(15);
      await restored(8);
      await expect
        .poll(() => second.halts, { timeout: 5_000 })
        .toEqual([expect.stringMatching(/^log_changed: .*entry 15 /)]);
      expect(second.entries.length).toBe(15);
    } finally {
      await connection.close();
      await server.stop();
    }
  }, 30_000);
});
