// Self times out of a CPU profile, by stage, file and function.

import { expect, test } from "vitest";
import { summarise } from "../../../scripts/bench/profile_summary.ts";

test("summarise() gives each sample's time to its frame, and idle time to nobody", () => {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 6 });
  const summary = summarise({
    nodes: [
      { id: 1, callFrame: frame("apply", "file:///x/actors/stock/machine.ts") },
      {
        id: 2,
        callFrame: frame("parse", "file:///x/node_modules/@nats-io/nats-core/lib/parser.js"),
      },
      { id: 3, callFrame: frame("(idle)", "") },
      { id: 4, callFrame: frame("(garbage collector)", "") },
    ],
    samples: [1, 3, 2, 1, 4],
    timeDeltas: [1_000, 50_000, 2_000, 4_000, 3_000],
  });
  expect([summary.busyMs, summary.idleMs]).toEqual([10, 50]);
  expect(summary.stages).toEqual([
    { name: "the machine: decode and apply", ms: 5, share: 0.5 },
    { name: "garbage collection", ms: 3, share: 0.3 },
    { name: "NATS client", ms: 2, share: 0.2 },
  ]);
  expect(summary.functions[0]).toMatchObject({ name: "apply actors/stock/machine.ts:7", ms: 5 });
});
