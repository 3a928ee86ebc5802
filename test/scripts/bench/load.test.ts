// The generator itself: it counts acks rightly, sees refusals, and keeps its times.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clockMs, startMetronome } from "../../../scripts/bench/metronome.ts";
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
    for (let i = 0; i < 30; i++) till.publish(`t.${i}`, "{}", (ok) => ok && told.push(i));
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
    till.publish("nobody.listens", "{}", (ok) => told.push(ok));
    await until(() => told.length === 1);
    expect([told, till.refused]).toEqual([[false], 1_031]);
    till.close();
  });
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

test("startMetronome() calls every arrival once, in order, never before its time", async () => {
  const arrivals = Float64Array.from({ length: 500 }, (_, i) => i * 0.7);
  const startMs = clockMs() + 100;
  const seen: number[] = [];
  let early = 0;
  const metronome = startMetronome(arrivals, startMs, (i) => {
    seen.push(i);
    if (clockMs() < startMs + (arrivals[i] ?? 0)) early++;
  });
  await metronome.done;
  metronome.stop();
  expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect(early).toBe(0);
});
