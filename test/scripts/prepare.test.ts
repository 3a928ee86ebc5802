// What a system on this machine is given before any role starts.
import { expect, test } from "vitest";
import { shardsOfNewLog } from "../../scripts/prepare.ts";

test.each([
  [1, 4],
  [2, 4],
  [4, 8],
  [32, 64],
  [128, 64],
])("a new log on a machine of %i processors has %i shards", (processors, shards) => {
  expect(shardsOfNewLog(processors)).toBe(shards);
});
