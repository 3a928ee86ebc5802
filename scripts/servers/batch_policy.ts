// Owns how the kernel shares processors between the parts of a system on one machine: Linux' policy for batch work
// (sched(7), SCHED_BATCH), which needs no rights. A part that is woken waits until the one that runs has done its
// turn, a tenth of a millisecond or two, instead of putting it aside in the middle: docs/decisions/0007.
// Where there is no util-linux, or the kernel refuses, all is as before.
import { execFileSync } from "node:child_process";
import { findOnPath } from "./executable.ts";

/** Put before a command line. */
export function batchPrefix(): string[] {
  const chrt = find();
  return chrt === undefined ? [] : [chrt, "--batch", "0"];
}

/** This process, with the threads and processes it starts from now on. */
export function enterBatchPolicy(): void {
  const chrt = find();
  if (chrt === undefined) return;
  const args = ["--batch", "--all-tasks", "--pid", "0", String(process.pid)];
  try {
    execFileSync(chrt, args, { stdio: "ignore", timeout: 5_000 });
  } catch {
    // The kernel of a sandbox may refuse.
  }
}

function find(): string | undefined {
  return process.platform === "linux" ? findOnPath("chrt") : undefined;
}
