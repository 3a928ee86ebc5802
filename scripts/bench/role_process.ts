// Owns one role (`onhand run stock`, `forecast`, `http`) as a process of its own, so that what is
// measured and what measures it never share an event loop. It dies with the bench.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { OnhandError } from "../../shared/errors.ts";
import { makeDirectory } from "../make_directory.ts";
import { findOnPath } from "../servers/executable.ts";

export type RoleProcess = {
  readonly pid: number;
  readonly running: boolean;
  readonly logFile: string;
  /** SIGTERM: it drains; SIGKILL after 20 s. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would be. */
  kill(): Promise<void>;
};

export type RoleOptions = {
  role: "stock" | "forecast" | "http";
  logFile: string;
  env: Record<string, string>;
  /** Arguments for node itself, such as --cpu-prof. */
  nodeArgs?: readonly string[];
};

const ONHAND = fileURLToPath(new URL("../onhand.ts", import.meta.url));
const STOP_MAX_MS = 20_000;

/** Starts the process; when it is ready is for the caller to find out. */
export function startRole(options: RoleOptions): RoleProcess {
  makeDirectory(dirname(options.logFile));
  const log = openSync(options.logFile, "a");
  const setpriv = process.platform === "linux" ? findOnPath("setpriv") : undefined;
  const prefix = setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL", "--"];
  const args = [...(options.nodeArgs ?? []), ONHAND, "run", options.role];
  const line = [...prefix, process.execPath, ...args];
  const child = spawn(line[0] as string, line.slice(1), {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", log, log],
    // In a session of its own, as a service manager starts it: the kernel shares processors between sessions.
    detached: true,
  });
  closeSync(log);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.once("error", () => {});
  return {
    get pid() {
      return child.pid ?? 0;
    },
    get running() {
      return isRunning(child);
    },
    logFile: options.logFile,
    stop: () => end(child, exited, "SIGTERM"),
    kill: () => end(child, exited, "SIGKILL"),
  };
}

/** Waits until `ready` says so. @throws OnhandError `bench_failed` with the end of the log. */
export async function waitReady(
  role: RoleProcess,
  what: string,
  ready: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (role.running && performance.now() < untilMs) {
    if (await ready().catch(() => false)) return;
    await sleep(20);
  }
  const log = readFileSync(role.logFile, "utf8").trim().split("\n").slice(-3).join(" | ");
  const why = role.running ? `not ready after ${timeoutMs / 1000} s` : "it exited";
  throw new OnhandError("bench_failed", `Cannot bench: ${what}: ${why}; its log ends: ${log}`);
}

async function end(child: ChildProcess, exited: Promise<void>, signal: NodeJS.Signals) {
  if (!isRunning(child)) return;
  child.kill(signal);
  const late = sleep(STOP_MAX_MS, "late" as const, { ref: false });
  if ((await Promise.race([exited, late])) === "late") child.kill("SIGKILL");
  await exited;
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
