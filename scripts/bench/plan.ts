// What a bench runs, in groups that share a system: fresh servers for each, so that no group reads
// caches or tables another filled. Quick runs share one.

import { type BenchSystem, openBenchSystem } from "./bench_system.ts";
import { allCorrect } from "./correctness.ts";
import { startCpuMeter } from "./cpu_meter.ts";
import { benchDecisions, CALLERS, scarceStock } from "./decisions.ts";
import { benchFirehose, type Measured, openingStock } from "./firehose.ts";
import { benchHttpHolds } from "./http.ts";
import { benchAckLatency, benchDecisionLatency } from "./latency.ts";
import { benchMachineAlone } from "./machine_alone.ts";
import { benchMemory } from "./memory.ts";
import { benchRestart } from "./restart.ts";
import type { Correctness, Durability } from "./result.ts";
import type { TargetName } from "./targets.ts";
import { benchVisible } from "./visible.ts";

/** How much of each: full runs five times and for longer, quick once. */
export type Effort = {
  runs: number;
  firehoseSeconds: number;
  seconds: number;
  /** Also runs that are told in the detail only: entries one by one, decisions through our publisher. */
  detailed: boolean;
  machineCommands: number;
  memoryKeys: number;
  /** SKUs that storefronts hold, by Zipf. */
  httpSkus: number;
  restartKeys: number;
  restartCommands: number;
  /** Quick runs: one system for all groups that ask for nothing special, to save the time to start. */
  shared?: { system?: BenchSystem };
  profileDir?: string;
  say: (line: string) => void;
};

export type Figures = Partial<Record<TargetName, Measured>>;
export type Group = {
  /** Figures in the order of the table. */
  names: readonly TargetName[];
  durability: Durability;
  run(effort: Effort, wanted: ReadonlySet<TargetName>): Promise<Figures>;
};

const CRASH: Durability = "survives a process crash";
const POWER: Durability = "survives power loss";

export const GROUPS: readonly Group[] = [
  {
    names: ["machine alone"],
    durability: "none",
    run: async ({ runs, machineCommands: commands, detailed, say }) => ({
      "machine alone": await benchMachineAlone({ runs, commands, detailed, say }),
    }),
  },
  {
    names: ["firehose, singly", "firehose, bundled"],
    durability: CRASH,
    run: (effort, wanted) =>
      withSystem(effort, {}, async (system) => {
        const { runs, firehoseSeconds: seconds, say } = effort;
        const figures: Figures = {};
        for (const [name, mode] of FIREHOSES)
          if (wanted.has(name))
            figures[name] = await benchFirehose(system, { runs, seconds, mode, say });
        return figures;
      }),
  },
  {
    names: ["decisions, Zipf", "decisions, hot SKU"],
    durability: CRASH,
    run: (effort, wanted) =>
      withSystem(effort, {}, async (system) => ({
        ...(await decisions(system, effort, wanted, "decisions, Zipf", "zipf")),
        ...(await decisions(system, effort, wanted, "decisions, hot SKU", "hot")),
      })),
  },
  {
    names: ["decisions, Zipf, sync always", "decisions, hot SKU, sync always"],
    durability: POWER,
    run: (effort, wanted) =>
      withSystem(effort, { sync: "always" }, async (system) => ({
        ...(await decisions(system, effort, wanted, "decisions, Zipf, sync always", "zipf")),
        ...(await decisions(system, effort, wanted, "decisions, hot SKU, sync always", "hot")),
      })),
  },
  {
    names: ["command to decision, p50", "command to decision, p99", "publish to ack, p99"],
    durability: CRASH,
    run: (effort, wanted) => withSystem(effort, {}, (system) => latencies(system, effort, wanted)),
  },
  {
    names: ["command to Redis, p99", "command to live feed, p99"],
    durability: CRASH,
    run: (effort) =>
      withSystem(effort, { http: true }, async (system) => {
        const { redis, live } = await benchVisible(system, { ...effort, ratePerS: 2_000 });
        return { "command to Redis, p99": redis.p99, "command to live feed, p99": live.p99 };
      }),
  },
  {
    names: ["HTTP hold"],
    durability: CRASH,
    run: (effort) => withSystem(effort, { http: true }, (system) => httpHolds(system, effort)),
  },
  {
    names: ["restart to first decision"],
    durability: CRASH,
    run: async ({ runs, restartKeys: keys, restartCommands: commands, profileDir, say }) => {
      const profile = profileDir === undefined ? {} : { profileDir };
      const measured = await benchRestart({ runs, keys, commands, ...profile, say });
      return { "restart to first decision": measured };
    },
  },
  {
    names: ["memory per SKU-location", "memory per recent id", "memory per recent movement"],
    durability: "none",
    run: ({ memoryKeys: keys, say }) => benchMemory({ keys, say }),
  },
];

const FIREHOSES = [
  ["firehose, singly", "single"],
  ["firehose, bundled", "bundled"],
] as const;

type SystemOptions = { sync?: "always"; http?: boolean };

async function withSystem(
  effort: Effort,
  options: SystemOptions,
  work: (system: BenchSystem) => Promise<Figures>,
): Promise<Figures> {
  const { shared } = effort;
  if (shared !== undefined && options.sync === undefined) {
    shared.system ??= await openStocked(effort, { http: true });
    await shared.system.waitForWindows();
    return work(shared.system);
  }
  const system = await openStocked(effort, options);
  try {
    await system.waitForWindows();
    return await work(system);
  } finally {
    await system.close();
  }
}

async function openStocked(effort: Effort, options: SystemOptions): Promise<BenchSystem> {
  const { profileDir, say } = effort;
  const profile = profileDir === undefined ? {} : { profileDir };
  const system = await openBenchSystem({ ...options, ...profile, say });
  try {
    await system.decideAll(openingStock());
    await system.decideAll(scarceStock());
    return system;
  } catch (error) {
    await system.close();
    throw error;
  }
}

async function decisions(
  system: BenchSystem,
  { runs, seconds, detailed, say }: Effort,
  wanted: ReadonlySet<TargetName>,
  name: TargetName,
  of: "zipf" | "hot",
): Promise<Figures> {
  if (!wanted.has(name)) return {};
  return { [name]: await benchDecisions(system, { runs, seconds, detailed, of, say }) };
}

async function latencies(
  system: BenchSystem,
  effort: Effort,
  wanted: ReadonlySet<TargetName>,
): Promise<Figures> {
  const figures: Figures = {};
  if (wanted.has("command to decision, p50") || wanted.has("command to decision, p99")) {
    const { p50, p99 } = await benchDecisionLatency(system, { ...effort, ratePerS: 2_000 });
    figures["command to decision, p50"] = p50;
    figures["command to decision, p99"] = p99;
  }
  if (wanted.has("publish to ack, p99"))
    figures["publish to ack, p99"] = (
      await benchAckLatency(system, { ...effort, ratePerS: 1_000 })
    ).p99;
  return figures;
}

async function httpHolds(
  system: BenchSystem,
  { runs, seconds, httpSkus: skus, say }: Effort,
): Promise<Figures> {
  const rates: number[] = [];
  const checks: Correctness[] = [];
  let detail: Record<string, number> = {};
  for (let run = 1; run <= runs; run++) {
    const { perSecond, p50, p99, refused, costs, correct } = await benchHttpHolds({
      url: system.http,
      seconds,
      skus,
      callers: CALLERS,
      settled: () => system.waitForWindows(),
      cpuMeter: () => startCpuMeter(system),
    });
    rates.push(perSecond);
    checks.push(correct);
    detail = { p50, p99, refused, ...costs };
    say(`HTTP hold, run ${run}: ${Math.round(perSecond)}/s ${JSON.stringify(detail)}`);
  }
  return { "HTTP hold": { runs: rates, correct: allCorrect(checks), detail } };
}
