// One server child: ready, stopped, killed, orphaned, frozen, and dead with its parent.
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { expect, test } from "vitest";
import { waitGone } from "../../../scripts/servers/end_process.ts";
import { startNats } from "../../../scripts/servers/nats.ts";
import { livingRecord, readPidFile } from "../../../scripts/servers/pid_file.ts";
import { freePort, isPortFree } from "../../../scripts/servers/port.ts";
import { startPostgres } from "../../../scripts/servers/postgres.ts";
import { startRedis } from "../../../scripts/servers/redis.ts";
import { endOrphan } from "../../../scripts/servers/server_process.ts";
import { spawnScript } from "../../support/onhand.ts";
import { onFreePort, privateDir, privateRedis } from "../../support/servers.ts";

test("start() is ready, stop() is gone, and both may be repeated", async () => {
  const server = await privateRedis();
  expect(server.pid).toBeGreaterThan(0);
  expect(await isPortFree(server.port)).toBe(false);
  await server.start();
  await server.stop();
  await server.stop();
  expect([server.pid, await isPortFree(server.port)]).toEqual([0, true]);
  await server.start();
  expect(await isPortFree(server.port)).toBe(false);
  await server.stop();
});

test("onCrash() hears of a death nobody asked for, and only of that", async () => {
  const server = await privateRedis();
  const crashes: string[] = [];
  server.onCrash((how) => crashes.push(how));
  await server.kill();
  await server.start();
  expect(crashes).toEqual([]);
  const crashed = new Promise((resolve) => server.onCrash(resolve));
  server.signal("SIGKILL");
  await crashed;
  expect(crashes).toEqual(["signal SIGKILL"]);
  await server.start();
  await server.stop();
});

test("stop() ends a frozen server", async () => {
  const server = await privateRedis();
  server.signal("SIGSTOP");
  await server.stop();
  expect(await isPortFree(server.port)).toBe(true);
});

test("a server that finds its port taken says so, whichever it is", async () => {
  const holder = await privateRedis();
  const { port } = holder;
  for (const start of [startRedis, startNats, startPostgres]) {
    await expect(start({ dir: privateDir(), port })).rejects.toMatchObject({ code: "port_taken" });
  }
  await holder.stop();
});

test("startRedis() that cannot start quotes the server's log", async () => {
  const dir = privateDir();
  const start = startRedis({ dir, port: await freePort(), databases: -5 });
  await expect(start).rejects.toMatchObject({
    code: "start_failed",
    hint: `See ${join(dir, "redis.log")}.`,
    message: expect.stringContaining("databases"),
  });
  expect(existsSync(join(dir, "redis.pid"))).toBe(false);
});

/** A process that starts Redis and then kills itself, as a crash would. */
async function startAndDie(dir: string, port: number, dieWithParent: boolean): Promise<void> {
  const module = new URL("../../../scripts/servers/redis.ts", import.meta.url).href;
  const options = JSON.stringify({ dir, port, dieWithParent });
  const code = `import process from "node:process";
    const { startRedis } = await import(${JSON.stringify(module)});
    await startRedis(${options}); process.kill(process.pid, "SIGKILL");`;
  const child = spawnScript(code);
  await new Promise((resolve) => child.once("exit", resolve));
  expect(readPidFile(join(dir, "redis.pid"))?.port).toBe(port);
}

test("the next start stops the orphan of a killed process and takes its port", async () => {
  const dir = privateDir();
  const port = await freePort();
  await startAndDie(dir, port, false);
  const orphan = livingRecord(join(dir, "redis.pid"));
  expect(orphan).toMatchObject({ name: "redis", port });
  const server = await startRedis({ dir, port });
  expect(livingRecord(join(dir, "redis.pid"))?.pid).toBe(server.pid);
  expect(server.pid).not.toBe(orphan?.pid);
  await server.stop();
});

test("a server dies with the process that started it, where the kernel can do that", async () => {
  const dir = privateDir();
  await startAndDie(dir, await freePort(), true);
  const record = readPidFile(join(dir, "redis.pid"));
  if (!record) throw new Error("no pid file");
  const gone = await waitGone(record, 5_000);
  expect(gone).toBe(process.platform === "linux");
  await endOrphan(join(dir, "redis.pid"), "SIGKILL", 1_000);
});

test("a pid file of a process that only has the pid harms nobody", async () => {
  const dir = privateDir();
  const self = { pid: process.pid, startedAt: "1", boot: "", name: "redis" };
  writeFileSync(join(dir, "redis.pid"), JSON.stringify(self));
  const server = await startRedis({ dir, port: await freePort() });
  expect(readFileSync(join(dir, "redis.pid"), "utf8")).toContain(`"pid":${server.pid}`);
  await server.stop();
});

test("Postgres and Redis let nobody in without the password in their address, which is the owner's to read", async () => {
  for (const start of [startRedis, startPostgres]) {
    const dir = privateDir();
    const server = await onFreePort(undefined, (port) => start({ dir, port }));
    const { password } = new URL(server.url);
    expect(password).toMatch(/^[0-9a-f]{48}$/);
    const file = start === startRedis ? "redis.conf" : "data/onhand.password";
    expect(statSync(join(dir, file)).mode & 0o077).toBe(0);
    const commandLine = readFileSync(`/proc/${server.pid}/cmdline`, "utf8");
    expect(commandLine).not.toContain(password);
    expect(await enters(server.url)).toBe(true);
    for (const wrong of ["", "wrong"]) {
      const url = new URL(server.url);
      url.password = wrong;
      expect(await enters(url.href)).toBe(false);
    }
    const before = server.url;
    await server.stop();
    await server.start();
    expect([server.url, await enters(before)]).toEqual([before, true]);
    await server.stop();
    const again = await onFreePort(undefined, (port) => start({ dir, port }));
    expect(new URL(again.url).password).toBe(password);
    await again.stop();
  }
});

/** Whether a client of this address gets an answer. */
async function enters(url: string): Promise<boolean> {
  if (url.startsWith("postgres")) {
    const sql = postgres(url, { max: 1, connect_timeout: 5 });
    try {
      return (await sql`select 1 as one`).length === 1;
    } catch {
      return false;
    } finally {
      await sql.end();
    }
  }
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    await redis.connect();
    return (await redis.set("a", "b")) === "OK";
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
