// The ledger's indexes and the SQL that is meant to use them: an expression that does not match is a walk of the ledger.
import { afterAll, beforeAll, expect, it } from "vitest";
import { makePartitions } from "../../actors/runtime/house_keeping.ts";
import { isElsewhere, ofKey, PLACE_ROW } from "../../shared/ledger_key.ts";
import { migrate } from "../../shared/migrate.ts";
import { Database } from "../../shared/postgres.ts";
import { type FreshDatabase, freshDatabase } from "../support/servers.ts";

const DAY_MS = Date.parse("2026-11-23T00:00:00Z");
let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 1, name: "test" });
  await migrate(database);
  await makePartitions(database, DAY_MS, 0);
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const NAMED = "(select 'A' as sku, 'L' as location, 7::int8 as identity offset 0) n";

it.each([
  ["a key", `ofKey()`, ofKey("t", "'A'", "'L'"), "ledger_key"],
  ["a key of another row", "ofKey()", ofKey("t", "n.sku", "n.location"), "ledger_key"],
  [
    "an identity at its key",
    "ofKey() and identity",
    `${ofKey("t", "n.sku", "n.location")} and t.identity = n.identity`,
    "ledger_key",
  ],
  [
    "an identity elsewhere",
    "isElsewhere()",
    `t.identity = n.identity and ${isElsewhere("t")}`,
    "identity_idx",
  ],
  ["where a SKU is", "PLACE_ROW", `t.sku = n.sku and ${PLACE_ROW}`, "sku_location_idx"],
  [
    "voids of a key",
    "type = 'void'",
    "t.sku = n.sku and t.location = n.location and t.type = 'void'",
    "sku_location_idx",
  ],
  ["entries", "a range", "t.epoch = 1 and t.shard = 0 and t.seq > 5", "epoch_shard_seq_idx"],
])("%s: rows of each partition come by an index (%s)", async (_of, _by, condition, index) => {
  const plan = await database.transaction(async (sql) => {
    await sql.unsafe("set local enable_seqscan = off");
    return sql.unsafe<{ "QUERY PLAN": string }[]>(
      `explain select t.* from ${NAMED} cross join lateral (
        select * from stock_transaction t where ${condition} offset 0) t`,
    );
  });
  const scans = plan
    .map((line) => line["QUERY PLAN"])
    .filter((line) => /Scan .*stock_transaction/.test(line));
  const partitions = ["default", "20261123"];
  expect(scans).toHaveLength(partitions.length);
  for (const partition of partitions)
    expect(scans.join("\n")).toMatch(
      new RegExp(`Index Scan (using|on) stock_transaction_${partition}_\\w*${index}`),
    );
});
