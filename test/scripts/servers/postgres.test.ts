// Postgres as we run it: whole clusters only, what survives a kill, and as whom it runs.
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { afterEach, expect, test, vi } from "vitest";
import { startPostgres } from "../../../scripts/servers/postgres.ts";
import { postgresHome, postgresPlace } from "../../../scripts/servers/postgres_home.ts";
import { onFreePort, privateDir } from "../../support/servers.ts";

afterEach(() => vi.unstubAllEnvs());

/** A process of ours, also where the other tests' servers are containers. */
const ownPostgres = (dir = privateDir()) =>
  onFreePort(undefined, (port) => startPostgres({ dir, port }));

async function query<T>(url: string, text: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 });
  try {
    return (await sql.unsafe(text)) as unknown as T[];
  } finally {
    await sql.end();
  }
}

test("startPostgres() tells why a cluster cannot be made, not what came after", async () => {
  const home = privateDir();
  const says = ["FATAL: No space left on device", "initdb: removing contents of data directory"];
  mkdirSync(join(home, "bin"));
  const program = (name: string, body: string) =>
    writeFileSync(join(home, "bin", name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  program("postgres", "echo 'postgres (PostgreSQL) 18.4'");
  program("initdb", `${says.map((line) => `echo '${line}' >&2`).join("\n")}\nexit 1`);
  vi.stubEnv("ONHAND_POSTGRES_HOME", home);
  await expect(ownPostgres()).rejects.toThrow("initdb: FATAL: No space left on device");
});

test("startPostgres() makes a cluster over the ruins of an interrupted one", async () => {
  const dir = privateDir();
  mkdirSync(join(dir, "data.new"));
  writeFileSync(join(dir, "data.new", "PG_VERSION"), "18\n");
  const server = await ownPostgres(dir);
  expect(await query(server.url, "select current_database() as name")).toEqual([
    { name: "onhand" },
  ]);
  expect(existsSync(join(dir, "data.new"))).toBe(false);
  const [row] = await query<Record<string, string>>(
    server.url,
    `select current_setting('synchronous_commit') as commit, current_setting('fsync') as fsync,
      current_setting('shared_buffers') as buffers, current_setting('TimeZone') as zone,
      current_setting('max_locks_per_transaction') as locks`,
  );
  expect(row).toEqual({ commit: "on", fsync: "on", buffers: "256MB", zone: "UTC", locks: "256" });
  await server.stop();
});

test("committed rows survive a kill, and a pid file left behind does not stop the next start", async () => {
  const dir = privateDir();
  const server = await ownPostgres(dir);
  await query(server.url, "create table t as select generate_series(1, 1000) as n");
  await server.kill();
  // The kernel gave the pid to somebody else: to this test.
  const file = join(dir, "data", "postmaster.pid");
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : ["", "", "", "", ""];
  writeFileSync(file, [String(process.pid), ...lines.slice(1)].join("\n"));
  await server.start();
  expect(await query(server.url, "select count(*)::int as n from t")).toEqual([{ n: 1000 }]);
  await server.stop();
});

test("a cluster that let everybody in is locked at its next start, and keeps what is in it", async () => {
  const dir = privateDir();
  const server = await ownPostgres(dir);
  await query(server.url, "create table t as select 7 as n");
  await query(server.url, "alter role onhand password null");
  await server.stop();
  rmSync(join(dir, "data", "onhand.password"));
  writeFileSync(join(dir, "data", "pg_hba.conf"), "host all all 127.0.0.1/32 trust\n");
  const again = await ownPostgres(dir);
  expect(again.url).not.toBe(server.url);
  expect(await query(again.url, "select n from t")).toEqual([{ n: 7 }]);
  const open = new URL(again.url);
  open.password = "";
  await expect(query(open.href, "select 1")).rejects.toThrow();
  await again.stop();
});

test("without user namespaces root runs it as nobody, others as themselves", async () => {
  const before = process.env.PATH;
  process.env.PATH = privateDir("empty");
  try {
    const how = process.getuid?.() === 0 ? "as nobody" : "directly";
    expect(postgresPlace(join(privateDir(), "data")).how).toBe(how);
    const server = await ownPostgres();
    const [row] = await query<{ dir: string }>(
      server.url,
      "select current_setting('data_directory') as dir",
    );
    expect(row?.dir).toMatch(/^\/var\/lib\/onhand\/data-|onhand-test-/);
    await server.stop();
    rmSync(row?.dir ?? "", { recursive: true });
  } finally {
    process.env.PATH = before;
  }
});

/** A home whose programs say they are of a version, and do nothing else. */
function fakeHome(version: string): string {
  const home = privateDir("home");
  mkdirSync(join(home, "bin"));
  for (const program of ["postgres", "initdb"])
    writeFileSync(
      join(home, "bin", program),
      `#!/bin/sh\necho '${program} (PostgreSQL) ${version}'\n`,
      { mode: 0o755 },
    );
  return home;
}

test("ONHAND_POSTGRES_HOME names other programs; too old or none is refused", () => {
  const newer = fakeHome("99.1");
  vi.stubEnv("ONHAND_POSTGRES_HOME", newer);
  expect(postgresHome()).toBe(realpathSync(newer));
  for (const wrong of [fakeHome("17.9"), privateDir("empty")]) {
    vi.stubEnv("ONHAND_POSTGRES_HOME", wrong);
    expect(() => postgresHome()).toThrow(
      `Cannot use ONHAND_POSTGRES_HOME=${wrong}: its bin has no postgres and initdb >= 18`,
    );
  }
});

test("startPostgres() does not let another major version near a cluster", async () => {
  const dir = privateDir();
  const server = await ownPostgres(dir);
  await server.stop();
  vi.stubEnv("ONHAND_POSTGRES_HOME", fakeHome("99.1"));
  await expect(ownPostgres(dir)).rejects.toThrow(/it is 99\.1, and the data in .* was made by \d+/);
  vi.unstubAllEnvs();
  await (await ownPostgres(dir)).stop();
});
