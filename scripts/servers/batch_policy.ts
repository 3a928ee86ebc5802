// Owns how the kernel shares processors between the parts of a system on one machine: Linux' policy for batch work
// (sched(7), SCHED_BATCH), which needs no rights. A part that is woken waits until the one that runs has done its
// turn, a tenth of a millisecond or two, instead of putting it aside in the middle: docs/decisions/0007.
// Where there is no util-linux, or the kernel refuses, all is as before.
import { execFileSync } from "node:child_process";
import { findOnPath } from "./executable.ts";

/** Put before a command line. */
export function batchPrefix(): string[] {
  prefix ??= found();
  return [...prefix];
}

/** This process, with the threads and processes it starts from now on. */
export function enterBatchPolicy(): void {
  const [chrt, ...policy] = batchPrefix();
  if (chrt === undefined) return;
  const [batch = "", priority = ""] = policy;
  tries(chrt, [batch, "--all-tasks", "--pid", priority, String(process.pid)]);
}

let prefix: string[] | undefined;

/** Nothing where there is no such program, or the kernel of a sandbox refuses: a server must start all the same. */
function found(): string[] {
  const chrt = process.platform === "linux" ? findOnPath("chrt") : undefined;
  if (chrt === undefined) return [];
  const policy = ["--batch", "0"];
  return tries(chrt, [...policy, chrt, "--version"]) ? [chrt, ...policy] : [];
}

function tries(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore", timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}
