// The live part of the forecast bench, on real servers and processes: a day closes for 10,000 SKUs at once, and the
// time counts from the moment their windows are closed until the last changed policy stands in the log. Every SKU sold
// a multiple of what was expected on that day, so every policy changes: the worst case.
//
// The history is written into `demand_window` as the projection would have; closing and all that follows is the real
// thing: the stock processes close the day and publish its windows, a forecast process decides and forecasts.
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { outlookOf } from "../../actors/forecast/live/outlook.ts";
import { newSeries } from "../../actors/forecast/live/series_state.ts";
import { OnhandError } from "../../shared/errors.ts";
import { partition } from "../../streams/partition.ts";
import { toToken } from "../../streams/subjects.ts";
import { type BenchSystem, openBenchSystem } from "./bench_system.ts";
import type { Correctness } from "./result.ts";

export type PlanningScore = {
  /** From closed windows to the last policy in the log, s. */
  policiesS: number;
  /** To the last forecast in Postgres, s. */
  forecastsS: number;
  /** From the start of the forecast process to the last policy of all, s: all series at once, none known. */
  startS: number;
  correct: Correctness;
};

export const PLANNING_SKUS = 10_000;
const HISTORY_DAYS = 180;
const LOCATION = "bench";
const POLL_MS = 20;
const WAIT_MS_MAX = 240_000;
const MINUTES_A_DAY = 1_440;

export async function benchPlanning(
  say: (line: string) => void,
  skus: number = PLANNING_SKUS,
): Promise<PlanningScore> {
  // Yesterday stays open until the stock role is started with no grace.
  const system = await openBenchSystem({
    say,
    stockEnv: { ONHAND_WINDOW_GRACE_MINUTES: String(MINUTES_A_DAY) },
  });
  try {
    say(`writing ${HISTORY_DAYS} days of ${skus} SKUs`);
    await writeHistory(system, skus);
    const startedMs = performance.now();
    system.spawnForecast({ ONHAND_FORECAST_THREADS: "2" });
    await until("first policies", async () => (await appliedPolicies(system)) >= skus);
    const startS = (performance.now() - startedMs) / 1000;
    await until("first forecasts", async () => (await keptForecasts(system)) >= skus);
    say("closing a day");
    await sellMuch(system);
    await system.stock?.stop();
    const { policiesMs, forecastsMs } = await closeDay(system, skus);
    const correct = await check(system, skus);
    return { policiesS: policiesMs / 1000, forecastsS: forecastsMs / 1000, startS, correct };
  } finally {
    await system.close();
  }
}

/** Starts the stock role without grace, which closes yesterday, and times what follows. */
async function closeDay(system: BenchSystem, skus: number) {
  const closed = watchClosing(system);
  await system.startStock({ ONHAND_WINDOW_GRACE_MINUTES: "0" });
  const closedAtMs = await closed;
  await until("policies", async () => (await appliedPolicies(system)) >= 2 * skus);
  const policiesMs = performance.now() - closedAtMs;
  await until("forecasts", async () => (await keptForecasts(system)) >= 2 * skus);
  return { policiesMs, forecastsMs: performance.now() - closedAtMs };
}

/** Resolves with the time at which the first shard had closed its windows. */
async function watchClosing(system: BenchSystem): Promise<number> {
  let atMs = 0;
  await until("closed windows", async () => {
    const [row] = await system.database.run(
      (sql) => sql<{ closed: number }[]>`
        select count(*)::int4 as closed from demand_watermark
        where location = ${LOCATION} and closed_to >= current_date`,
    );
    atMs = performance.now();
    return (row?.closed ?? 0) > 0;
  });
  return atMs;
}

/** Windows of the days up to the day before yesterday closed, yesterday's open. */
async function writeHistory(system: BenchSystem, skus: number): Promise<void> {
  const names = Array.from({ length: skus }, (_, i) => `BENCH-${i}`);
  const { epoch, shards } = system.topology;
  const shardOf = names.map((sku) => partition(toToken(sku), shards));
  await system.database.run(
    (sql) => sql`
      insert into demand_watermark (shard, location, grain, time_zone, closed_to)
      select s, ${LOCATION}, 'day', 'UTC', (current_date - 1)::timestamp at time zone 'UTC'
      from generate_series(0, ${shards - 1}) s`,
  );
  await system.database.run(
    (sql) => sql`
      insert into demand_window (sku, location, window_start, window_end, local_day, shard, demand, orders,
        largest_order, minutes_open, closed, version)
      select n.sku, ${LOCATION}, day at time zone 'UTC', (day + interval '1 day') at time zone 'UTC', day::date,
        n.shard, d.units, d.units, 1, 1440, day::date < current_date - 1,
        ${`${String(epoch).padStart(4, "0")}.00000000000000.000000001`}
      from unnest(${names}::text[], ${shardOf}::int2[]) with ordinality as n (sku, shard, nth),
        generate_series((current_date - ${HISTORY_DAYS}::int4)::timestamp, (current_date - 1)::timestamp,
          interval '1 day') as day,
        lateral (select floor((hashtext(n.sku || day) & 65535) / 32768.0
          * (0.6 + 20.0 / (1 + n.nth % 50)))::int8 as units) d
      where d.units > 0`,
    WAIT_MS_MAX,
  );
  await system.database.run((sql) => sql`analyze demand_window`);
}

/** Yesterday sold far more of everything. */
async function sellMuch(system: BenchSystem): Promise<void> {
  await system.database.run(
    (sql) => sql`
      with all_skus as (select distinct sku, shard from demand_window where location = ${LOCATION})
      insert into demand_window as w (sku, location, window_start, window_end, local_day, shard, demand,
        orders, largest_order, minutes_open, version)
      select sku, ${LOCATION}, (current_date - 1)::timestamp at time zone 'UTC',
        current_date::timestamp at time zone 'UTC', current_date - 1, shard, 400, 200, 2, 1440,
        '0001.00000000000000.000000001'
      from all_skus
      on conflict (sku, location, window_start) do update
        set demand = 20 * w.demand + 200, orders = 10 * w.orders + 100`,
    WAIT_MS_MAX,
  );
}

/** Policy commands that stand applied in the log, by their ledger rows. */
async function appliedPolicies(system: BenchSystem): Promise<number> {
  const [row] = await system.database.run(
    (sql) => sql<{ count: number }[]>`
      select count(*)::int4 as count from stock_transaction
      where type = 'policy' and outcome = 'applied'`,
  );
  return row?.count ?? 0;
}

async function keptForecasts(system: BenchSystem): Promise<number> {
  const [row] = await system.database.run(
    (sql) => sql<{ count: number }[]>`select count(*)::int4 as count from forecast`,
  );
  return row?.count ?? 0;
}

/** Each SKU has two policies, the second higher, and a forecast of today. */
async function check(system: BenchSystem, skus: number): Promise<Correctness> {
  await until("the table policy", async () => {
    const [row] = await system.database.run(
      (sql) =>
        sql<{ count: number }[]>`select count(*)::int4 as count from policy where version = 2`,
    );
    return (row?.count ?? 0) >= skus;
  });
  const [row] = await system.database.run(
    (sql) => sql<{ raised: number; forecast: number }[]>`
      select
        (select count(*)::int4 from policy a join policy b using (sku, location)
          where a.version = 1 and b.version = 2
            and (b.plan->>'reorderPoint')::int8 > (a.plan->>'reorderPoint')::int8) as raised,
        (select count(*)::int4 from forecast where first_day = current_date) as forecast`,
  );
  const { raised = 0, forecast = 0 } = row ?? {};
  const what = `${raised} of ${skus} reorder points raised, ${forecast} forecasts of the new day`;
  return { ok: raised === skus && forecast === skus, what };
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > endMs)
      throw new OnhandError("bench_failed", `Cannot bench: no ${what} after ${WAIT_MS_MAX} ms`);
    await sleep(POLL_MS);
  }
}

// ---------------------------------------------------------------- memory

const MEMORY_SERIES = 20_000;
const MEMORY_DAYS = 365;

/** Bytes a series with a year of days takes in the working set; in a process of its own. */
export async function benchSeriesMemory(): Promise<number> {
  const script = fileURLToPath(import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, "memory"]);
  return Number(stdout);
}

function measureMemory(): number {
  const used = () => {
    (globalThis as unknown as { gc: () => void }).gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const all = new Map<string, ReturnType<typeof newSeries>>();
  const none = new Map<string, readonly number[]>();
  for (let i = 0; i < MEMORY_SERIES; i++) {
    const series = newSeries(`SKU-${i}`, "store-1");
    for (let day = 20_000; day < 20_000 + MEMORY_DAYS; day++)
      series.demand.put({
        day,
        demand: (i + day) % 9,
        lost: 0,
        orders: 1,
        largestOrder: 1,
        minutesOpen: 600,
        minutesOutOfStock: 0,
        version: `0001.${String(day).padStart(14, "0")}.000000001`,
      });
    series.item = {
      category: "Shirts",
      unitCost: 100,
      shelfLifeDays: undefined,
      minimum: 1,
      multiple: 1,
      vendor: "",
      promisedDays: undefined,
      receiptDays: none,
    };
    const cause = `10.${i} a day, 7.0 days lead time, z 1.4${i} (calibrated)`;
    series.inForce = { mode: "autopilot", reorderPoint: i, orderUpTo: i, safetyStock: i, cause };
    series.figures = { perDay: i, daysKnown: 365, monthMean: i + 0.5, monthSd: i + 0.1 };
    const path = Array.from({ length: 28 }, (_, k) => i + k / 7);
    series.outlook = outlookOf({ mean: path, middle: path, high: path }, 20_365);
    all.set(`store-1\n${series.sku}`, series);
  }
  const bytes = (used() - before) / MEMORY_SERIES;
  return all.size === MEMORY_SERIES ? bytes : Number.NaN;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === "memory")
  process.stdout.write(`${measureMemory()}\n`);
