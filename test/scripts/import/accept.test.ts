// The import on the real system, checked by a fold of the file in SQL that knows nothing of our code:
// every line in the ledger exactly once, every level the file's sum, and no need or alert; run again, nothing changes;
// with the stock process killed half-way and started again, the same end.

import { type ChildProcess, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BenchSystem, openBenchSystem } from "../../../scripts/bench/bench_system.ts";
import type { ImportReport } from "../../../scripts/commands/import.ts";
import { seededRandom } from "../../../scripts/demo/random.ts";
import {
  acceptImport,
  armingCommands,
  effectsOf,
  fingerprint,
} from "../../../scripts/import/accept.ts";
import type { Command } from "../../../shared/messages.ts";
import { privateDir } from "../../support/servers.ts";

const dir = privateDir("import");
let system: BenchSystem;
/** What laid the plans that history must not set off. */
let armed: Command[];

beforeAll(async () => {
  system = await openBenchSystem({
    shards: 4,
    stockEnv: { ONHAND_CHECKPOINT_INTERVAL_MS: "500" },
    say: () => {},
  });
}, 60_000);
afterAll(async () => {
  await system?.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

/** A sales file like the real one: sales, returns, lines without a price, names with spaces. */
function sample(name: string, seed: number, rows: number): string {
  const random = seededRandom(seed);
  const lines = ["timestamp,invoice,sku,location,qty,unit_price"];
  const start = Date.UTC(2010, 11, 1, 8);
  for (let i = 0; i < rows; i++) {
    const at = new Date(start + i * 61_000).toISOString().slice(0, 19);
    const place = ["United Kingdom", "Germany", "EIRE"][Math.floor(random() * random() * 3)];
    const free = random() < 0.01;
    const qty = Math.ceil(random() * 12) * (random() < 0.03 ? -1 : 1);
    const price = free ? "0" : (Math.floor(random() * 2_000) / 100).toFixed(2).replace(/0$/, "");
    const sku = `${10_000 + Math.floor(random() * random() * 300)}${i % 11 === 0 ? "A" : ""}`;
    lines.push(`${at},${qty < 0 ? "C" : ""}${536_365 + (i >> 2)},${sku},${place},${qty},${price}`);
  }
  const path = join(dir, name);
  writeFileSync(path, gzipSync(`${lines.join("\n")}\n`));
  return path;
}

function startImport(file: string, ...more: string[]): { child: ChildProcess; end: Promise<End> } {
  const script = new URL("../../../scripts/onhand.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, "import", file, "--json", ...more], {
    env: {
      ...process.env,
      ONHAND_NATS_URL: system.servers.nats,
      ONHAND_DATABASE_URL: system.servers.postgres,
      ONHAND_REDIS_URL: system.servers.redis,
      ONHAND_DATA: dir,
    },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  const end = new Promise<End>((resolve) =>
    child.once("exit", (code) => resolve({ code, out, err })),
  );
  return { child, end };
}
type End = { code: number | null; out: string; err: string };

async function runImport(file: string, ...more: string[]): Promise<ImportReport> {
  const { code, out, err } = await startImport(file, ...more).end;
  if (code !== 0) throw new Error(`exit ${code}: ${err} ${out}`);
  return JSON.parse(out) as ImportReport;
}

const ledgerRows = async (): Promise<number> => {
  const [row] = await system.database.sql<[{ n: number }]>`
    select count(*)::int as n from stock_transaction where cause = 'command'`;
  return row.n;
};

test("every line once, levels as SQL folds them; again, nothing changes", async () => {
  const file = sample("a.csv.gz", 1, 20_000);
  armed = await armingCommands(file);
  expect(armed.length).toBeGreaterThan(200);
  await system.decideAll(armed);
  const first = await runImport(file);
  expect(first).toMatchObject({ rows: 20_000, applied: 20_000, alreadyThere: 0, rejected: 0 });
  expect(await acceptImport(system, file)).toMatchObject({
    ok: true,
    lines: 20_000,
    ledgerRows: 20_000,
    levelsWrong: 0,
    effects: 0,
  });
  const before = await fingerprint(system.database);
  expect(await runImport(file)).toMatchObject({ applied: 0, alreadyThere: 20_000 });
  expect(await runImport(file, "--no-cursor")).toMatchObject({ applied: 0, alreadyThere: 20_000 });
  expect(await fingerprint(system.database)).toBe(before);
}, 60_000);

test("the stock process killed half-way and started again: the same end", async () => {
  const file = sample("b.csv.gz", 2, 30_000);
  const before = await ledgerRows();
  const { end } = startImport(file);
  while ((await ledgerRows()) - before < 5_000) await new Promise((r) => setTimeout(r, 10));
  await system.stock?.kill();
  const atKill = (await ledgerRows()) - before;
  expect(atKill).toBeLessThan(30_000);
  await system.startStock();
  const { code, out, err } = await end;
  expect([code, err.includes("onhand:")]).toEqual([0, false]);
  expect(JSON.parse(out)).toMatchObject({ applied: 30_000, alreadyThere: 0, rejected: 0 });
  expect(await acceptImport(system, file)).toMatchObject({
    ok: true,
    lines: 30_000,
    ledgerRows: 30_000,
    levelsWrong: 0,
    effects: 0,
  });
}, 60_000);

test("interrupted by Ctrl-C it says where it stood, and goes on without counting twice", async () => {
  const file = sample("c.csv.gz", 3, 60_000);
  const before = await ledgerRows();
  const { child, end } = startImport(file);
  while ((await ledgerRows()) - before < 3_000) await new Promise((r) => setTimeout(r, 5));
  child.kill("SIGINT");
  const stopped = await end;
  expect(stopped.code).toBe(130);
  const report = JSON.parse(stopped.out) as ImportReport;
  expect(report).toMatchObject({ stopped: true, rejected: 0 });
  expect(report.applied).toBeLessThan(60_000);
  const again = await runImport(file);
  expect(again.resumedAtLine).toBeGreaterThan(1);
  expect(again.applied + again.alreadyThere).toBe(60_000);
  expect(await acceptImport(system, file)).toMatchObject({ ok: true, ledgerRows: 60_000 });
}, 60_000);

test("a file with bad rows exits 1, lists them, and brings in the rest", async () => {
  const file = join(dir, "bad.csv");
  writeFileSync(
    file,
    "timestamp,invoice,sku,location,qty,unit_price\n2011-01-01T10:00:00,1,BAD-1,Here,2,1.00\n" +
      "2011-01-01T10:00:00,1,BAD-1,Here,two,1.00\n2011-01-01T10:00:00,1,,Here,2,1.00\n",
  );
  const { code, out } = await startImport(file).end;
  expect(code).toBe(1);
  const report = JSON.parse(out) as ImportReport;
  expect(report).toMatchObject({ rows: 3, applied: 1, rejected: 2 });
  expect(report.rejects.map((reject) => reject.line)).toEqual([3, 4]);
  expect((await startImport(file, "--allow-rejects").end).code).toBe(0);
}, 30_000);

test("an article scanned twice under one invoice as id is told, and stands in the ledger once", async () => {
  const file = join(dir, "twice.csv");
  const row = "2011-01-01T10:00:00,536365,TWICE,Here,1,1.00\n";
  writeFileSync(file, `timestamp,invoice,sku,location,qty,unit_price\n${row}${row}`);
  for (const counts of [{ applied: 1 }, { applied: 0, alreadyThere: 1 }]) {
    const { code, out } = await startImport(file, "--map", "invoice=id", "--no-cursor").end;
    expect(code).toBe(1);
    const rejects = [{ line: 3, why: "repeats line 2: the same id, sku and location" }];
    expect(JSON.parse(out)).toMatchObject({ ...counts, rejected: 1, rejects });
  }
  const rows = await system.database.sql`select qty from stock_transaction where sku = 'TWICE'`;
  expect([...rows]).toMatchObject([{ qty: 1 }]);
}, 30_000);

test("a file that came in too long ago to be recognised is refused, unless it is to come in again", async () => {
  const file = sample("old.csv", 5, 200);
  expect(await runImport(file)).toMatchObject({ applied: 200 });
  // As if it had been long ago, for the ledger; the log still recognises each line.
  const { digest } = await runImport(file, "--no-cursor");
  await system.database.sql`
    update stock_transaction set appended_at = appended_at - interval '90 days'
    where starts_with(id, ${`imp-${digest.slice(0, 16)}-`})`;
  const { code, out, err } = await startImport(file, "--no-cursor").end;
  expect([code, out]).toEqual([1, ""]);
  expect(err).toMatch(/^onhand: Cannot import .*: line 2 came in on .*--again.*\n$/);
  const nothing = { applied: 0, alreadyThere: 200 };
  expect(await runImport(file)).toMatchObject(nothing);
  expect(await runImport(file, "--no-cursor", "--again")).toMatchObject(nothing);
}, 30_000);

test("what history did not raise, the first sale after it does", async () => {
  const { sku, location } = armed[0] as { sku: string; location: string };
  expect(await effectsOf(system)).toBe(0);
  await system.decideAll([{ type: "sale", sku, location, qty: 1 }]);
  // A need and an alert; on its way each is counted twice for a moment.
  await expect.poll(() => effectsOf(system), { timeout: 10_000 }).toBe(2);
}, 30_000);
