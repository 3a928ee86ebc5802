// Owns running the command line from tests: once to its end, or as a system that stays up. A system
// ends by itself when the test's process is gone.
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Endpoints, readEndpoints } from "../../shared/endpoints.ts";
import { privateDir } from "./servers.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/onhand.ts", import.meta.url));

export type Finished = { code: number | null; stdout: string; stderr: string };

/** Runs `onhand ARGS` to its end. `input` goes to its stdin. */
export function runOnhand(
  args: readonly string[],
  env: Record<string, string> = {},
  input = "",
): Promise<Finished> {
  const child = spawnOnhand(args, env);
  child.stdin?.end(input);
  return finished(child);
}

/** A running `onhand up`. */
export type RunningOnhand = {
  endpoints: Endpoints;
  pid: number;
  /** From start to the ready line, ms. */
  readyMs: number;
  stdout(): string;
  stderr(): string;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Finished>;
};

/** Starts `onhand up ARGS` on a data directory and waits until it says it is ready. */
export async function startOnhand(
  data: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<RunningOnhand> {
  const since = performance.now();
  const child = spawnOnhand(["up", "--data", data, ...args], env);
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (output.stdout += chunk));
  child.stderr?.on("data", (chunk) => (output.stderr += chunk));
  const end = finished(child);
  const ready = new Promise<void>((resolve) => {
    child.stdout?.on("data", () => {
      if (output.stdout.endsWith("\n")) resolve();
    });
  });
  const first = await Promise.race([ready, end]);
  const endpoints = readEndpoints(data);
  if (first || !endpoints) {
    child.kill("SIGKILL");
    throw new Error(`onhand up did not get ready:\n${output.stderr}`);
  }
  return {
    endpoints,
    pid: child.pid ?? 0,
    readyMs: performance.now() - since,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    stop: async (signal = "SIGTERM") => {
      // Not child.kill(): Deno then says that the signal ended it, whatever its exit code.
      if (child.exitCode === null) process.kill(child.pid ?? 0, signal);
      return end;
    },
  };
}

/** Arguments that make this runtime (Node or Deno) run a TypeScript file. */
export function runtimeArgs(file: string): string[] {
  return "Deno" in globalThis ? ["run", "-A", "--node-modules-dir=manual", file] : [file];
}

/** Runs a piece of TypeScript in a process of its own, on the runtime that runs the tests. */
export function spawnScript(code: string, env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const file = join(privateDir("script"), "script.ts");
  writeFileSync(file, code);
  return spawn(process.execPath, runtimeArgs(file), { env, stdio: ["ignore", "pipe", "inherit"] });
}

/** Starts `onhand ARGS` with its output piped. */
export function spawnOnhand(
  args: readonly string[],
  env: Record<string, string> = {},
): ChildProcess {
  return spawn(process.execPath, [...runtimeArgs(SCRIPT), ...args], {
    // As npm would say: `onhand up` then ends when its parent does.
    env: { ...process.env, npm_lifecycle_event: "test", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

function finished(child: ChildProcess): Promise<Finished> {
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (output.stdout += chunk));
  child.stderr?.on("data", (chunk) => (output.stderr += chunk));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, ...output })));
}
