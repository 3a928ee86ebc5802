import { setTimeout as sleep } from "node:timers/promises";
import { Svcm } from "@nats-io/services";
import { expect, test } from "vitest";
import { SERVICE_STOP_MAX_MS } from "../../shared/limits.ts";
import { connectNats } from "../../streams/connection.ts";
import { stopService } from "../../streams/service_stop.ts";
import { privateNats } from "../support/servers.ts";

const SLACK_MS = 2_000;
const FREEZE_MS = 200;

test("stopService() waits for the server's word, and not for that of one that does not answer", async () => {
  const nats = await privateNats();
  const nc = await connectNats(nats.url, { name: "test" });
  const add = () => new Svcm(nc).add({ name: "asked", version: "1.0.0" });
  const first = await add();
  await stopService(first);
  expect(first.isStopped).toBe(true);

  const second = await add();
  nats.signal("SIGSTOP");
  try {
    // Its threads are stopped soon, not at once: one may still answer.
    await sleep(FREEZE_MS);
    const since = performance.now();
    await stopService(second);
    const tookMs = performance.now() - since;
    expect(tookMs).toBeGreaterThan(SERVICE_STOP_MAX_MS - 50);
    expect(tookMs).toBeLessThan(SERVICE_STOP_MAX_MS + SLACK_MS);
  } finally {
    nats.signal("SIGCONT");
    await nc.close();
    await nats.stop();
  }
});
