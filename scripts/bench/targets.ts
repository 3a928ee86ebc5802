// Pure.
// What each figure must reach on two cores with all servers and the load generator on them, and what
// it aims at. Times in ms, sizes in bytes.

import type { Target } from "./result.ts";

const rate = (must: number, aim: number, unit = "commands/s"): Target => ({
  unit,
  better: "more",
  must,
  aim,
});
const time = (must: number, aim: number, unit = "ms"): Target => ({
  unit,
  better: "less",
  must,
  aim,
});

export const TARGETS = {
  "machine alone": rate(400_000, 1_000_000),
  "firehose, singly": rate(30_000, 50_000),
  "firehose, bundled": rate(45_000, 80_000),
  "decisions, Zipf": rate(30_000, 50_000, "decisions/s"),
  "decisions, hot SKU": rate(50_000, 100_000, "decisions/s"),
  "decisions, Zipf, sync always": rate(14_000, 25_000, "decisions/s"),
  "decisions, hot SKU, sync always": rate(30_000, 60_000, "decisions/s"),
  "command to decision, p50": time(1, 0.4),
  "command to decision, p99": time(8, 4),
  "command to Redis, p99": time(10, 5),
  "command to live feed, p99": time(10, 5),
  "publish to ack, p99": time(3, 2),
  "HTTP hold": rate(7_000, 10_000, "holds/s"),
  "restart to first decision": time(10, 3, "s"),
  "memory per SKU-location": time(600, 300, "bytes"),
  "memory per recent id": time(80, 40, "bytes"),
  "memory per recent movement": time(32, 16, "bytes"),
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof TARGETS;
