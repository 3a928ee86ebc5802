// Hunting a bug that was planted: in a process of its own, with the simulation or with one test.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { privateDir, sharedServers } from "../support/servers.ts";
import type { Simulation, TestCase } from "./mutations.ts";
import { PATCHES, type Patch, REPO } from "./plant.ts";

const SEEDS = 120;
const TIMEOUT_MS = 60_000;

/** What the simulation found first, and with which seed; undefined when all seeds were clean. */
export async function simulate(
  patches: readonly Patch[],
  { faults, commands, seeds = SEEDS }: Simulation,
): Promise<{ seed: number; failure: string } | undefined> {
  const args = [
    ...["--import", join(REPO, "test/mutations/plant_in_node.ts")],
    join(REPO, "scripts/onhand.ts"),
    ...["sim", "--json", "--seed=1", `--runs=${seeds}`],
    ...(faults === undefined ? [] : [`--faults=${faults}`]),
    ...(commands === undefined ? [] : [`--commands=${commands}`]),
  ];
  const { output, errors } = await run(args, patches, {});
  try {
    const summary = JSON.parse(output) as { failed?: { seed: number; failure: string } };
    return summary.failed;
  } catch {
    throw new Error(`The simulation said nothing of its runs: ${errors}${output}`.slice(0, 4_000));
  }
}

/** Names of the tests that failed and that passed, of those whose name has `name`. */
export async function runTest(
  patches: readonly Patch[],
  { test, name }: TestCase,
): Promise<{ failed: string[]; passed: string[] }> {
  const args = [
    join(REPO, "node_modules/vitest/vitest.mjs"),
    ...["run", "--config", join(REPO, "test/mutations/vitest.config.ts")],
    `--testNamePattern=${name.replace(/[()[\].*+?]/g, "\\$&")}`,
    join(REPO, test),
  ];
  const file = join(privateDir("hunt"), "report.json");
  const { output, errors } = await run(args, patches, {
    ONHAND_TEST_SERVERS_GIVEN: JSON.stringify(sharedServers()),
    ONHAND_TEST_REPORT: file,
  });
  if (!existsSync(file)) throw new Error(`${test} did not run: ${errors}${output}`.slice(0, 4_000));
  const report = JSON.parse(readFileSync(file, "utf8")) as {
    testResults: { assertionResults: { title: string; status: string }[] }[];
  };
  const results = report.testResults.flatMap((file) => file.assertionResults);
  const titlesOf = (status: string) =>
    results.filter((result) => result.status === status).map(({ title }) => title);
  return { failed: titlesOf("failed"), passed: titlesOf("passed") };
}

function run(
  args: string[],
  patches: readonly Patch[],
  more: Record<string, string>,
): Promise<{ output: string; errors: string }> {
  // A child of a test run is not a part of it.
  const kept = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV$)/.test(name));
  const env = { ...Object.fromEntries(kept), ...more, [PATCHES]: JSON.stringify(patches) };
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: REPO,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.on("close", () => resolve({ output, errors }));
  });
}
