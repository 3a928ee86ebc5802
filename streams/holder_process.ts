// Owns the question whether the process that holds a lease is gone. Only its own machine can tell, and only from within
// the same namespace of process numbers: for everybody else the lease ends by its time.

import { readlinkSync } from "node:fs";
import { identify, isAlive, type ProcessIdentity } from "../shared/process_identity.ts";

/** The process that holds a lease, and the namespace its number is of. */
export type HolderProcess = ProcessIdentity & { namespace: string };

let own: HolderProcess | undefined;

/** This process; undefined where the machine does not tell what it is. */
export function ownProcess(): HolderProcess | undefined {
  own ??= identifyOwn();
  return own;
}

/** Source: pid_namespaces(7). */
function identifyOwn(): HolderProcess | undefined {
  try {
    const namespace = readlinkSync("/proc/self/ns/pid");
    const identity = identify(process.pid);
    return identity && { ...identity, namespace };
  } catch {
    return undefined;
  }
}

/** Whether that process is gone for certain: there is none with its number, or another, or it has ended unasked-for. */
export function isGone(holder: HolderProcess | undefined): boolean {
  const here = ownProcess();
  if (holder === undefined || here === undefined) return false;
  if (holder.boot !== here.boot || holder.namespace !== here.namespace) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // Of another user's we may not be told more than that it is there.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  return !isAlive(holder);
}
