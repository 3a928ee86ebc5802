// The simulation in CI: the first seeds, every seed that ever found something, and that a
// seed is a whole run: the same again is the same.
import { describe, expect, test } from "vitest";
import { FAULTS, FAULTS_DEFAULT, type Fault } from "../../scripts/sim/faults.ts";
import { simulate } from "../../scripts/sim/simulate.ts";
import seeds from "./seeds.json" with { type: "json" };

/** A seed that once found something, and what. */
type FoundSeed = { seed: number; faults?: Fault[]; commands?: number; found: string };

describe("simulate()", () => {
  // New seeds are for `onhand sim`: a test must not depend on luck.
  test("finds nothing wrong in the first 20 seeds", { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { failure } = await simulate({ seed, faults: FAULTS_DEFAULT });
      expect(failure, `onhand sim --seed ${seed} --runs 1 --trace`).toBeUndefined();
    }
  });

  test("halts, and only halts, when the log loses what it acknowledged", {
    timeout: 120_000,
  }, async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { failure } = await simulate({ seed, faults: FAULTS });
      expect(failure, `onhand sim --seed ${seed} --runs 1 --faults all --trace`).toBeUndefined();
    }
  });

  test("gives the same trace for the same seed", async () => {
    for (const seed of [7, 8, 9]) {
      const first = await simulate({ seed, faults: FAULTS_DEFAULT });
      const again = await simulate({ seed, faults: FAULTS_DEFAULT });
      expect(again.traceHash).toBe(first.traceHash);
      expect(again.events).toBe(first.events);
    }
  });

  test("decides every command without any fault at all, and commits and shows it in time", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { failure, decisions, crashes } = await simulate({ seed, faults: [] });
      expect(failure, `onhand sim --seed ${seed} --runs 1 --faults none --trace`).toBeUndefined();
      expect(decisions).toBeGreaterThan(10);
      expect(crashes).toBe(0);
    }
  });

  test.each((seeds as FoundSeed[]).map((found) => [found.seed, found] as const))(
    "seed %i, which once found something, finds nothing any more",
    async (seed, { faults, commands, found }) => {
      const { failure } = await simulate({
        seed,
        faults: faults ?? FAULTS_DEFAULT,
        ...(commands === undefined ? {} : { commands }),
      });
      expect(failure, found).toBeUndefined();
    },
  );
});
