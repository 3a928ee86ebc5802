// What we start does not interrupt each other: the kernel says so of a server and of all its threads.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { batchPrefix } from "../../../scripts/servers/batch_policy.ts";
import { privateNats } from "../../support/servers.ts";

const SCHED_BATCH = "3";

/** Field 41 of proc(5)'s stat. */
function policyOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38];
}

test.skipIf(batchPrefix().length === 0)("a command line behind the prefix runs as batch", () => {
  const [chrt = "", ...args] = [...batchPrefix(), "cat", "/proc/self/stat"];
  expect(policyOf(execFileSync(chrt, args, { encoding: "utf8" }))).toBe(SCHED_BATCH);
});

test.skipIf(batchPrefix().length === 0)("so do all threads of a server", async () => {
  const server = await privateNats();
  const tasks = `/proc/${server.pid}/task`;
  const policies = readdirSync(tasks).map((tid) =>
    policyOf(readFileSync(`${tasks}/${tid}/stat`, "utf8")),
  );
  await server.stop();
  expect(policies.length).toBeGreaterThan(1);
  expect(new Set(policies)).toEqual(new Set([SCHED_BATCH]));
});
