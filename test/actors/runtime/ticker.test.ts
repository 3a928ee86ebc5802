// The ticks of a shard, on a clock that the test turns.
import { describe, expect, test } from "vitest";
import type { Machine } from "../../../actors/runtime/machine.ts";
import type { RunnerPorts } from "../../../actors/runtime/ports.ts";
import { Ticker } from "../../../actors/runtime/ticker.ts";

const HOUR_MS = 3_600_000;

/** A shard with one thing due at 0, on a log whose clock is `behindMs` behind that of the process. */
function shard(behindMs: number) {
  const timers = new Set<{ atMs: number; run: () => void }>();
  const ticks: number[] = [];
  const house = { nowMs: -100, dueMs: 0 as number | undefined, ticks };
  const clock = {
    nowMs: () => house.nowMs,
    monotonicMs: () => house.nowMs + 1_000_000,
    after: (ms: number, run: () => void) => {
      const timer = { atMs: house.nowMs + ms, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    soon: (run: () => void) => void clock.after(0, run),
  };
  const log = {
    append: async () => {
      ticks.push(house.nowMs);
      if (house.nowMs - behindMs >= 0) house.dueMs = undefined;
    },
  };
  const ports = { clock, log, journal: { warn: () => {} } } as unknown as RunnerPorts;
  const ticker = new Ticker(ports, { nextDueMs: () => house.dueMs } as Machine, false);
  const runTo = async (endMs: number) => {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = [...timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      timers.delete(next);
      house.nowMs = next.atMs;
      next.run();
    }
    house.nowMs = endMs;
  };
  return { house, ticker, runTo };
}

describe("Ticker", () => {
  test("ticks once, when something is due", async () => {
    const { house, ticker, runTo } = shard(0);
    ticker.poll();
    await runTo(HOUR_MS);
    expect(house.ticks).toEqual([0]);
  });

  test("ticks again soon where the log's clock is a little behind", async () => {
    const { house, ticker, runTo } = shard(20);
    ticker.poll();
    await runTo(HOUR_MS);
    expect(house.ticks).toEqual([0, 50]);
  });

  test("does not fill a log whose clock is an hour behind, and is at most 5 s late", async () => {
    const { house, ticker, runTo } = shard(HOUR_MS);
    ticker.poll();
    await runTo(2 * HOUR_MS);
    expect(house.ticks.length).toBeLessThan(800);
    expect(house.ticks.at(-1)).toBeLessThan(HOUR_MS + 5_001);
    expect(house.dueMs).toBeUndefined();
  });

  test("begins anew with the next thing that is due", async () => {
    const { house, ticker, runTo } = shard(HOUR_MS);
    ticker.poll();
    await runTo(2 * HOUR_MS);
    const before = house.ticks.length;
    house.dueMs = 2 * HOUR_MS;
    ticker.poll();
    await runTo(2 * HOUR_MS + 49);
    expect(house.ticks.length).toBe(before + 1);
  });
});
