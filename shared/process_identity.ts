// Owns the question "is this pid still that process?". A pid alone is reused by the kernel, so a process is named by
// its pid, its start time and the boot it lives in.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

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

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
