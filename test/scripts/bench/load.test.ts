// The generator itself: it counts acks rightly, sees refusals, and keeps its times.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clockMs, startMetronome } from "../../../scripts/bench/metronome.ts";
import { openRawTill, publishFrame } from "../../../scripts/bench/raw_nats.ts";
import type { NatsServer } from "../../../scripts/servers/nats.ts";
import { privateNats } from "../../support/servers.ts";

let server: NatsServer;
beforeAll(async () => {
  server = await privateNats();
  const nc = await connect({ servers: server.url });
  const jsm = await jetstreamManager(nc);
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
