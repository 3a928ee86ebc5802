// `onhand stock SKU`: its levels by location and their totals, from the registry, or as the ledger knew
// them at a time. While Redis does not answer the last checkpoint does, and says why.

import type { Command } from "commander";
import { levelsAsOf } from "../../http/as_of.ts";
import { storedLevels } from "../../http/ledger_reads.ts";
import { totalsOf } from "../../http/stock_view.ts";
import type { LedgerLevel, Level } from "../../shared/decisions.ts";
import { describeError, OnhandError } from "../../shared/errors.ts";
import { nameFault } from "../../shared/ids.ts";
import { Database } from "../../shared/postgres.ts";
import { connectRedis, redisReady } from "../../shared/redis.ts";
import { LevelRegistry } from "../../shared/registry.ts";
import { formatTime, parseTime } from "../../shared/time.ts";
import { toToken } from "../../streams/subjects.ts";
import {
  type CommonOptions,
  newCommand,
  printResult,
  progress,
  runningSystem,
  usageError,
} from "../command_line.ts";

type StockOptions = CommonOptions & { location?: string; asOf?: string };
type AnyLevel = Level | LedgerLevel;
type Stock = {
  sku: string;
  asOf?: string;
  stale?: true;
  totals: Record<(typeof COLUMNS)[number], number>;
  locations: AnyLevel[];
};

const COLUMNS = [
  "available",
  "reserved",
  "onHand",
  "oversold",
  "backordered",
  "inTransit",
  "onOrder",
] as const;
const HEADINGS = [
  "available",
  "reserved",
  "on hand",
  "oversold",
  "backordered",
  "in transit",
  "on order",
];
const REDIS_WAIT_MS = 2_000;

export function command(): Command {
  return newCommand("stock", "show a SKU's levels, now or as of a time")
    .argument("<sku>", "the SKU")
    .option("--location <name>", "only this location")
    .option("--as-of <time>", "as known at this append time (RFC 3339 with an offset)")
    .action(showStock);
}

async function showStock(sku: string, options: StockOptions): Promise<void> {
  const asOfMs = options.asOf === undefined ? undefined : timeOf(options.asOf);
  refuseName("SKU", sku);
  if (options.location !== undefined) refuseName("location", options.location);
  const { endpoints } = runningSystem({ ...pick(options) });
  const database = new Database(endpoints.postgres, { connectionsMax: 1, name: "onhand stock" });
  try {
    const stock =
      asOfMs === undefined
        ? await present(sku, options.location, endpoints.redis, database)
        : await past(sku, options.location, asOfMs, database);
    if (stock.locations.length === 0) {
      const where = options.location === undefined ? "" : ` at ${options.location}`;
      throw new OnhandError("unknown_sku", `Cannot show ${sku}: nothing is known of it${where}`);
    }
    printResult(options, stock, humanStock);
  } finally {
    await database.close();
  }
}

async function present(
  sku: string,
  location: string | undefined,
  redisUrl: string,
  database: Database,
): Promise<Stock> {
  const redis = connectRedis(redisUrl, { name: "onhand stock" });
  try {
    await redisReady(redis, REDIS_WAIT_MS);
    const levels = await new LevelRegistry(redis).ofSku(toToken(sku));
    return stockOf(sku, location, levels);
  } catch (error) {
    if (!(error instanceof OnhandError) || error.code !== "registry_unavailable") throw error;
    const levels = await storedLevels(database).checkpointed([sku], location);
    progress(`${describeError(error)}; these are the levels of the last checkpoint`);
    return { ...stockOf(sku, location, levels), stale: true };
  } finally {
    redis.disconnect();
  }
}

async function past(
  sku: string,
  location: string | undefined,
  asOfMs: number,
  database: Database,
): Promise<Stock> {
  const levels = await database.run(async (sql) => {
    const [topology] = await sql<{ epoch: number; shards: number }[]>`
      select epoch, count(*)::int4 as shards from shard group by epoch order by epoch desc limit 1`;
    return topology === undefined ? [] : levelsAsOf(sql, topology, { sku, location, ms: asOfMs });
  });
  return { ...stockOf(sku, location, levels), asOf: formatTime(asOfMs) };
}

function stockOf(sku: string, location: string | undefined, all: readonly AnyLevel[]): Stock {
  const locations = all
    .filter((level) => location === undefined || level.location === location)
    .sort((a, b) => (a.location < b.location ? -1 : 1));
  const rules = { atp: {}, inventoryPosition: 0, unavailable: {} };
  const sums = totalsOf(locations.map((level) => ({ ...rules, ...level })));
  const totals = Object.fromEntries(COLUMNS.map((column) => [column, sums[column]]));
  return { sku, totals: totals as Stock["totals"], locations };
}

function humanStock(stock: Stock): string {
  const rows = stock.locations.map((level) => [
    level.location,
    ...COLUMNS.map((column) => level[column].toLocaleString("en-US")),
    level.updatedAt,
  ]);
  const totals = COLUMNS.map((column) => stock.totals[column].toLocaleString("en-US"));
  const table = [["location", ...HEADINGS, "changed"], ...rows];
  if (rows.length > 1) table.push(["all", ...totals, ""]);
  const widths =
    table[0]?.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((cell, i) =>
        i === 0 || i === row.length - 1
          ? cell.padEnd(widths[i] ?? 0)
          : cell.padStart(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  const when = stock.asOf === undefined ? "" : `, as known at ${stock.asOf}`;
  return [`${stock.sku}${when}`, ...lines].join("\n");
}

function timeOf(text: string): number {
  const ms = parseTime(text);
  if (ms === undefined) {
    throw usageError(`Cannot read --as-of: found "${text}", expected such as 2026-11-23T10:00:00Z`);
  }
  return ms;
}

function refuseName(what: string, name: string): void {
  const fault = nameFault(name);
  if (fault !== undefined) throw usageError(`Cannot show this ${what}: ${fault}`);
}

function pick({ data, json }: CommonOptions): CommonOptions {
  return { ...(data === undefined ? {} : { data }), ...(json === undefined ? {} : { json }) };
}
