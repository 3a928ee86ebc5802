// `onhand dead` on a real server: list, show and redrive, one and all, with what cannot be redriven
// named and the rest done.

import { spawn } from "node:child_process";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NatsServer } from "../../../scripts/servers/nats.ts";
import type { DeadLetter } from "../../../shared/effects.ts";
import { connectNats, type NatsConnection } from "../../../streams/connection.ts";
import { type DeadEntry, writeDeadLetter } from "../../../streams/dead_letters.ts";
import { partition } from "../../../streams/partition.ts";
import { logSubject, stockStream } from "../../../streams/subjects.ts";
import { applyTopology } from "../../../streams/topology.ts";
import { privateNats } from "../../support/servers.ts";

const SHARDS = 2;
let nats: NatsServer;
let nc: NatsConnection;

beforeAll(async () => {
  nats = await privateNats({ shards: SHARDS });
  nc = await connectNats(nats.url, { name: "test" });
  await applyTopology(nc, { shards: SHARDS });
});
afterAll(async () => {
  await nc?.close();
  await nats?.stop();
});

let letters = 0;
async function setAside(payload: string, more: Partial<DeadLetter> = {}): Promise<void> {
  const sku = more.sku ?? "A";
  const shard = partition(sku, SHARDS);
  letters++;
  await writeDeadLetter(nc, {
    id: `dead-${letters}`,
    epoch: 1,
    shard,
    seq: letters,
    index: 0,
    sku,
    location: "L",
    at: "2026-01-01T00:00:00.000Z",
    source: "stock",
    reason: "malformed",
    detail: "qty: expected a whole number",
    subject: logSubject(1, shard, "L", sku),
    payload,
    payloadBytes: Buffer.byteLength(payload),
    ...more,
  });
}

function dead(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const script = new URL("../../../scripts/onhand.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, "dead", ...args], {
    env: { ...process.env, ONHAND_NATS_URL: nats.url },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.once("exit", (code) => resolve({ code, out, err })));
}

const listed = async (...args: string[]): Promise<DeadEntry[]> =>
  JSON.parse((await dead("ls", "--json", ...args)).out) as DeadEntry[];

describe("onhand dead", () => {
  test("says so when there is nothing", async () => {
    expect(await dead("ls")).toMatchObject({ code: 0, out: "nothing was set aside\n" });
  });

  test("lists newest first, by page and source; a letter cannot mark up the terminal", async () => {
    await setAside('{"qty":1.5}');
    await setAside("\u001b[2Jgone", { source: "ledger", detail: "\u001b[31mred" });
    await setAside('{"qty":"x"}');
    const all = await listed();
    expect(all.map((entry) => entry.seq)).toEqual([3, 2, 1]);
    expect((await listed("--limit", "1", "--before", "3")).map((one) => one.seq)).toEqual([2]);
    expect((await listed("--source", "ledger")).map((one) => one.seq)).toEqual([2]);
    const { out } = await dead("ls");
    expect(out).toContain("A at L");
    expect(out).not.toContain("\u001b");
    const whole = await dead("show", "2");
    expect(whole.out).not.toContain("\u001b");
    expect(whole.out).toContain("\\u001b[2Jgone");
  });

  test("shows one whole, and tells when there is none", async () => {
    const shown = await dead("show", "1");
    expect(shown.code).toBe(0);
    expect(shown.out).toContain("malformed");
    expect(shown.out).toContain('{"qty":1.5}');
    expect(await dead("show", "999")).toMatchObject({
      code: 1,
      err: expect.stringContaining("999"),
    });
  });

  test("redrives by number: into the log, and out of the list", async () => {
    const { code, out } = await dead("redrive", "1", "--json");
    expect(code).toBe(0);
    const [one] = (JSON.parse(out) as { redriven: { stream: string; logSeq: number }[] }).redriven;
    expect(one?.stream).toBe(stockStream(1, partition("A", SHARDS)));
    const jsm = await jetstreamManager(nc);
    const entry = await jsm.streams.getMessage(one!.stream, { seq: one!.logSeq });
    expect(entry?.json()).toEqual({ id: expect.stringMatching(/^redriven-/), qty: 1.5 });
    expect((await listed()).map((letter) => letter.seq)).toEqual([3, 2]);
  });

  test("redrives all; what cannot go is named, stays, and exits 1", async () => {
    await setAside("cut", { payloadBytes: 99_999 });
    const { code, out } = await dead("redrive", "--all", "--json");
    expect(code).toBe(1);
    const outcome = JSON.parse(out) as { redriven: { seq: number }[]; failed: unknown[] };
    expect(outcome.redriven.map((one) => one.seq)).toEqual([2, 3]);
    expect(outcome.failed).toEqual([{ seq: 4, why: expect.stringContaining("cut") }]);
    expect((await listed()).map((letter) => letter.seq)).toEqual([4]);
  });

  test("removes what is no letter, and cannot be redriven; it is printed a last time", async () => {
    const jsm = await jetstreamManager(nc);
    for (const text of ["no letter", '{"id":1}']) {
      await nc.request("inv.dead.gateway", text, { timeout: 5_000 });
    }
    expect((await dead("redrive", "5")).code).toBe(1);
    const { code, out } = await dead("rm", "--unreadable", "--json");
    expect(code).toBe(0);
    const { removed, failed } = JSON.parse(out) as { removed: DeadEntry[]; failed: unknown[] };
    expect(removed.map(({ seq, letter }) => [seq, letter.reason, letter.payload])).toEqual([
      [5, "unreadable", "no letter"],
      [6, "unreadable", '{"id":1}'],
    ]);
    expect(failed).toEqual([]);
    expect((await listed()).map((letter) => letter.seq)).toEqual([4]);
    expect((await jsm.streams.info("DEAD")).state.messages).toBe(1);
    expect(await dead("rm", "--unreadable")).toMatchObject({
      code: 0,
      out: "0 removed, 0 could not be\n",
    });
  });

  test("removes by number, also one that could be redriven; who is not there is named, and exits 1", async () => {
    const { code, out } = await dead("rm", "4", "4", "77");
    expect(code).toBe(1);
    expect(out).toMatch(/^number +4$/m);
    expect(out).toContain("\n\ncut\n");
    expect(out).toContain("77: Cannot find dead letter 77");
    expect(out).toContain("1 removed, 1 could not be");
    expect(await listed()).toEqual([]);
  });

  test("says in its help what there is", async () => {
    expect((await dead("--help")).out).toMatch(/^ {2}rm /m);
    expect((await dead("rm", "--help")).out).toContain("--unreadable");
  });

  test.each([
    [["rm"], /give the numbers/],
    [["rm", "1", "--unreadable"], /give the numbers/],
    [["rm", "x"], /whole number/],
    [["redrive"], /give the numbers/],
    [["redrive", "1", "--all"], /give the numbers/],
    [["show", "first"], /whole number/],
    [["ls", "--limit", "0"], /--limit/],
    [["ls", "--limit", "5000"], /1 to 1000/],
  ])("%j is wrong use: exit 2", async (args, message) => {
    const { code, err } = await dead(...args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
