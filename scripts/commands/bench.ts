// `onhand bench`: the figures of docs/PERFORMANCE.md, each with what it must reach, what an
// acknowledged command survives, and the check that the run was correct. It starts a private system;
// a running one is neither needed nor touched.

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { openBenchSystem } from "../bench/bench_system.ts";
import { forecastBenchCommand } from "../bench/forecast_command.ts";
import { machineSpeed } from "../bench/machine_alone.ts";
import { machineFacts } from "../bench/machine_facts.ts";
import { benchPeers, type PeerResult } from "../bench/peers.ts";
import { type Effort, type Figures, GROUPS } from "../bench/plan.ts";
import { type BenchReport, type BenchResult, judge, reportTable } from "../bench/result.ts";
import { serverVersions } from "../bench/server_versions.ts";
import { TARGETS, type TargetName } from "../bench/targets.ts";
import { newCommand, printResult, progress, ResultIsNo, usageError } from "../command_line.ts";
import { makeDirectory } from "../make_directory.ts";
import { shardsOfNewLog } from "../prepare.ts";

type BenchOptions = {
  json?: boolean;
  quick?: boolean;
  report?: boolean;
  only: string[];
  peers?: boolean;
  runs?: string;
  seconds?: string;
  profile?: string;
  out?: string;
};

const FULL = {
  runs: 5,
  firehoseSeconds: 30,
  seconds: 10,
  detailed: true,
  machineCommands: 1_000_000,
  memoryKeys: 400_000,
  httpSkus: 10_000,
  restartKeys: 1_000_000,
  restartCommands: 100_000,
};
const QUICK = {
  runs: 1,
  firehoseSeconds: 3,
  seconds: 3,
  detailed: false,
  machineCommands: 300_000,
  memoryKeys: 100_000,
  httpSkus: 2_000,
  restartKeys: 50_000,
  restartCommands: 10_000,
};

/** Quick runs are short, so a busy moment of the machine weighs much: what was too slow is tried again. */
const QUICK_ATTEMPTS = 3;

export function command(): Command {
  const collect = (value: string, all: string[]) => [...all, value];
  return newCommand("bench", "measure throughput and latency, checked for correctness")
    .option("--quick", "one short run each, at half of each must; exits 1 below (for CI)")
    .addOption(
      new Option(
        "--only <name>",
        "only the figure of this name, or those whose name contains it; repeatable",
      )
        .argParser<string[]>(collect)
        .default([], "all"),
    )
    .option("--peers", "also Postgres and Redis deciding by themselves, for comparison")
    .option("--report", "with --quick: exits 1 only when a result is wrong, however slow it was")
    .option("--runs <count>", "runs of each figure (default 5; quick: 1)")
    .option("--seconds <count>", "length of each run (default 10, firehose 30; quick: 3 and 4)")
    .option("--profile <dir>", "write CPU profiles of the stock process there")
    .option("--out <file>", "also write the JSON there")
    .addCommand(forecastBenchCommand())
    .action(bench);
}

async function bench(options: BenchOptions): Promise<void> {
  const effort = effortOf(options);
  const wanted = wantedNames(options.only);
  const quick = options.quick === true;
  const machine = machineFacts(await serverVersions());
  const results: BenchResult[] = [];
  try {
    await runGroups(effort, wanted, { quick, report: options.report === true }, results);
  } finally {
    await closeShared(effort);
  }
  const durability = Object.fromEntries(results.map((r) => [r.name, r.durability]));
  const shards = shardsOfNewLog();
  const report: BenchReport & { peers?: PeerResult[] } = {
    machine,
    durability,
    quick,
    shards,
    results,
  };
  if (options.peers === true) report.peers = await peers(effort);
  // First what it was run for: the file may find no place.
  printResult(options, report, humanReport);
  if (options.out !== undefined)
    writeFileSync(resolve(options.out), `${JSON.stringify(report, null, 2)}\n`);
  const wrong = results.some((result) => !result.correct.ok);
  const slow = quick && options.report !== true && results.some((result) => !result.ok);
  if (wrong || slow) throw new ResultIsNo();
}

async function runGroups(
  effort: Effort,
  wanted: ReadonlySet<TargetName>,
  { quick, report }: { quick: boolean; report: boolean },
  results: BenchResult[],
): Promise<void> {
  let speed = quick ? undefined : await speedNow();
  for (const group of GROUPS) {
    const names = group.names.filter((name) => wanted.has(name));
    if (names.length === 0) continue;
    const best = new Map<TargetName, BenchResult>();
    const attempts = quick && !report ? QUICK_ATTEMPTS : 1;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      if (attempt > 1) await closeShared(effort);
      progress(`bench: ${names.join(", ")}${attempt === 1 ? "" : `, attempt ${attempt}`}`);
      const figures = await group.run(effort, wanted);
      const before = speed;
      if (before !== undefined) speed = await speedNow();
      const then = speed !== undefined && before !== undefined ? (before + speed) / 2 : undefined;
      for (const name of names) {
        const result = resultOf(name, figures, group.durability, quick, then);
        progress(`bench: ${name}: ${result.value} ${result.unit}${result.ok ? "" : "  (NOT ok)"}`);
        if (best.get(name)?.ok !== true) best.set(name, result);
      }
      // What is wrong stays wrong; what was slow may have met a busy moment of the machine.
      const all = [...best.values()];
      if (all.every((one) => one.ok) || all.some((one) => !one.correct.ok)) break;
    }
    results.push(...best.values());
  }
}

/** The next group makes another: commands of a group tried again would be repeats where it ran before. */
async function closeShared({ shared }: Effort): Promise<void> {
  await shared?.system?.close();
  delete shared?.system;
}

function resultOf(
  name: TargetName,
  figures: Figures,
  durability: BenchResult["durability"],
  quick: boolean,
  speed: number | undefined,
): BenchResult {
  const nothing = { runs: [], correct: { ok: false, what: "it was not measured" } };
  const measured = { ...(figures[name] ?? nothing), durability };
  return judge(name, TARGETS[name], speed === undefined ? measured : { ...measured, speed }, quick);
}

async function speedNow(): Promise<number> {
  const speed = await machineSpeed();
  progress(`bench: the machine now: ${speed} commands a CPU second`);
  return speed;
}

async function peers(effort: Effort): Promise<PeerResult[]> {
  progress("bench: peers");
  const system = await openBenchSystem({ say: effort.say });
  try {
    await system.stock?.stop();
    return await benchPeers(system, effort);
  } finally {
    await system.close();
  }
}

function humanReport(report: BenchReport & { peers?: PeerResult[] }): string {
  const lines = [reportTable(report)];
  for (const peer of report.peers ?? [])
    lines.push(
      `peer: ${peer.name}: ${peer.value.toLocaleString("en-US")} ${peer.unit}, ${peer.durability}` +
        (peer.correct ? "" : ", NOT correct"),
    );
  return lines.join("\n");
}

function effortOf(options: BenchOptions): Effort {
  const base = options.quick === true ? QUICK : FULL;
  const runs = count("--runs", options.runs);
  const seconds = count("--seconds", options.seconds);
  const profileDir = options.profile === undefined ? undefined : resolve(options.profile);
  if (profileDir !== undefined) makeDirectory(profileDir);
  return {
    ...base,
    ...(options.quick === true ? { shared: {} } : {}),
    ...(runs === undefined ? {} : { runs }),
    ...(seconds === undefined ? {} : { seconds, firehoseSeconds: seconds }),
    ...(profileDir === undefined ? {} : { profileDir }),
    say: progress,
  };
}

function count(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 3_600) return value;
  throw usageError(`Cannot read ${option}: found "${text}", expected 1 to 3600`);
}

function wantedNames(only: readonly string[]): Set<TargetName> {
  const all = GROUPS.flatMap((group) => group.names);
  if (only.length === 0) return new Set(all);
  const isNamed = (part: string, name: string) =>
    all.some((one) => one === part) ? name === part : name.includes(part);
  const chosen = all.filter((name) => only.some((part) => isNamed(part, name)));
  if (chosen.length > 0) return new Set(chosen);
  throw usageError(`Cannot bench "${only.join('", "')}": expected part of ${all.join("; ")}`);
}
