import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import type { DeadLetter } from "../../shared/effects.ts";
import { commandIdFault } from "../../shared/ids.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import {
  listDeadLetters,
  redriveDeadLetter,
  showDeadLetter,
  writeDeadLetter,
} from "../../streams/dead_letters.ts";
import { partition } from "../../streams/partition.ts";
import { readEntry } from "../../streams/stream_state.ts";
import { applyTopology } from "../../streams/topology.ts";
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

const letter = (more: Partial<DeadLetter>): DeadLetter => ({
  id: "dead-1",
  epoch: 1,
  shard: 0,
  seq: 1,
  index: 0,
  sku: "A",
  location: "store-1",
  at: "2026-01-01T00:00:00.000Z",
  source: "stock",
  reason: "malformed",
  detail: "qty: expected a whole number, found 1.5",
  subject: "inv.log.1.0.store-1.A",
  payload: "{}",
  payloadBytes: 2,
  ...more,
});
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

describe("writeDeadLetter()", () => {
  it("tells a letter that the stream refused", async () => {
    const other = await privateNats({ shards: 1 });
    const connection = await connectNats(other.url, { name: "test" });
    await applyTopology(connection, { shards: 1 });
    await expect(writeDeadLetter(connection, letter({}))).resolves.toBeUndefined();
    await (await jetstreamManager(connection)).streams.update("DEAD", { max_msg_size: 100 });
    await expect(writeDeadLetter(connection, letter({}))).rejects.toMatchObject({
      code: "nats_refused",
      message: "Cannot set aside dead-1: message size exceeds maximum allowed",
    });
    await connection.close();
    await other.stop();
  });
});

describe("listDeadLetters()", () => {
  it("lists nothing where there is no stream", async () => {
    expect(await listDeadLetters(nc)).toEqual([]);
    await applyTopology(nc, { shards: 4 });
    expect(await listDeadLetters(nc)).toEqual([]);
  });

  it("lists the newest first, by pages and by source", async () => {
    for (let i = 1; i <= 600; i++)
      await writeDeadLetter(nc, letter({ id: `l-${i}`, source: i % 3 === 0 ? "ledger" : "stock" }));
    const first = await listDeadLetters(nc, { limit: 300 });
    expect(first.map((d) => d.seq)).toEqual(Array.from({ length: 300 }, (_, i) => 600 - i));
    const next = await listDeadLetters(nc, { limit: 500, beforeSeq: first.at(-1)!.seq });
    expect(next.map((d) => d.letter.id)).toEqual(
      Array.from({ length: 300 }, (_, i) => `l-${300 - i}`),
    );
    const ledger = await listDeadLetters(nc, { limit: 1000, source: "ledger" });
    expect(ledger.length).toBe(200);
    expect(ledger.every((d) => d.letter.source === "ledger")).toBe(true);
    await (await jetstreamManager(nc)).streams.purge("DEAD");
  });

  it("finds the older ones when the newest are gone", async () => {
    for (let i = 1; i <= 520; i++) await writeDeadLetter(nc, letter({ id: `g-${i}` }));
    const { streams } = await jetstreamManager(nc);
    const last = (await streams.info("DEAD")).state.last_seq;
    for (let seq = last - 517; seq <= last; seq++) await streams.deleteMessage("DEAD", seq, false);
    expect((await listDeadLetters(nc)).map((d) => d.letter.id)).toEqual(["g-2", "g-1"]);
    await streams.purge("DEAD");
  });

  it("shows what is no letter as unreadable", async () => {
    const { streams } = await jetstreamManager(nc);
    await nc.request("inv.dead.mine", "no JSON");
    await nc.request("inv.dead.mine", new Uint8Array([0xff, 0x41]));
    await nc.request("inv.dead.mine", "\ufeffnull");
    await writeDeadLetter(nc, letter({}));
    const [good, ...others] = await listDeadLetters(nc);
    expect(good!.letter).toEqual(letter({}));
    expect(others.map((d) => d.letter)).toMatchObject([
      { reason: "unreadable", payload: "\ufeffnull", payloadBytes: 7 },
      { reason: "unreadable", payloadBase64: "/0E=", payloadBytes: 2 },
      { reason: "unreadable", source: "mine", subject: "inv.dead.mine", payload: "no JSON" },
    ]);
    expect(await showDeadLetter(nc, others[0]!.seq)).toEqual(others[0]);
    await expect(redriveDeadLetter(nc, others[0]!.seq)).rejects.toMatchObject({
      code: "dead_letter_not_redrivable",
    });
    await streams.purge("DEAD");
  });
});

describe("redriveDeadLetter()", () => {
  const add = async (more: Partial<DeadLetter>): Promise<number> => {
    await writeDeadLetter(nc, letter(more));
    return (await (await jetstreamManager(nc)).streams.info("DEAD")).state.last_seq;
  };

  it("puts a single entry where its SKU lives today, byte for byte, and removes the letter", async () => {
    const payload = '{"id":"i-1","qty":-2, "x": "ü"}';
    const subject = "inv.log.7.99.store%2E1.S%20KU"; // of an older epoch
    const seq = await add({ payload, payloadBytes: Buffer.byteLength(payload), subject });
    expect((await showDeadLetter(nc, seq)).letter.payload).toBe(payload);
    const done = await redriveDeadLetter(nc, seq);
    const shard = partition("S%20KU", 4);
    expect(done).toMatchObject({
      subject: `inv.log.1.${shard}.store%2E1.S%20KU`,
      stream: `STOCK-1-${shard}`,
    });
    expect(text((await readEntry(nc, done.stream, done.logSeq))?.payload)).toBe(payload);
    await expect(showDeadLetter(nc, seq)).rejects.toMatchObject({ code: "dead_letter_missing" });
  });

  it("takes a byte order mark along", async () => {
    const payload = '\ufeff{"id":"bom","qty":-2}';
    const seq = await add({ payload, payloadBytes: Buffer.byteLength(payload) });
    const done = await redriveDeadLetter(nc, seq);
    const bytes = (await readEntry(nc, done.stream, done.logSeq))!.payload;
    expect(Buffer.from(bytes)).toEqual(Buffer.from(payload));
    const bare = '\ufeff{"qty":-2}';
    const other = await add({
      id: "dead-bom",
      payload: bare,
      payloadBytes: Buffer.byteLength(bare),
    });
    const again = await redriveDeadLetter(nc, other);
    expect(text((await readEntry(nc, again.stream, again.logSeq))?.payload)).toMatch(
      /^{"id":"redriven-[^"]+","qty":-2}$/,
    );
  });

  it("gives a command without an id one, the same each time", async () => {
    const read = async (id: string, payload: string, subject = "inv.log.1.0.store-1.A") => {
      const seq = await add({ id, payload, payloadBytes: Buffer.byteLength(payload), subject });
      const done = await redriveDeadLetter(nc, seq);
      return text((await readEntry(nc, done.stream, done.logSeq))?.payload);
    };
    const long = `dead/${"x".repeat(300)}`;
    const first = await read(long, ' {"qty":-2}');
    const { id } = JSON.parse(first) as { id: string };
    expect(first).toBe(` {"id":"${id}","qty":-2}`);
    expect(commandIdFault(id)).toBeUndefined();
    expect(await read(long, ' {"qty":-2}')).toBe(first);
    expect(await read("dead-2", '{"qty":-2}')).not.toContain(id);
    expect(JSON.parse(await read(long, "{}"))).toEqual({ id });
    const bundled = await read(long, '{"sku":"A"}', "inv.log.1.0.bundle");
    expect(JSON.parse(bundled)).toEqual([{ id, sku: "A" }]);
    expect(await read(long, "[1]")).toBe("[1]");
    expect(await read(long, "no JSON")).toBe("no JSON");
  });

  it("two at once: both are told it is in the log, under one identity", async () => {
    const seq = await add({ id: "dead-both", payload: '{"qty":-2}', payloadBytes: 10 });
    const both = await Promise.all([redriveDeadLetter(nc, seq), redriveDeadLetter(nc, seq)]);
    const read = await Promise.all(both.map((done) => readEntry(nc, done.stream, done.logSeq)));
    expect(both[0]!.logSeq).not.toBe(both[1]!.logSeq);
    expect(text(read[0]?.payload)).toBe(text(read[1]?.payload));
  });

  it("takes bytes that are no UTF-8 as they were", async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x41]);
    const { payload: _payload, ...rest } = letter({
      payloadBase64: bytes.toString("base64"),
      payloadBytes: 4,
    });
    await writeDeadLetter(nc, rest);
    const seq = (await listDeadLetters(nc))[0]!.seq;
    const done = await redriveDeadLetter(nc, seq);
    expect(Buffer.from((await readEntry(nc, done.stream, done.logSeq))!.payload)).toEqual(bytes);
  });

  it("sends one command of a bundle as a bundle of its own, to its SKU's shard", async () => {
    const payload = '{"type":"policy","id":"p","sku":"größe","location":"a"}';
    const payloadBytes = Buffer.byteLength(payload);
    const seq = await add({ payload, payloadBytes, subject: "inv.log.3.1.bundle" });
    const done = await redriveDeadLetter(nc, seq);
    const shard = partition(encodeURIComponent("größe"), 4);
    expect(done.subject).toBe(`inv.log.1.${shard}.bundle`);
    expect(text((await readEntry(nc, done.stream, done.logSeq))?.payload)).toBe(`[${payload}]`);
  });

  it("refuses what was cut, what never came from the log, and bundles it cannot place", async () => {
    const refused = [
      { payload: "{}", payloadBytes: 70_000 },
      { subject: "postgres" },
      { subject: "inv.log.9.1.bundle", payload: "[]" },
      { subject: "inv.log.1.1.bundle", payload: "no" },
      { subject: "inv.log.1.1.bundle", payload: "{}" },
    ];
    for (const more of refused) {
      const seq = await add(more);
      await expect(redriveDeadLetter(nc, seq)).rejects.toMatchObject({
        code: "dead_letter_not_redrivable",
      });
      expect((await showDeadLetter(nc, seq)).seq).toBe(seq);
    }
  });
});
