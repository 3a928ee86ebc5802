// An alarm far away: it rings early rather than at once.
import { expect, test } from "vitest";
import { Alarm } from "../../../actors/runtime/alarm.ts";
import { realClock } from "../../../actors/runtime/real_ports.ts";

test("setFor() a time beyond what a timer can wait for does not ring at once", async () => {
  let rings = 0;
  const alarm = new Alarm(realClock, () => void rings++);
  const warnings: string[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning.name);
  process.on("warning", onWarning);
  alarm.setFor(realClock.monotonicMs() + 31 * 86_400_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  alarm.cancel();
  process.off("warning", onWarning);
  expect([rings, warnings]).toEqual([0, []]);
});
