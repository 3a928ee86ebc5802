// Owns ending a NATS service. It first waits for the server to say that nothing more comes, and without a
// connection it would wait until there is one: a process told to stop must not.
import { setTimeout as sleep } from "node:timers/promises";
import { SERVICE_STOP_MAX_MS } from "../shared/limits.ts";

/** Resolves once the service has answered what it was asked, or when no server confirms that in time. */
export async function stopService(service: { stop(): Promise<unknown> }): Promise<void> {
  await Promise.race([service.stop(), sleep(SERVICE_STOP_MAX_MS, undefined, { ref: false })]);
}
