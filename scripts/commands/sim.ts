// `onhand sim`: the whole house on one thread, in simulated time, from one seed; many seeds one after another.
import type { Command } from "commander";
import {
  type CommonOptions,
  newCommand,
  printResult,
  progress,
  ResultIsNo,
  usageError,
} from "../command_line.ts";
import { FAULTS, FAULTS_DEFAULT, type Fault } from "../sim/faults.ts";
import { type SimResult, type SimSummary, SummaryMaker } from "../sim/result.ts";
import { simulate } from "../sim/simulate.ts";
import { INTERRUPTED, stopOnSignal } from "../stop_on_signal.ts";

type SimCliOptions = CommonOptions & {
  seed?: string;
  runs?: string;
  seconds?: string;
  faults?: string;
  commands?: string;
  trace?: boolean;
};

const RUNS_MAX = 1_000_000_000;
const SEED_MAX = 2 ** 32 - 1;
const TELL_EVERY_MS = 1_000;
const TELL_PLAIN_EVERY_MS = 60_000;

export function command(): Command {
  return newCommand("sim", "run the seeded simulation of the whole house, and tell what broke")
    .option("--seed <n>", "first seed; each run takes the next (default: from the clock)")
    .option("--runs <n>", "how many runs (default 100, or as many as --seconds allows)")
    .option("--seconds <s>", "stop after so long")
    .option("--commands <n>", "commands in each run (default: 20 to 160, by chance)")
    .option(
      "--faults <list>",
      `comma-separated, or all, default, none: ${FAULTS.join(", ")} (default: all but power)`,
    )
    .option("--trace", "print every line of the first run")
    .action(run);
}

async function run(options: SimCliOptions): Promise<void> {
  const firstSeed = whole("--seed", options.seed, 0, SEED_MAX) ?? Date.now() % SEED_MAX;
  const seconds = whole("--seconds", options.seconds, 1, 86_400);
  const runs =
    whole("--runs", options.runs, 1, RUNS_MAX) ?? (seconds === undefined ? 100 : RUNS_MAX);
  const commands = whole("--commands", options.commands, 1, 100_000);
  const signal = stopOnSignal();
  const summary = await simulateMany({
    firstSeed,
    runs,
    seconds,
    commands,
    faults: faultsOf(options.faults),
    keepTrace: options.trace === true,
    signal,
  });
  printResult(options, summary, (value) => humanSummary(value, againWith(options)));
  if (!summary.ok) throw new ResultIsNo();
  if (signal.aborted) process.exitCode = INTERRUPTED;
}

type Many = {
  firstSeed: number;
  runs: number;
  seconds: number | undefined;
  commands: number | undefined;
  faults: readonly Fault[];
  keepTrace: boolean;
  signal: AbortSignal;
};

/** Runs seeds one after another until one fails, runs or seconds are spent, or it is stopped. */
async function simulateMany(many: Many): Promise<SimSummary> {
  const {
    firstSeed,
    runs,
    seconds = Number.POSITIVE_INFINITY,
    commands,
    faults,
    keepTrace,
    signal,
  } = many;
  const maker = new SummaryMaker(firstSeed);
  const startMs = performance.now();
  let toldMs = startMs;
  const elapsed = () => (performance.now() - startMs) / 1000;
  const tellEveryMs = process.stderr.isTTY ? TELL_EVERY_MS : TELL_PLAIN_EVERY_MS;
  while (maker.runs < runs && elapsed() < seconds && !signal.aborted) {
    const seed = (firstSeed + maker.runs) % (SEED_MAX + 1);
    const result = await simulate({
      seed,
      faults,
      keepTrace: keepTrace && maker.runs === 0,
      ...(commands === undefined ? {} : { commands }),
    });
    maker.add(result);
    if (keepTrace && maker.runs === 1) for (const line of result.trace) progress(line);
    if (!result.ok) break;
    if (performance.now() - toldMs > tellEveryMs) {
      toldMs = performance.now();
      const line = `${maker.runs} runs, ${(maker.runs / elapsed()).toFixed(1)}/s, seed ${seed}`;
      if (process.stderr.isTTY) process.stderr.write(`\r${line} `);
      else progress(line);
    }
    // A run takes no turn of the event loop: signals get theirs here.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  return maker.summary(elapsed());
}

/** The options that make a run what it is, for saying how to run it again. */
function againWith({ faults, commands }: SimCliOptions): string {
  const words = [
    ...(faults === undefined ? [] : [`--faults ${faults}`]),
    ...(commands === undefined ? [] : [`--commands ${commands}`]),
  ];
  return ["--runs 1 --trace", ...words].join(" ");
}

function humanSummary(summary: SimSummary, again: string): string {
  const lines = [
    `${summary.runs} runs from seed ${summary.firstSeed}: ${summary.commands} commands in ${summary.entries} entries, ${summary.decisions} decisions, ${summary.crashes} crashes`,
    `${summary.simulatedHours} simulated hours in ${summary.seconds} s, ${summary.runsPerSecond} runs/s`,
  ];
  for (const [kind, count] of Object.entries(summary.faults).sort())
    lines.push(`  ${String(count).padStart(8)}  ${kind}`);
  if (summary.failed === undefined) lines.push("All invariants held.");
  else lines.push(...humanFailure(summary.failed, again));
  return lines.join("\n");
}

function humanFailure(result: SimResult, again: string): string[] {
  return [
    "",
    ...result.trace,
    "",
    `FAILED with seed ${result.seed}: ${result.failure}`,
    `Again: npm run -s onhand -- sim --seed ${result.seed} ${again}`,
    "Once mended, it belongs into test/simulation/seeds.json.",
  ];
}

function faultsOf(text: string | undefined): readonly Fault[] {
  if (text === undefined || text === "default") return FAULTS_DEFAULT;
  if (text === "all") return FAULTS;
  if (text === "none") return [];
  return text.split(",").map((name) => {
    const fault = FAULTS.find((known) => known === name.trim());
    if (fault === undefined)
      throw usageError(`Cannot inject ${name}: wanted some of ${FAULTS.join(", ")}`);
    return fault;
  });
}

function whole(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text !== "" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw usageError(`Cannot use ${name} ${text}: wanted a whole number from ${min} to ${max}`);
}
