// How long /metrics waits for the processes it asks: as long as those that answered before need, no longer.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { processMetrics } from "../../http/process_metrics.ts";
import type { NatsServer } from "../../scripts/servers/nats.ts";
import { METRICS_ANSWER_WAIT_MS } from "../../shared/limits.ts";
import { metricsSubject } from "../../shared/telemetry.ts";
import { connectNats, type NatsConnection } from "../../streams/connection.ts";
import { privateNats } from "../support/servers.ts";

let nats: NatsServer;
let nc: NatsConnection;
beforeAll(async () => {
  nats = await privateNats();
  nc = await connectNats(nats.url, { name: "test" });
});
afterAll(async () => {
  await nc?.close();
  await nats?.stop();
});

/** A stock process that answers after so long, ms; the function ends it. */
function startProcess(name: string, afterMs: number): () => void {
  const subscription = nc.subscribe(metricsSubject("stock"), {
    callback: (_error, message) => {
      const text = `# TYPE up gauge\nup{role="stock",process="${name}"} 1\n`;
      void sleep(afterMs).then(() => message.respond(text));
    },
  });
  return () => subscription.unsubscribe();
}

test("who answered before is waited for, and nobody else", async () => {
  const ask = processMetrics(nc);
  const told = async () => {
    const started = performance.now();
    const texts = await ask();
    const names = texts.map((text) => /process="(\w+)"/.exec(text)?.[1]).sort();
    return { names, isQuick: performance.now() - started < METRICS_ANSWER_WAIT_MS / 2 };
  };
  /** A question is listened to for the whole time, answered or not. */
  const listened = () => sleep(METRICS_ANSWER_WAIT_MS + 50);

  expect(await told()).toEqual({ names: [], isQuick: true }); // nobody listens: NATS says so
  const stops = [startProcess("a", 0), startProcess("b", 60)];
  await nc.flush();
  expect(await told()).toEqual({ names: ["a", "b"], isQuick: false });
  expect(await told()).toEqual({ names: ["a", "b"], isQuick: true });

  stops.push(startProcess("late", 200));
  await nc.flush();
  expect(await told()).toEqual({ names: ["a", "b"], isQuick: true });
  await listened();
  expect((await told()).names).toEqual(["a", "b", "late"]);
  await listened();

  stops[1]?.();
  expect(await told()).toEqual({ names: ["a", "late"], isQuick: false });
  await listened();
  expect(await told()).toEqual({ names: ["a", "late"], isQuick: true });
  for (const stop of stops) stop();
});
