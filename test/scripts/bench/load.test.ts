// The generator itself: it counts acks rightly, sees refusals, and keeps its times.

import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LeanSocket } from "../../../scripts/bench/lean_socket.ts";
import { clockMs, sendPlanned } from "../../../scripts/bench/planned_sends.ts";
import { runCallers } from "../../../scripts/bench/raw_callers.ts";
import { openRawTill, publishFrame } from "../../../scripts/bench/raw_nats.ts";
import type { NatsServer } from "../../../scripts/servers/nats.ts";
import { REPLY_HEADER } from "../../../streams/subjects.ts";
import { privateNats } from "../../support/servers.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await privateNats();
  const nc = await connect({ servers: server.url });
  const jsm = await jetstreamManager(nc);
  await jsm.streams.add({ name: "B", subjects: ["b.>"] });
  await jsm.streams.add({ name: "T", subjects: ["t.>"], max_msgs: 5_000, discard: "new" });
  await nc.close();
});
afterAll(() => server?.stop());

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((r) => setTimeout(r, 10));
  expect(done()).toBe(true);
}

describe("openRawTill()", () => {
  test("counts one ack for each entry that is in the stream", async () => {
    const till = await openRawTill(server.url);
    const frames = Array.from({ length: 4_000 }, (_, i) =>
      publishFrame(`t.${i % 7}`, `{"n":${i}}`),
    );
    till.write(Buffer.from(frames.join("")));
    await until(() => till.acked + till.refused >= 4_000);
    expect([till.acked, till.refused]).toEqual([4_000, 0]);
    const told: number[] = [];
    const asked = Array.from({ length: 30 }, (_, i) =>
      till.acking(`t.${i}`, "{}", (ok) => ok && told.push(i)),
    );
    till.write(Buffer.from(asked.join("")));
    await until(() => told.length === 30);
    expect(told.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    const nc = await connect({ servers: server.url });
    const info = await (await jetstreamManager(nc)).streams.info("T");
    expect(info.state.messages).toBe(4_030);
    await nc.close();
    till.close();
  });
  test("sees what the server refuses: a full stream, a subject nobody keeps", async () => {
    const till = await openRawTill(server.url);
    const frames = Array.from({ length: 2_000 }, () => publishFrame("t.x", "{}"));
    till.write(Buffer.from(frames.join("")));
    await until(() => till.acked + till.refused >= 2_000);
    expect([till.acked, till.refused]).toEqual([970, 1_030]);
    expect(till.firstRefusal).toContain("maximum messages exceeded");
    const told: boolean[] = [];
    till.write(Buffer.from(till.acking("nobody.listens", "{}", (ok) => told.push(ok))));
    await until(() => told.length === 1);
    expect([told, till.refused]).toEqual([[false], 1_031]);
    till.close();
  });
});

test("a server that hangs up while it is greeted is an error, and nothing is written to a closed socket", async () => {
  const rude = createServer((socket) => {
    socket.once("data", () => socket.end("-ERR 'no'\r\n"));
  });
  await once(rude.listen(0, "127.0.0.1"), "listening");
  const { port } = rude.address() as AddressInfo;
  await expect(openRawTill(`nats://127.0.0.1:${port}`)).rejects.toMatchObject({
    code: "nats_unreachable",
  });
  const socket = await LeanSocket.open(server.url, { onRead: () => {}, onFault: () => {} });
  socket.close();
  expect(() => socket.write(Buffer.from("PING\r\n"))).toThrow("closed");
  rude.close();
});

describe("runCallers()", () => {
  /** Answers each bundle as the stock actor does; of each command what `outcomeOf` says. */
  async function decider(outcomeOf: (id: string) => string) {
    const nc = await connect({ servers: server.url });
    const seen: string[][] = [];
    nc.subscribe("b.bundle.*", {
      callback: (_, message) => {
        const ids = message.json<{ id: string }[]>().map(({ id }) => id);
        seen.push(ids);
        const decisions = ids.map((id) => `{"id":"${id}","outcome":${outcomeOf(id)}}`);
        nc.publish(
          message.headers?.get(REPLY_HEADER) ?? "",
          ids.length === 1 ? decisions[0] : `[${decisions}]`,
        );
      },
    });
    await nc.flush();
    return { seen, close: () => nc.close() };
  }

  const callersOf = (left: number[], told: string[]) => ({
    next(caller: number) {
      const n = left[caller] ?? 0;
      if (n === 0) return undefined;
      left[caller] = n - 1;
      const id = `c${caller}-${n}`;
      return { caller, id, shard: caller % 2, json: JSON.stringify({ id }) };
    },
    onDecision: (caller: number, reason: string | undefined) =>
      void told.push(`${caller} ${reason}`),
  });
  const options = () => ({ url: server.url, callers: 4, subjects: ["b.bundle.0", "b.bundle.1"] });

  test("each caller gets the decision of each command before it asks again", async () => {
    const { seen, close } = await decider((id) =>
      id.endsWith("-2") ? '"rejected","epoch":1,"reason":"insufficient_available"' : '"applied"',
    );
    const told: string[] = [];
    const entries = await runCallers(options(), callersOf([3, 3, 3, 1], told));
    await close();
    expect(entries).toBe(seen.length);
    expect(seen.flat().sort()).toEqual(
      ["c0-1", "c0-2", "c0-3", "c1-1", "c1-2", "c1-3", "c2-1", "c2-2", "c2-3", "c3-1"].sort(),
    );
    expect(told.filter((line) => line.startsWith("0"))).toEqual([
      "0 undefined",
      "0 insufficient_available",
      "0 undefined",
    ]);
    expect(told).toHaveLength(10);
  });

  test("ends with an error when a decision is of another command, or an entry is refused", async () => {
    const { close } = await decider(() => '"applied"');
    const wrong = callersOf([1, 0, 0, 0], []);
    const next = wrong.next;
    wrong.next = (caller) => {
      const asked = next(caller);
      return asked && { ...asked, id: "another" };
    };
    await expect(runCallers(options(), wrong)).rejects.toThrow("no decision of another");
    await close();
    const nowhere = { ...options(), subjects: ["nobody.a", "nobody.b"] };
    await expect(runCallers(nowhere, callersOf([1, 1, 0, 0], []))).rejects.toThrow("refused");
  });
});

describe("sendPlanned()", () => {
  /** A server that keeps what comes and when; reads nothing while `isDeaf`. */
  async function listener() {
    const seen: { line: string; atMs: number }[] = [];
    let taker: Socket | undefined;
    const server = createServer((socket) => {
      taker = socket.setNoDelay(true);
      let rest = "";
      socket.on("data", (bytes: Buffer) => {
        const lines = (rest + bytes.toString("latin1")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) seen.push({ line, atMs: clockMs() });
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const socket = connectTcp({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
    await until(() => taker !== undefined);
    const close = () => {
      socket.destroy();
      server.close();
    };
    return { seen, fd, close, deaf: (is: boolean) => void (is ? taker?.pause() : taker?.resume()) };
  }

  test("writes every frame once, in order, never before its time", async () => {
    const { seen, fd, close } = await listener();
    const arrivals = Float64Array.from({ length: 500 }, (_, i) => i * 0.7);
    const frames = Array.from(arrivals, (_, i) => `${i}\n`);
    const startMs = clockMs() + 200;
    const sends = sendPlanned({ fd, frames, arrivals, startMs });
    await sends.done;
    sends.stop();
    await until(() => seen.length === 500);
    close();
    expect(seen.map(({ line }) => line)).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
    expect(seen.filter(({ atMs }, i) => atMs < startMs + (arrivals[i] ?? 0))).toEqual([]);
  });

  test("waits for a socket that is full, and loses nothing of it", async () => {
    const { seen, fd, close, deaf } = await listener();
    deaf(true);
    const frames = Array.from({ length: 200 }, (_, i) => `${i}-${"x".repeat(100_000)}\n`);
    const sends = sendPlanned({ fd, frames, arrivals: new Float64Array(200), startMs: clockMs() });
    setTimeout(() => deaf(false), 300);
    await sends.done;
    sends.stop();
    await until(() => seen.length === 200);
    close();
    expect(seen.map(({ line }) => `${line}\n`)).toEqual(frames);
  });
});
