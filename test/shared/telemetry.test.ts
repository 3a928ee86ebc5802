// Log lines when they cannot be written.
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { expect, test } from "vitest";

const TELEMETRY = new URL("../../shared/telemetry.ts", import.meta.url).href;

/** Logs three lines of 400,000 letters, waits, and tells how much it keeps for later. */
const PROGRAM = `
  const { openLogger } = await import(${JSON.stringify(TELEMETRY)});
  const { symbols } = await import("pino");
  const logger = openLogger("info", "test");
  for (let n = 0; n < 3; n++) logger.info({ text: "x".repeat(400_000) }, "hello");
  setTimeout(() => process.stdout.write(String(logger[symbols.streamSym]._len)), 50);
`;

test("openLogger() on a full disk goes on, and keeps no more than a limit for later", () => {
  const full = openSync("/dev/full", "w");
  const args = ["--input-type=module", "--eval", PROGRAM];
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", full],
    encoding: "utf8",
  });
  closeSync(full);
  expect(status).toBe(0);
  expect(Number(stdout)).toBeGreaterThan(0);
  expect(Number(stdout)).toBeLessThan(1_048_576);
});
