// `onhand stock`, `verify` and `dead ls` as a person calls them, on a system of `onhand up`: what they print, and how
// they end. Verification itself is tested in test/scripts/verify.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Verified } from "../../../scripts/verify/verify_system.ts";
import type { Decision, Level } from "../../../shared/decisions.ts";
import type { Command } from "../../../shared/messages.ts";
import { Database } from "../../../shared/postgres.ts";
import { connectRedis, type Redis, redisReady } from "../../../shared/redis.ts";
import { connectNats, type NatsConnection } from "../../../streams/connection.ts";
import { createPublisher, type Publisher } from "../../../streams/publisher.ts";
import { readTopology } from "../../../streams/topology.ts";
import { type Finished, type RunningOnhand, runOnhand, startOnhand } from "../../support/onhand.ts";
import { privateDir } from "../../support/servers.ts";

// Each test starts several processes.
vi.setConfig({ testTimeout: 60_000 });

const SHARDS = 2;
/** More than verification compares at once of a shard. */
const SALES = 6_000;
const data = privateDir("commands");
let system: RunningOnhand;
let nc: NatsConnection;
let publisher: Publisher;
let database: Database;
let redis: Redis;
/** Append time of the sales before the last one. */
let asOf: string;

beforeAll(async () => {
  system = await startOnhand(data, ["--port", "0", "--shards", String(SHARDS)]);
  const { nats, postgres, redis: redisUrl } = system.endpoints;
  nc = await connectNats(nats, { name: "test" });
  publisher = createPublisher(nc, await readTopology(nc));
  database = new Database(postgres, { connectionsMax: 1, name: "test" });
  redis = connectRedis(redisUrl, { name: "test" });
  await redisReady(redis, 5_000);
  await decide({ type: "receipt", sku: "TEE-1", location: "store-1", qty: 10_000 });
  await decide({ type: "receipt", sku: "TEE-1", location: "store 2", qty: 5 });
  const sales = Array.from({ length: SALES }, () =>
    decide({ type: "sale", sku: "TEE-1", location: "store-1", qty: 1 }),
  );
  asOf = (await Promise.all(sales)).at(-1)?.at ?? "";
  await new Promise((resolve) => setTimeout(resolve, 20));
  await decide({ type: "sale", sku: "TEE-1", location: "store-1", qty: 1 });
  while ((await committed()) < SALES + 3) await new Promise((resolve) => setTimeout(resolve, 50));
}, 120_000);
afterAll(async () => {
  await publisher?.close();
  redis?.disconnect();
  await database?.close();
  await nc?.close();
  await system?.stop();
}, 60_000);

async function decide(command: Record<string, unknown>): Promise<Decision> {
  const decision = await publisher.decide(command as unknown as Command);
  expect(decision.outcome).toBe("applied");
  return decision;
}

async function committed(): Promise<number> {
  const [row] = await database.sql<[{ rows: number }]>`
    select count(*)::int as rows from stock_transaction where sku = 'TEE-1'`;
  return row.rows;
}

const onhand = (...args: string[]): Promise<Finished> => runOnhand([...args, "--data", data]);

describe("onhand stock", () => {
  test("shows every location and the total, or one location", async () => {
    const all = await onhand("stock", "TEE-1");
    expect([all.code, all.stderr]).toEqual([0, ""]);
    const [title, heading, ...lines] = all.stdout.trim().split("\n");
    expect(title).toBe("TEE-1");
    expect(heading).toMatch(/^location +available +reserved +on hand/);
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ["store 2", "5"],
      ["store-1", "3,999"],
      ["all", "4,004"],
    ]);
    const one = await onhand("stock", "TEE-1", "--location", "store 2");
    expect(one.code).toBe(0);
    expect(one.stdout).not.toContain("store-1");
  });

  test("--as-of tells what was known then", async () => {
    const { code, stdout } = await onhand("stock", "TEE-1", "--as-of", asOf, "--json");
    expect(code).toBe(0);
    const shown = JSON.parse(stdout) as { asOf: string; locations: Level[] };
    expect(shown.asOf).toBe(asOf);
    expect(shown.locations).toMatchObject([{ onHand: 5 }, { onHand: 4_000 }]);
  });

  test("--json tells the same for programs", async () => {
    const { code, stdout } = await onhand("stock", "TEE-1", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      sku: "TEE-1",
      totals: { available: 4_004, onHand: 4_004, oversold: 0 },
      locations: [
        { location: "store 2", sellable: 5 },
        { location: "store-1", sellable: 3_999 },
      ],
    });
  });

  test("says why Redis does not answer, and shows the levels of the last checkpoint", async () => {
    const wrong = new URL(system.endpoints.redis);
    wrong.password = "wrong";
    const args = ["stock", "TEE-1", "--json", "--data", data];
    await expect
      .poll(() => runOnhand(args, { ONHAND_REDIS_URL: wrong.href }), { timeout: 30_000 })
      .toMatchObject({
        code: 0,
        stdout: expect.stringContaining('"stale": true'),
        stderr: expect.stringMatching(
          /^Cannot reach Redis at 127\.0\.0\.1:\d+: WRONGPASS .*; these are the levels of the last checkpoint\n$/,
        ),
      });
  });

  test.each([
    [["NONE"], 1, "onhand: Cannot show NONE: nothing is known of it\n"],
    [
      ["TEE-1", "--location", "nowhere"],
      1,
      "onhand: Cannot show TEE-1: nothing is known of it at nowhere\n",
    ],
    [
      ["TEE-1", "--as-of", "yesterday"],
      2,
      'onhand: Cannot read --as-of: found "yesterday", expected such as 2026-11-23T10:00:00Z\n',
    ],
  ])("%j ends with %i and one line", async (args, code, line) => {
    expect(await onhand("stock", ...args)).toEqual({ code, stdout: "", stderr: line });
  });
});

describe("onhand verify", () => {
  test("agrees and ends with 0", async () => {
    const { code, stdout } = await onhand("verify");
    expect(stdout).toMatch(
      /^2 levels in 2 shards, 6003 ledger rows, the whole log folded again\ndigest \w{64}\n/,
    );
    expect(stdout).toMatch(/\nledger, log, Postgres and Redis agree\n$/);
    expect(code).toBe(0);
  });

  test("names a level that was changed by hand and ends with 1; --repair mends it", async () => {
    const key = "onhand:stock:TEE-1";
    const text = (await redis.hget(key, "store-1")) ?? "";
    await redis.hset(key, "store-1", text.replace('"sellable":3999', '"sellable":4000'));
    const found = await onhand("verify", "--json");
    expect(found.code).toBe(1);
    const { ok, differences } = JSON.parse(found.stdout) as Verified;
    expect(ok).toBe(false);
    expect(differences).toMatchObject([
      {
        between: "registry",
        sku: "TEE-1",
        location: "store-1",
        field: "sellable",
        expected: 3_999,
        found: 4_000,
      },
    ]);
    const repaired = await onhand("verify", "--repair");
    expect(repaired.code).toBe(1);
    expect(repaired.stdout).toMatch(
      /registry: TEE-1 at store-1 \(shard \d\): sellable is 4000, expected 3999\n/,
    );
    expect(repaired.stdout).toContain("repaired in Redis: 1; verify again\n");
    expect((await onhand("verify")).code).toBe(0);
  });

  test("names a row that is missing far down the ledger", async () => {
    const [row] = await database.sql<[{ seq: number; index: number }]>`
      delete from stock_transaction where (seq, index) in (
        select seq, index from stock_transaction where type = 'sale' order by seq desc, index desc limit 1)
      returning seq, index`;
    const { code, stdout } = await onhand("verify");
    expect(code).toBe(1);
    expect(stdout).toContain(`row ${row.seq}.${row.index}.0 is missing, expected {`);
  });
});

test("onhand dead ls lists what was set aside", async () => {
  expect(await onhand("dead", "ls")).toMatchObject({ code: 0, stdout: "nothing was set aside\n" });
  nc.publish("inv.cmd.store-1.TEE-1", '{"qty":1.5}');
  await expect
    .poll(async () => (await onhand("dead", "ls")).stdout, { timeout: 20_000 })
    .toMatch(/^1 {2}\S+ {2}malformed {2}TEE-1 at store-1 {2}.*\{"qty":1\.5\}\n$/);
});

test("every command tells its use with --help and ends with 0", async () => {
  const names = async (...of: string[]) => {
    const { stdout } = await runOnhand([...of, "--help"]);
    const list = stdout.split("\nCommands:\n")[1] ?? "";
    return [...list.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = ""]) => [...of, name]);
  };
  const commands = (await names()).filter(([name]) => name !== "help");
  expect(commands.length).toBeGreaterThan(10);
  const nested = await Promise.all([names("dead"), names("topology")]);
  const check = async (command: string[]) => {
    const { code, stdout, stderr } = await runOnhand([...command, "--help"]);
    expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: onhand ${command.filter((name) => name !== "help")[0]}`);
  };
  await Promise.all([...commands, ...nested.flat()].map(check));
});
