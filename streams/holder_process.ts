// Owns the question whether the process that holds a lease is gone. Only its own machine can tell, and only from within
// the same namespace of process numbers: for everybody else the lease ends by its time.

import { readFileSync, readlinkSync } from "node:fs";

/** The process that holds a lease. `machine`: this boot of this machine, and its namespace of process numbers. */
export type HolderProcess = { machine: string; pid: number };

/** This process; undefined where the machine does not tell what it is. */
export function ownProcess(): HolderProcess | undefined {
  const machine = thisMachine();
  return machine === undefined ? undefined : { machine, pid: process.pid };
}

/** Whether that process is gone for certain. One whose number another process has by now is not. */
export function isGone(holder: HolderProcess | undefined): boolean {
  if (holder === undefined || holder.machine !== thisMachine()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  return isZombie(holder.pid);
}

/** Ended, but nobody has asked yet how. Source: proc_pid_stat(5); the name, in brackets, may hold anything. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.startsWith("Z", stat.lastIndexOf(")") + 2);
  } catch {
    return false;
  }
}

/** Source: random(4), pid_namespaces(7). */
function thisMachine(): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return undefined;
  }
}
