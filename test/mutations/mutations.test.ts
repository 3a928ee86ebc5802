// Every bug of the list is planted and must be caught by the check named for it; without the bug the same check
// must find nothing.
import { describe, expect, test } from "vitest";
import { runTest, simulate } from "./hunt.ts";
import { MUTATIONS, type Mutation, NOT_YET, type Simulation, type TestCase } from "./mutations.ts";

const LIST_LENGTH = 23;
const TIMEOUT = { timeout: 90_000 };

type Of<C> = Mutation & { caughtBy: C };
const bySimulation = MUTATIONS.filter((one): one is Of<Simulation> => !("test" in one.caughtBy));
const byTest = MUTATIONS.filter((one): one is Of<TestCase> => "test" in one.caughtBy);

/** The last seed that was needed to find a bug, by kind of simulation. */
const needed = new Map<string, number>();

describe("bugs of the list", () => {
  test("M1 to M23 are each planted, or said not to be built yet", () => {
    const planted = MUTATIONS.map(({ id }) => id.replace(/[a-z]$/, ""));
    const listed = new Set([...planted, ...Object.keys(NOT_YET)]);
    const wanted = Array.from({ length: LIST_LENGTH }, (_, i) => `M${i + 1}`);
    expect([...listed].sort()).toEqual(wanted.sort());
  });

  test.each(bySimulation.map((one) => [one.id, one.what, one] as const))(
    "%s (%s) is found by the simulation",
    TIMEOUT,
    async (_id, _what, { patches, caughtBy }) => {
      const found = await simulate(patches, caughtBy);
      const kind = JSON.stringify(caughtBy);
      needed.set(kind, Math.max(needed.get(kind) ?? 1, found?.seed ?? 1));
      // An invariant, the oracle or the progress after healing: no mere crash of the run.
      expect(found?.failure ?? "nothing").toMatch(
        /^(S\d+: |the oracle|shard \d+ |no progress|a level )/,
      );
    },
  );

  test.each(byTest.map((one) => [one.id, one.what, one] as const))(
    "%s (%s) makes a test fail",
    TIMEOUT,
    async (_id, _what, { patches, caughtBy }) => {
      const { failed } = await runTest(patches, caughtBy);
      expect(failed).toEqual([expect.stringContaining(caughtBy.name)]);
    },
  );
});

describe("without a bug", () => {
  const kinds = new Map(bySimulation.map(({ caughtBy }) => [JSON.stringify(caughtBy), caughtBy]));
  test.each([...kinds])("those seeds find nothing (%s)", TIMEOUT, async (name, kind) => {
    expect(await simulate([], { ...kind, seeds: needed.get(name) ?? 1 })).toBeUndefined();
  });

  test.each(byTest.map(({ caughtBy }) => [caughtBy.name, caughtBy] as const))(
    "passes: %s",
    TIMEOUT,
    async (name, caughtBy) => {
      const { failed, passed } = await runTest([], caughtBy);
      expect(failed).toEqual([]);
      expect(passed).toEqual([expect.stringContaining(name)]);
    },
  );
});
