// Where the time goes, from CPU profiles: `node scripts/bench/profile_summary.ts DIR` after
// `onhand bench --only firehose --profile DIR`. Self time by file and by function, of the largest
// profile in the directory (the thread that folds), and its idle share.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

type CallFrame = { functionName: string; url: string; lineNumber: number };
type Profile = {
  nodes: { id: number; callFrame: CallFrame }[];
  samples: number[];
  timeDeltas: number[];
};

export type Share = { name: string; ms: number; share: number };
export type Summary = {
  busyMs: number;
  idleMs: number;
  stages: Share[];
  files: Share[];
  functions: Share[];
};

/** What a file is part of, by the first word of these that its path holds. */
const STAGES: readonly (readonly [string, string])[] = [
  ["actors/stock", "the machine: decode and apply"],
  ["actors/runtime", "the runner: batches, levels, ledger rows"],
  ["runtime/projections", "demand windows"],
  ["@nats-io", "NATS client"],
  ["streams/", "our reader and publisher"],
  ["postgres", "Postgres client and COPY"],
  ["ioredis", "Redis client"],
  ["shared/re", "Redis client"],
  ["(garbage collector)", "garbage collection"],
  ["(native)", "socket writes and other native code"],
  ["node:", "Node's streams, buffers, timers"],
  ["shared/", "names, times, versions"],
];

/** Self times of a profile; shares are of the busy time. */
export function summarise(profile: Profile): Summary {
  const frames = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const files = new Map<string, number>();
  const functions = new Map<string, number>();
  let [busyMs, idleMs] = [0, 0];
  for (const [i, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    const ms = (profile.timeDeltas[i] ?? 0) / 1000;
    if (frame === undefined) continue;
    if (frame.functionName === "(idle)") {
      idleMs += ms;
      continue;
    }
    busyMs += ms;
    const file = shortName(frame);
    files.set(file, (files.get(file) ?? 0) + ms);
    const name = `${frame.functionName || "(anonymous)"} ${file}:${frame.lineNumber + 1}`;
    functions.set(name, (functions.get(name) ?? 0) + ms);
  }
  const stages = new Map<string, number>();
  for (const [file, ms] of files) {
    const stage = STAGES.find(([word]) => file.includes(word))?.[1] ?? "loading and the rest";
    stages.set(stage, (stages.get(stage) ?? 0) + ms);
  }
  return {
    busyMs,
    idleMs,
    stages: top(stages, busyMs),
    files: top(files, busyMs),
    functions: top(functions, busyMs),
  };
}

function top(times: ReadonlyMap<string, number>, busyMs: number): Share[] {
  return [...times]
    .map(([name, ms]) => ({ name, ms, share: ms / busyMs }))
    .sort((a, b) => b.ms - a.ms)
    .slice(0, 40);
}

function shortName({ url, functionName }: CallFrame): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "(native)";
  const path = url.replace(/^file:\/\//, "");
  const inModules = path.lastIndexOf("/node_modules/");
  if (inModules >= 0) return path.slice(inModules + "/node_modules/".length);
  return path.split("/").slice(-3).join("/");
}

function print(dir: string): void {
  const files = readdirSync(dir).filter((name) => name.endsWith(".cpuprofile"));
  const paths = files.map((name) => join(dir, name));
  const largest = paths.sort((a, b) => statSync(b).size - statSync(a).size)[0];
  if (largest === undefined) throw new Error(`No .cpuprofile in ${dir}`);
  const summary = summarise(JSON.parse(readFileSync(largest, "utf8")) as Profile);
  const { busyMs, idleMs } = summary;
  const busy = (100 * busyMs) / (busyMs + idleMs);
  console.log(`${largest}: busy ${Math.round(busyMs)} ms (${busy.toFixed(0)} %)`);
  for (const part of ["stages", "files", "functions"] as const) {
    console.log(`\nself time by ${part}`);
    for (const { name, ms, share } of summary[part].slice(0, 30))
      console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${Math.round(ms)} ms  ${name}`);
  }
}

if (import.meta.main) print(process.argv[2] ?? ".");
