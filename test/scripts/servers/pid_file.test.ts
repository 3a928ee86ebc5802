import type { ChildProcess } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { endProcess } from "../../../scripts/servers/end_process.ts";
import {
  claimFile,
  livingRecord,
  readPidFile,
  writePidFile,
} from "../../../scripts/servers/pid_file.ts";
import { identify, isAlive } from "../../../shared/process_identity.ts";
import { spawnScript } from "../../support/onhand.ts";
import { privateDir } from "../../support/servers.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A process that lives until it is ended, and hears no SIGTERM when `deaf`. */
async function someProcess(deaf = false) {
  const trap = deaf ? "process.on('SIGTERM', () => {});" : "";
  const code = `import process from "node:process"; ${trap} setInterval(() => {}, 1000); console.log("up")`;
  const child = spawnScript(code);
  children.push(child);
  await new Promise((resolve) => child.stdout?.once("data", resolve));
  const identity = identify(child.pid ?? 0);
  if (!identity) throw new Error("the process is not there");
  return identity;
}

test("identify() tells a process from another that got its pid", async () => {
  const identity = await someProcess();
  expect(isAlive(identity)).toBe(true);
  expect(isAlive({ ...identity, startedAt: `${identity.startedAt}1` })).toBe(false);
  expect(isAlive({ ...identity, boot: "another" })).toBe(false);
  expect(identify(2 ** 22 + 1)).toBeUndefined();
});

test("endProcess() ends one that hears the signal, and one that does not", async () => {
  const [polite, deaf] = [await someProcess(), await someProcess(true)];
  expect(await endProcess(polite, "SIGTERM", 5_000)).toBe(true);
  expect(await endProcess(deaf, "SIGTERM", 100)).toBe(true);
  expect([isAlive(polite), isAlive(deaf)]).toEqual([false, false]);
});

test("endProcess() ends a frozen process by its own signal", async () => {
  const frozen = await someProcess();
  process.kill(frozen.pid, "SIGSTOP");
  const since = performance.now();
  expect(await endProcess(frozen, "SIGTERM", 10_000)).toBe(true);
  expect(performance.now() - since).toBeLessThan(5_000);
});

test("endProcess() leaves alone who only has the pid", async () => {
  const identity = await someProcess();
  expect(await endProcess({ ...identity, startedAt: "0" }, "SIGKILL", 100)).toBe(true);
  expect(isAlive(identity)).toBe(true);
});

test("readPidFile() takes a torn file for none", () => {
  const path = join(privateDir(), "x.pid");
  expect(readPidFile(path)).toBeUndefined();
  writeFileSync(path, '{"pid": 12');
  expect(readPidFile(path)).toBeUndefined();
});

test("claimFile() refuses while the holder lives, naming it", async () => {
  const path = join(privateDir(), "x.pid");
  const holder = await someProcess();
  writePidFile(path, { ...holder, name: "holder" });
  expect(() => claimFile(path, "me", "Wait.")).toThrow(
    `Cannot claim ${path}: holder runs as process ${holder.pid}. Wait.`,
  );
});

test("claimFile() takes over from the dead and from a torn file", async () => {
  const path = join(privateDir(), "x.pid");
  const dead = await someProcess();
  await endProcess(dead, "SIGKILL", 5_000);
  writePidFile(path, { ...dead, name: "dead" });
  claimFile(path, "me", "").release();
  writeFileSync(path, "");
  const claim = claimFile(path, "me", "");
  expect(livingRecord(path)).toMatchObject({ pid: process.pid, name: "me" });
  claim.rename("me, leaving");
  expect(livingRecord(path)?.name).toBe("me, leaving");
  claim.release();
  expect(existsSync(path)).toBe(false);
});

test("claimFile() gives a dead holder's claim to one of many", async () => {
  const path = join(privateDir(), "x.pid");
  const dead = await someProcess();
  await endProcess(dead, "SIGKILL", 5_000);
  writePidFile(path, { ...dead, name: "dead" });
  const module = new URL("../../../scripts/servers/pid_file.ts", import.meta.url).href;
  const code = `const { claimFile } = await import(${JSON.stringify(module)});
    try { claimFile(${JSON.stringify(path)}, "racer", ""); console.log("won"); }
    catch { console.log("lost"); }
    setTimeout(() => {}, 3000);`;
  const racers = Array.from({ length: 6 }, () => {
    const child = spawnScript(code);
    children.push(child);
    return new Promise<string>((resolve) =>
      child.stdout?.once("data", (chunk) => resolve(String(chunk).trim())),
    );
  });
  const outcomes = await Promise.all(racers);
  expect(outcomes.filter((outcome) => outcome === "won")).toHaveLength(1);
});
