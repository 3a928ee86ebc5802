// Owns one server child: its process, pid file and log file. Promises that
//   P1 it is ready (answers, and is really ours) when start() resolves,
//   P2 it dies with this process where the kernel can see to that (Linux), however this one ends,
//   P3 what an earlier, killed process left running on the same pid file is stopped first,
//   P4 it does not get the terminal's Ctrl-C: the owner drains first and then stops it.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identify, type ProcessIdentity } from "../../shared/process_identity.ts";
import { makeDirectory } from "../make_directory.ts";
import { batchPrefix } from "./batch_policy.ts";
import { endProcess, sendSignal, waitGone } from "./end_process.ts";
import { findOnPath } from "./executable.ts";
import { livingRecord, writePidFile } from "./pid_file.ts";
import { ServerError } from "./server_error.ts";

export type ServerKind = "nats" | "redis" | "postgres";

/** A command line, and as whom to run it. */
export type ServerCommand = {
  bin: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  uid?: number;
  gid?: number;
  /** A program that runs the rest of its arguments, put before everything else. */
  prefix?: readonly string[];
};

/** What makes one kind of server different from another. */
export type ServerSpec = {
  kind: ServerKind;
  url: string;
  port: number;
  pidFile: string;
  logFile: string;
  command: ServerCommand;
  stopSignal: NodeJS.Signals;
  stopGraceMs: number;
  /** Runs before every start, after orphans are gone. */
  prepare?: () => Promise<void>;
  /** True when process `pid` serves; asked until it does. */
  isReady: (pid: number) => Promise<boolean>;
  /** Default true: the kernel stops the server when this process ends (Linux). */
  dieWithParent?: boolean;
};

/** A server that runs, or ran. */
export type RunningServer = {
  readonly kind: ServerKind;
  readonly url: string;
  readonly port: number;
  readonly logFile: string;
  /** The pid now, or 0 while it is down. */
  readonly pid: number;
  /** Starts it again on the same port and data, and waits until it is ready. */
  start(): Promise<void>;
  /** Asks it to stop, kills it after a grace; resolves when it is gone. Repeats do nothing. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Sends a signal (SIGSTOP and SIGCONT freeze and thaw it). */
  signal(signal: NodeJS.Signals): void;
  /** Called at each exit that neither stop() nor kill() asked for. */
  onCrash(listener: (how: string) => void): void;
};

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 10;
const LOG_BYTES_MAX = 50_000_000;
/** As nats-server, Redis and Postgres say it. */
const PORT_TAKEN = /address already in use|could not create any TCP\/IP sockets|bind: /i;

const living = new Set<ServerProcess>();
process.on("exit", () => {
  for (const server of living) server.signalQuietly();
});

/** Starts a server as `spec` tells. Throws ServerError `start_failed` or `port_taken`. */
export async function startServer(spec: ServerSpec): Promise<RunningServer> {
  const server = new ServerProcess(spec);
  await server.start();
  return server;
}

class ServerProcess implements RunningServer {
  readonly kind: ServerKind;
  readonly url: string;
  readonly port: number;
  readonly logFile: string;
  readonly #spec: ServerSpec;
  readonly #crashListeners: ((how: string) => void)[] = [];
  #child: ChildProcess | undefined;
  #identity: ProcessIdentity | undefined;
  #expected = false;
  #logFrom = 0;

  constructor(spec: ServerSpec) {
    this.kind = spec.kind;
    this.url = spec.url;
    this.port = spec.port;
    this.logFile = spec.logFile;
    this.#spec = spec;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async start(): Promise<void> {
    if (this.#child) return;
    await endOrphan(this.#spec.pidFile, this.#spec.stopSignal, this.#spec.stopGraceMs);
    await this.#spec.prepare?.();
    this.#expected = false;
    rotate(this.logFile);
    this.#logFrom = sizeOf(this.logFile);
    const child = spawnServer(this.#spec);
    const pid = await spawned(child, this.#spec);
    this.#child = child;
    living.add(this);
    child.once("exit", (code, signal) => this.#exited(child, code, signal));
    const identity = identify(pid);
    this.#identity = identity;
    if (identity) {
      writePidFile(this.#spec.pidFile, { ...identity, name: this.kind, port: this.port });
    }
    await this.#waitReady(pid);
  }

  async stop(): Promise<void> {
    await this.#end(this.#spec.stopSignal, this.#spec.stopGraceMs);
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL", 5_000);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#identity) sendSignal(this.#identity, signal);
  }

  onCrash(listener: (how: string) => void): void {
    this.#crashListeners.push(listener);
  }

  signalQuietly(): void {
    try {
      this.#child?.kill(this.#spec.stopSignal);
    } catch {
      // This process is ending; there is nobody left to tell.
    }
  }

  async #end(signal: NodeJS.Signals, graceMs: number): Promise<void> {
    this.#expected = true;
    const child = this.#child;
    const identity = this.#identity;
    if (!child || !identity) return;
    const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (!(await endProcess(identity, signal, graceMs))) {
      throw new ServerError(
        "stop_failed",
        `Cannot stop ${this.kind}: process ${identity.pid} stays`,
        {
          hint: `See ${this.logFile}.`,
        },
      );
    }
    if (this.#child === child) await exit;
  }

  #exited(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#identity = undefined;
    living.delete(this);
    rmSync(this.#spec.pidFile, { force: true });
    if (this.#expected) return;
    const how = signal ? `signal ${signal}` : `exit code ${code}`;
    for (const listener of this.#crashListeners) listener(how);
  }

  async #waitReady(pid: number): Promise<void> {
    const until = performance.now() + READY_TIMEOUT_MS;
    // While it starts, an exit is told by throwing, not to the crash listeners.
    this.#expected = true;
    while (this.#child) {
      if (await this.#spec.isReady(pid)) {
        if (!this.#child) break;
        this.#expected = false;
        return;
      }
      if (performance.now() > until) {
        await this.kill();
        throw this.#startFailed(`not ready after ${READY_TIMEOUT_MS / 1000} s`);
      }
      await sleep(READY_POLL_MS);
    }
    throw this.#startFailed("it exited at once");
  }

  #startFailed(why: string): ServerError {
    const lines = logSince(this.logFile, this.#logFrom);
    const tail = lines.slice(-2).join(" | ").slice(-400);
    const taken = lines.some((line) => PORT_TAKEN.test(line));
    return new ServerError(
      taken ? "port_taken" : "start_failed",
      `Cannot start ${this.kind} on port ${this.port}: ${why}${tail ? `; its log ends: ${tail}` : ""}`,
      { hint: `See ${this.logFile}.`, retryable: true },
    );
  }
}

/** Stops the process a pid file names if it still lives; true when there was one. */
export async function endOrphan(
  pidFile: string,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<boolean> {
  const orphan = livingRecord(pidFile);
  if (!orphan) {
    rmSync(pidFile, { force: true });
    return false;
  }
  if (!(await endProcess(orphan, signal, graceMs))) {
    throw new ServerError(
      "stop_failed",
      `Cannot stop the ${orphan.name} left by an earlier run: process ${orphan.pid} stays`,
      { hint: `End it by hand: kill -9 ${orphan.pid}` },
    );
  }
  await waitGone(orphan, 1_000);
  rmSync(pidFile, { force: true });
  return true;
}

function spawnServer(spec: ServerSpec): ChildProcess {
  const { command } = spec;
  const death = spec.dieWithParent === false ? [] : deathSignal(spec.stopSignal);
  const prefix = [...(command.prefix ?? []), ...batchPrefix(), ...death];
  const line = [...prefix, command.bin, ...command.args];
  const log = openLog(spec.logFile);
  try {
    return spawn(line[0] ?? command.bin, line.slice(1), {
      cwd: "/",
      env: command.env,
      detached: true,
      stdio: ["ignore", log, log],
      ...(command.uid === undefined ? {} : { uid: command.uid }),
      ...(command.gid === undefined ? {} : { gid: command.gid }),
    });
  } finally {
    closeSync(log);
  }
}

/** Put before a command line: util-linux's setpriv makes the kernel send the signal when this process ends. */
export function deathSignal(signal: NodeJS.Signals): string[] {
  const setpriv = process.platform === "linux" ? findOnPath("setpriv") : undefined;
  return setpriv ? [setpriv, "--pdeathsig", signal.replace(/^SIG/, ""), "--"] : [];
}

function spawned(child: ChildProcess, spec: ServerSpec): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(
        new ServerError("start_failed", `Cannot run ${spec.command.bin}: ${cause.message}`, {
          hint: `Try it by hand; its log is ${spec.logFile}.`,
          cause,
        }),
      ),
    );
    child.once("spawn", () => resolve(child.pid ?? 0));
  });
}

function openLog(path: string): number {
  makeDirectory(dirname(path));
  return openSync(path, "a");
}

function rotate(path: string): void {
  if (sizeOf(path) > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
}

/** The lines a log file gained after byte `from`. */
function logSince(path: string, from: number): string[] {
  try {
    return readFileSync(path).subarray(from).toString("utf8").trim().split("\n");
  } catch {
    return [];
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
