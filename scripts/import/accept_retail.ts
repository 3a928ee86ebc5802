// The acceptance of an import on a whole real file: `node scripts/import/accept_retail.ts FILE`. On a
// private system: plans are laid, import, compare with the fold in SQL, import again, compare fingerprints; then a
// sale that is no history sets a plan off. On a second one: the stock process is killed half-way and started again,
// and the end is compared. Exits 1 when anything differs.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../shared/config.ts";
import { type BenchSystem, openBenchSystem } from "../bench/bench_system.ts";
import { acceptImport, armingCommands, effectsOf, fingerprint } from "./accept.ts";
import { NO_CURSOR } from "./cursor.ts";
import { type ImportOutcome, importFile } from "./import_file.ts";
import { Rejects } from "./rejects.ts";
import { surveyFile } from "./survey.ts";
import { openSystem } from "./system_ports.ts";

const OPTIONS = { map: new Map<string, string>(), zone: "UTC", delimiter: ",", currency: "GBP" };
const say = (line: string) => console.log(line);
let failed = false;

const file = process.argv[2];
if (file === undefined) throw new Error("Give the file: retail-transactions.csv.gz");
await onSystem("import, and again", async (system) => {
  const arming = await armingCommands(file);
  await system.decideAll(arming);
  await runImport(system, file);
  await require("every line once, levels as in SQL", acceptImport(system, file));
  const before = await fingerprint(system.database);
  const again = await runImport(system, file);
  const same = before === (await fingerprint(system.database)) && again.applied === 0;
  await require("a second run changes nothing", Promise.resolve({ ok: same }));
  const { sku, location } = arming[0] as { sku: string; location: string };
  await system.decideAll([{ type: "sale", sku, location, qty: 1 }]);
  await system.waitFor(await system.logEnds());
  const effects = await effectsOf(system);
  const raised = { ok: effects >= 2, effects };
  await require("a sale of today raises a need and an alert", Promise.resolve(raised));
});
await onSystem("killed half-way", async (system) => {
  const rows = (await surveyFile(file)).lines - 1;
  const killed = killAt(system, Math.floor(rows / 2));
  await runImport(system, file);
  await killed;
  await require("killed half-way, the same end", acceptImport(system, file));
});
process.exit(failed ? 1 : 0);

async function onSystem(name: string, work: (system: BenchSystem) => Promise<void>) {
  say(`\n${name}`);
  const system = await openBenchSystem({ say });
  try {
    await work(system);
  } finally {
    await system.close();
  }
}

async function runImport(system: BenchSystem, path: string): Promise<ImportOutcome> {
  const survey = await surveyFile(path);
  const ports = await openSystem(system.servers, loadConfig(process.env, {}).identityDays);
  const rejects = new Rejects(join(system.dir, "rejects.csv"));
  const stop = new AbortController().signal;
  try {
    const outcome = await importFile(survey, OPTIONS, ports, rejects, NO_CURSOR, stop, () => {});
    const rate = Math.round((outcome.rows * 1000) / outcome.decidedMs);
    say(`  ${JSON.stringify(outcome)} ${rate} rows/s`);
    return outcome;
  } finally {
    rejects.close();
    rmSync(rejects.path, { force: true });
    await ports.close();
  }
}

async function killAt(system: BenchSystem, rows: number): Promise<void> {
  for (let seen = 0; seen < rows; ) {
    const [found] = await system.database.sql<[{ n: number }]>`
      select count(*)::int as n from stock_transaction where cause = 'command'`;
    seen = found.n;
  }
  await system.stock?.kill();
  say(`  killed the stock process after ${rows} ledger rows`);
  await system.startStock();
}

async function require(what: string, finding: Promise<{ ok: boolean }>): Promise<void> {
  const found = await finding;
  failed ||= !found.ok;
  say(`  ${found.ok ? "ok" : "NOT OK"}: ${what}: ${JSON.stringify(found)}`);
}
