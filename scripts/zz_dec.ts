// @ts-nocheck
import { openBenchSystem } from "./bench/bench_system.ts";
import { benchDecisions, scarceStock } from "./bench/decisions.ts";
import { openingStock } from "./bench/firehose.ts";

const profileDir = process.env.PROF;
const system = await openBenchSystem({ say: console.log, ...(profileDir ? { profileDir } : {}) });
try {
  await system.decideAll(openingStock());
  await system.decideAll(scarceStock());
  await system.waitForWindows();
  await benchDecisions(system, {
    runs: Number(process.argv[2] ?? 3),
    seconds: Number(process.argv[3] ?? 8),
    of: (process.argv[4] ?? "zipf") as "zipf",
    say: console.log,
  });
} finally {
  await system.close();
}
