import { afterAll, beforeAll, expect, it } from "vitest";
import { policies } from "../../../../actors/runtime/projections/policies.ts";
import { stepProjection } from "../../../../actors/runtime/projections/projection.ts";
import { migrate } from "../../../../shared/migrate.ts";
import { Database } from "../../../../shared/postgres.ts";
import { type FreshDatabase, freshDatabase } from "../../../support/servers.ts";

let fresh: FreshDatabase;
let database: Database;
const of = { epoch: 1, shard: 0 };

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 2, name: "test" });
  await migrate(database);
  await database.run(
    (sql) => sql`insert into shard (epoch, shard, apply_version) values (1, 0, 1)`,
  );
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

/** A ledger row of a policy command, and the commit that covers it. */
async function policy(
  seq: number,
  sku: string,
  extra: object,
  options: { outcome?: string; channel?: string } = {},
) {
  await database.run(
    (sql) => sql`
      insert into stock_transaction (epoch, shard, seq, index, ordinal, sku, location, id, digest, type, cause,
        outcome, at, appended_at, delta_sellable, delta_reserved, delta_bucket, delta_backordered,
        delta_in_transit, delta_on_order, sellable, unavailable, reserved, backordered, in_transit, on_order,
        backfill, lost, demand, channel, extra)
      values (1, 0, ${seq}, 0, 0, ${sku}, 'york', ${`c${seq}`}, 0, 'policy', 'command',
        ${options.outcome ?? "applied"}, now(), '2026-03-09T12:00:00Z', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        false, 0, 0, ${options.channel ?? null}, ${JSON.stringify(extra)}::text::jsonb)`,
  );
  await database.run((sql) => sql`update shard set committed_seq = ${seq}`);
}

const rows = () =>
  database.run(
    (sql) => sql<Record<string, unknown>[]>`
      select sku, version, plan, channels, cause, made_by as "madeBy", position
      from policy order by sku, version`,
  );

it("policies() keeps each applied policy of a key with the machine's version, plan and cause", async () => {
  const plan = { mode: "observe", reorderPoint: 3, orderUpTo: 9, cause: "first" };
  await policy(1, "A", { plan, ifVersion: 0 }, { channel: "planner" });
  await policy(2, "B", { channels: { web: { buffer: 1 } } });
  await policy(
    3,
    "A",
    { plan: { ...plan, reorderPoint: 4, cause: "second" } },
    { channel: "planner" },
  );
  await policy(4, "A", { plan }, { outcome: "rejected" });
  await stepProjection(database, policies(), of);
  await policy(5, "A", { channels: { web: { buffer: 2 } } });
  await stepProjection(database, policies(), of);
  await stepProjection(database, policies(), of);
  expect(await rows()).toMatchObject([
    {
      sku: "A",
      version: 1,
      plan,
      cause: "first",
      madeBy: "planner",
      position: "0001.00000000000001.000",
    },
    { sku: "A", version: 2, plan: { reorderPoint: 4 }, cause: "second" },
    {
      sku: "A",
      version: 3,
      plan: null,
      channels: { web: { buffer: 2 } },
      cause: "set by a command",
    },
    { sku: "B", version: 1, plan: null, channels: { web: { buffer: 1 } } },
  ]);
});
