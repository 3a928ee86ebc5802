// What is left of runs, at an engine that is played: the tests need none.
import { hostname } from "node:os";
import { expect, test } from "vitest";
import { type Engine, removeContainers } from "./docker_servers.ts";

/** An engine with these containers: id, run directory, and what removing it answers. */
function playedEngine(containers: readonly [id: string, runDir: string, fault?: number][]) {
  const removed: string[] = [];
  const asked: string[][] = [];
  const engine: Engine = {
    listContainers: async ({ filters }) => {
      asked.push(filters.label);
      return containers.map(([Id, run]) => ({ Id, Labels: { "onhand.test.run": run } }));
    },
    getContainer: (id) => ({
      remove: async () => {
        const fault = containers.find(([one]) => one === id)?.[2];
        if (fault !== undefined) throw Object.assign(new Error("refused"), { statusCode: fault });
        removed.push(id);
      },
    }),
  };
  return { engine, removed, asked };
}

test("removeContainers() removes those of runs that are over, on this machine, and no others", async () => {
  const { engine, removed, asked } = playedEngine([
    ["a", "/tmp/over"],
    ["b", "/tmp/living"],
    ["c", "/tmp/over", 404],
    ["d", "/tmp/over", 409],
    ["e", "/tmp/over"],
  ]);
  await removeContainers((runDir) => runDir === "/tmp/over", engine);
  expect(removed).toEqual(["a", "e"]);
  expect(asked).toEqual([["onhand.test.run", `onhand.test.host=${hostname()}`]]);
});

test("removeContainers() tells when the engine refuses", async () => {
  const { engine } = playedEngine([["a", "/tmp/over", 500]]);
  await expect(removeContainers(() => true, engine)).rejects.toThrow("refused");
});
