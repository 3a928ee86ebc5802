// A partition on a real database, with windows written as the projection writes them and a log that is a double: it
// decides policy commands as the stock machine does.
import { ForecastPartition } from "../../../../../actors/forecast/live/partition.ts";
import type { PartitionContext } from "../../../../../actors/forecast/live/partition_context.ts";
import { PolicySettings } from "../../../../../actors/forecast/live/policy_settings.ts";
import { SignalBook } from "../../../../../actors/forecast/live/signal_book.ts";
import { RefitPool } from "../../../../../actors/forecast/refit_pool.ts";
import type { Decision } from "../../../../../shared/decisions.ts";
import type { DemandMessage } from "../../../../../shared/effects.ts";
import type { Command } from "../../../../../shared/messages.ts";
import { migrate } from "../../../../../shared/migrate.ts";
import { Database } from "../../../../../shared/postgres.ts";
import type { Publisher } from "../../../../../streams/publisher.ts";
import { freshDatabase } from "../../../../support/servers.ts";

export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
export const TODAY = Math.floor(Date.now() / DAY_MS);
export const SHARD = 0;

export type WindowFields = {
  demand: number;
  lost?: number;
  orders?: number;
  largestOrder?: number;
  minutesOutOfStock?: number | null;
};

/** A log that decides policy commands: versions by key, and each identity once. */
export class PolicyLog {
  readonly commands: Extract<Command, { type: "policy" }>[] = [];
  readonly #versions = new Map<string, number>();
  readonly #decisions = new Map<string, Decision>();
  /** The log is away until this is false again. */
  away = false;

  version(sku: string, location: string): number {
    return this.#versions.get(`${location}/${sku}`) ?? 0;
  }

  /** Another's policy, as a merchant's channel rules. */
  raise(sku: string, location: string): void {
    this.#versions.set(`${location}/${sku}`, this.version(sku, location) + 1);
  }

  async decide(command: Command): Promise<Decision> {
    if (command.type !== "policy") throw new Error("only policies come here");
    const { id, sku, location, ifVersion } = command;
    const identity = `${location}/${sku}/${id}`;
    const first = this.#decisions.get(identity);
    if (first !== undefined)
      return { ...first, outcome: "duplicate", first: first.outcome as "applied" | "rejected" };
    const version = this.version(sku, location);
    const isApplied = ifVersion === undefined || ifVersion === version;
    if (isApplied) {
      this.#versions.set(`${location}/${sku}`, version + 1);
      this.commands.push(command);
    }
    const decision: Decision = {
      id: id ?? "",
      outcome: isApplied ? "applied" : "rejected",
      ...(isApplied ? {} : { reason: "version_conflict" as const }),
      epoch: 1,
      shard: SHARD,
      seq: this.commands.length,
      index: 0,
      at: new Date().toISOString(),
    };
    this.#decisions.set(identity, decision);
    return decision;
  }
}

export type PartitionHouse = {
  database: Database;
  log: PolicyLog;
  settings: PolicySettings;
  signals: SignalBook;
  alerts: string[];
  /** What partitions told of faults. */
  warnings: string[];
  /** Opens a partition: what a process that takes it over does. */
  open(pool?: RefitPool): Promise<ForecastPartition>;
  /** Writes a window (day: days since 1970) and gives the message that tells it. */
  write(sku: string, day: number, fields: WindowFields): Promise<DemandMessage>;
  /** Replaces the windows of a day's first hours; gives the message that tells the last of them. */
  writeHours(sku: string, day: number, demand: readonly number[]): Promise<DemandMessage>;
  /** Writes a history of daily demand that ends with the newest closed day. */
  history(sku: string, demand: readonly number[]): Promise<void>;
  /** Closes the shop's windows through a day. */
  closeThrough(day: number): Promise<void>;
  stop(): Promise<void>;
};

export const SHOP = "shop";

/**
 * One pool for a whole file: V8 of Node 24 now and then aborts the process while threads come and go by the dozen
 * (nodejs/node #64500).
 */
let shared: RefitPool | undefined;
const sharedPool = (): RefitPool => {
  shared ??= new RefitPool({ workerCount: 1 });
  return shared;
};
export const closeSharedPool = async (): Promise<void> => shared?.close();

export async function partitionHouse(): Promise<PartitionHouse> {
  const fresh = await freshDatabase();
  const database = new Database(fresh.url, { connectionsMax: 4, name: "test" });
  await migrate(database);
  const log = new PolicyLog();
  const settings = new PolicySettings({ mode: "autopilot", method: "fill", coverDays: 14 });
  const signals = new SignalBook();
  const alerts: string[] = [];
  const warnings: string[] = [];
  const partitions: ForecastPartition[] = [];
  let changes = 0;
  const closeThrough = async (day: number) => {
    const closedTo = new Date((day + 1) * DAY_MS).toISOString();
    await database.sql`
      insert into demand_watermark (shard, location, grain, time_zone, closed_to)
      values (${SHARD}, ${SHOP}, 'day', 'UTC', ${closedTo}::text::timestamptz)
      on conflict (shard, location) do update set closed_to = excluded.closed_to`;
  };
  const writeSpan = async (
    sku: string,
    [startMs, endMs]: readonly [number, number],
    fields: WindowFields,
  ): Promise<DemandMessage> => {
    const version = `0001.00000000000000.${String(++changes).padStart(12, "0")}`;
    const [windowStart, windowEnd] = [startMs, endMs].map((ms) => new Date(ms).toISOString());
    const localDay = String(windowStart).slice(0, 10);
    const { demand, lost = 0, orders = demand, largestOrder = 1, minutesOutOfStock = 0 } = fields;
    const outMs = minutesOutOfStock === null ? null : minutesOutOfStock * 60_000;
    await database.sql`
      insert into demand_window (sku, location, window_start, window_end, local_day, shard, demand, lost,
        orders, largest_order, minutes_open, out_of_stock_ms, version)
      values (${sku}, ${SHOP}, ${String(windowStart)}::text::timestamptz, ${String(windowEnd)}::text::timestamptz,
        ${localDay}::text::date, ${SHARD}, ${demand}, ${lost}, ${orders}, ${largestOrder}, 1440, ${outMs}, ${version})
      on conflict (sku, location, window_start) do update set demand = excluded.demand, lost = excluded.lost,
        orders = excluded.orders, largest_order = excluded.largest_order,
        out_of_stock_ms = excluded.out_of_stock_ms, version = excluded.version`;
    return {
      id: `${sku}-${version}`,
      sku,
      location: SHOP,
      windowStart: String(windowStart),
      windowEnd: String(windowEnd),
      localDay,
      demand,
      lost,
      orders,
      largestOrder,
      returns: 0,
      transfers: 0,
      counts: 0,
      minutesOpen: 1440,
      minutesOutOfStock,
      signals: {},
      closed: false,
      version,
    };
  };
  const write = (sku: string, day: number, fields: WindowFields) =>
    writeSpan(sku, [day * DAY_MS, (day + 1) * DAY_MS], fields);
  return {
    database,
    log,
    settings,
    signals,
    alerts,
    warnings,
    async open(pool = sharedPool()) {
      const context: PartitionContext = {
        shard: SHARD,
        database,
        publisher: log as unknown as Publisher,
        pool,
        settings,
        signals,
        leadTimeDays: 7,
        journal: {
          info: () => {},
          warn: (fields, text) => warnings.push(`${text}: ${JSON.stringify(fields)}`),
          error: (fields, text) => warnings.push(`${text}: ${JSON.stringify(fields)}`),
        },
        nowMs: () => Date.now(),
        alert: (kind, { sku }, text) => alerts.push(`${kind} ${sku}: ${text}`),
      };
      const partition = new ForecastPartition(context);
      partitions.push(partition);
      await partition.open();
      return partition;
    },
    write,
    async writeHours(sku, day, demand) {
      const dayText = new Date(day * DAY_MS).toISOString().slice(0, 10);
      await database.sql`
        delete from demand_window where sku = ${sku} and local_day = ${dayText}::text::date
          and window_end - window_start > interval '20 hours'`;
      let last: DemandMessage | undefined;
      for (const [hour, units] of demand.entries()) {
        const startMs = day * DAY_MS + hour * HOUR_MS;
        last = await writeSpan(sku, [startMs, startMs + HOUR_MS], { demand: units });
      }
      return last as DemandMessage;
    },
    async history(sku, demand) {
      for (const [i, units] of demand.entries())
        if (units !== 0) await write(sku, TODAY - demand.length + i, { demand: units });
      await closeThrough(TODAY - 1);
    },
    closeThrough,
    async stop() {
      await Promise.all(partitions.map((one) => one.drain()));
      await database.close();
      await fresh.drop();
    },
  };
}
