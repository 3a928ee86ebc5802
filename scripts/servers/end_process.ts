// Owns the ending of processes that are not our children: asked, waited for, killed; never another with the same pid.
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, type ProcessIdentity } from "../../shared/process_identity.ts";

/** Waits until the process is gone; false when `timeoutMs` passed first. */
export async function waitGone(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  while (isAlive(identity)) {
    if (performance.now() > until) return false;
    await sleep(20);
  }
  return true;
}

/** Asks with `signal`, waits `graceMs`, then kills. Resolves when it is gone; false if it will not go. */
export async function endProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<boolean> {
  if (!sendSignal(identity, signal)) return true;
  sendSignal(identity, "SIGCONT"); // One that was frozen could not hear the first.
  if (await waitGone(identity, graceMs)) return true;
  sendSignal(identity, "SIGKILL");
  return waitGone(identity, 5_000);
}

/** Signals that very process; false when it is not there any more. */
export function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
