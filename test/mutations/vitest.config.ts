// The run of one test with a bug planted, on the servers of the run that hunts it.
import { defineConfig } from "vitest/config";
import { patchesToPlant, planted, REPO } from "./plant.ts";

const patches = patchesToPlant();
const report = process.env.ONHAND_TEST_REPORT;

export default defineConfig({
  root: REPO,
  plugins: [
    {
      name: "plant",
      enforce: "pre",
      transform: (source, id) => planted(id.split("?")[0] ?? id, source, patches),
    },
  ],
  test: {
    pool: "forks",
    globalSetup: ["test/support/global_setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What was loaded with a bug in it must not be taken from a cache by a run without.
    fsModuleCache: false,
    reporters: ["json"],
    ...(report ? { outputFile: { json: report } } : {}),
  },
});
