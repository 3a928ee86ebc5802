// How tests run: each file in a process of its own, one for each processor at a time (many wait more than they
// work), against real servers started once for the run.
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const report = process.env.ONHAND_TEST_REPORT;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: availableParallelism(),
    setupFiles: ["test/support/setup.ts"],
    globalSetup: ["test/support/global_setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    reporters: report ? ["default", "json"] : ["default"],
    ...(report ? { outputFile: { json: report } } : {}),
  },
});
