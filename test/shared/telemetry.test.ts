// Log lines when they cannot be written.
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runtimeArgs } from "../support/onhand.ts";

const LOG_THRICE = fileURLToPath(new URL("log_thrice.ts", import.meta.url));

test("openLogger() on a full disk goes on, and keeps no more than a limit for later", () => {
  const full = openSync("/dev/full", "w");
  const { status, stdout } = spawnSync(process.execPath, runtimeArgs(LOG_THRICE), {
    stdio: ["ignore", "pipe", full],
    encoding: "utf8",
  });
  closeSync(full);
  expect(status).toBe(0);
  expect(Number(stdout)).toBeGreaterThan(0);
  expect(Number(stdout)).toBeLessThan(1_048_576);
});
