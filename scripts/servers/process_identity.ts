// Owns the question "is this pid still the process I started?". A pid alone is reused by the
// kernel, so a process is named by its pid, its start time and the boot it lives in.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Names one process on this machine for as long as it lives, and never another. */
export type ProcessIdentity = { pid: number; startedAt: string; boot: string };

/** The identity of a live process, or undefined when there is none with this pid (or a zombie). */
export function identify(pid: number): ProcessIdentity | undefined {
  if (process.platform === "linux") {
    try {
      // Fields after the last ")" (the name may hold spaces): state is the 1st, start time the 20th.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z" || fields[0] === "X") return undefined;
      return { pid, startedAt: fields[19] ?? "", boot: bootId() };
    } catch {
      return undefined;
    }
  }
  try {
    const out = execFileSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    if (out === "" || out.startsWith("Z")) return undefined;
    return { pid, startedAt: out.slice(out.indexOf(" ")).trim(), boot: "" };
  } catch {
    return undefined;
  }
}

/** True while exactly that process lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startedAt === identity.startedAt && now.boot === identity.boot;
}

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

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
