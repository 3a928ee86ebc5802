// Owns reading demand windows of a partition from Postgres: all at the start, single series again when a window was
// missed or an old one restated, and how far each location's windows are closed. `-` is no location: its windows tell what
// was asked for in vain of SKUs that are nowhere.
import type { DemandMessage } from "../../../shared/effects.ts";
import { ANY_LOCATION } from "../../../shared/ids.ts";
import { copyOut, type Database, setLocal } from "../../../shared/postgres.ts";
import { type DayOfDemand, HISTORY_DAYS_MAX } from "./demand_series.ts";
import type { SignalRow } from "./signal_book.ts";

export type SeriesName = { sku: string; location: string };

/** Told of each local day of each series, in no order. Windows of hours come added up. */
export type OnDay = (sku: string, location: string, day: DayOfDemand) => void;

const DAY_MS = 86_400_000;
/** A year of a large partition takes seconds to read. */
const LOAD_LIMIT_MS = 120_000;

const COLUMNS = `sku, location, (local_day - date '1970-01-01')::int4 as day, sum(demand)::int8,
  sum(lost)::int8, sum(orders)::int8, max(largest_order)::int8, sum(minutes_open)::int8, sum(minutes_out_of_stock)::int8, max(version)`;

/** Every window of a shard that is young enough to be learnt from. */
export async function loadWindows(database: Database, shard: number, onDay: OnDay): Promise<void> {
  await database.transaction(
    async (sql) => {
      await setLocal(sql, "shard", shard);
      // Summed in memory: sorted on disk it takes twice as long.
      await sql`set local work_mem = '64MB'`;
      const statement = `copy (select ${COLUMNS} from demand_window
        where shard = current_setting('onhand.shard')::int2
          and local_day > current_date - ${HISTORY_DAYS_MAX} and location <> '${ANY_LOCATION}'
        group by sku, location, local_day) to stdout (format binary)`;
      const types = [
        "text",
        "text",
        "int4",
        "int8",
        "int8",
        "int8",
        "int8",
        "int8",
        "int8",
        "text",
      ] as const;
      await copyOut(sql, statement, types, (row) => {
        const [sku, location, day, demand, lost, orders, largest, open, out, version] = row;
        onDay(sku as string, location as string, {
          day: day as number,
          demand: demand as number,
          lost: lost as number,
          orders: orders as number,
          largestOrder: largest as number,
          minutesOpen: open as number,
          minutesOutOfStock: out as number | null,
          version: version as string,
        });
      });
    },
    { mode: "isolation level repeatable read read only", timeLimitMs: LOAD_LIMIT_MS },
  );
}

type WindowRow = {
  sku: string;
  location: string;
  day: number;
  demand: number;
  lost: number;
  orders: number;
  largestOrder: number;
  open: number;
  out: number | null;
  version: string;
};

/** The windows of some series, as they are now. */
export async function readSeries(
  database: Database,
  names: readonly SeriesName[],
  onDay: OnDay,
): Promise<void> {
  const rows = await database.run(
    (sql) => sql<WindowRow[]>`
      select w.sku, w.location, (w.local_day - date '1970-01-01')::int4 as day,
        sum(w.demand)::int8 as demand, sum(w.lost)::int8 as lost, sum(w.orders)::int8 as orders,
        max(w.largest_order)::int8 as "largestOrder",
        sum(w.minutes_open)::int8 as open, sum(w.minutes_out_of_stock)::int8 as out,
        max(w.version) as version
      from unnest(${names.map((name) => name.sku)}::text[],
        ${names.map((name) => name.location)}::text[]) as n (sku, location)
      join demand_window w on w.sku = n.sku and w.location = n.location
      where w.local_day > current_date - ${HISTORY_DAYS_MAX}::int4
      group by w.sku, w.location, w.local_day`,
  );
  for (const { sku, location, open, out, ...rest } of rows)
    onDay(sku, location, { ...rest, minutesOpen: open, minutesOutOfStock: out });
}

/** The windows of a location's days after `afterDay` through `day`, as they are now. */
export async function readDays(
  database: Database,
  of: { shard: number; location: string; afterDay: number; day: number },
  onDay: OnDay,
): Promise<void> {
  const afterDay = Math.max(of.afterDay, of.day - HISTORY_DAYS_MAX);
  // A day more on either side covers every zone; the index is by time.
  const from = dayText(afterDay - 1);
  const to = dayText(of.day + 3);
  const rows = await database.run(
    (sql) => sql<WindowRow[]>`
      select sku, location, (local_day - date '1970-01-01')::int4 as day,
        sum(demand)::int8 as demand, sum(lost)::int8 as lost, sum(orders)::int8 as orders,
        max(largest_order)::int8 as "largestOrder",
        sum(minutes_open)::int8 as open, sum(minutes_out_of_stock)::int8 as out, max(version) as version
      from demand_window
      where shard = ${of.shard} and location = ${of.location}
        and window_start >= ${from}::text::timestamptz and window_start < ${to}::text::timestamptz
        and local_day > ${dayText(afterDay)}::text::date and local_day <= ${dayText(of.day)}::text::date
      group by sku, location, local_day`,
  );
  for (const { sku, location, open, out, ...rest } of rows)
    onDay(sku, location, { ...rest, minutesOpen: open, minutesOutOfStock: out });
}

/** A location and the newest local day whose windows are closed there. */
export type ClosedThrough = { shard: number; location: string; day: number };

/** How far each location's windows of some shards are closed. */
export async function readClosed(
  database: Database,
  shards: readonly number[],
): Promise<ClosedThrough[]> {
  if (shards.length === 0) return [];
  const rows = await database.run(
    (sql) => sql<ClosedThrough[]>`
      select shard, location,
        ((closed_to at time zone time_zone)::date - date '1970-01-01')::int4 - 1 as day
      from demand_watermark where shard = any(${[...shards]}::int2[]) and closed_to is not null
        and location <> ${ANY_LOCATION}`,
  );
  return [...rows];
}

/** Whether a location was, or will be, closed on a day, where its opening hours are known. */
export async function readHours(
  database: Database,
  locations: readonly string[],
  { fromDay, toDay }: { fromDay: number; toDay: number },
  onDay: (location: string, day: number, isClosed: boolean) => void,
): Promise<void> {
  if (locations.length === 0) return;
  const rows = await database.run(
    (sql) => sql<{ location: string; day: number; closed: boolean }[]>`
      select l.location, (d.local_day - date '1970-01-01')::int4 as day, d.minutes_open = 0 as closed
      from location l
      cross join lateral location_days(l.location, ${dayText(fromDay)}::text::date,
        ${dayText(toDay)}::text::date) d
      where l.location = any(${[...locations]}::text[]) and l.opens is not null`,
  );
  for (const { location, day, closed } of rows) onDay(location, day, closed);
}

/** Signals of the days learnt from and ahead that were written at or after `sinceMs`; all of them for 0. */
export async function readSignals(database: Database, sinceMs: number): Promise<SignalRow[]> {
  const rows = await database.run(
    (sql) => sql<SignalRow[]>`
      select name, location, sku, (day - date '1970-01-01')::int4 as day, value from signal
      where updated_at >= ${new Date(sinceMs).toISOString()}::text::timestamptz
        and day > current_date - ${HISTORY_DAYS_MAX}::int4`,
  );
  return [...rows];
}

/** Days since 1970 of a date such as 2026-03-09. */
export function dayNumber(localDay: string): number {
  return Math.round(Date.parse(`${localDay}T00:00:00Z`) / DAY_MS);
}

/** The date of a day since 1970. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** What a message tells of its local day; undefined when it tells only a part of it: a window of hours. */
export function dayOf(message: DemandMessage): DayOfDemand | undefined {
  const hours = (Date.parse(message.windowEnd) - Date.parse(message.windowStart)) / 3_600_000;
  // Days of clock change have 23 or 25.
  if (hours < 20) return undefined;
  return {
    day: dayNumber(message.localDay),
    demand: message.demand,
    lost: message.lost,
    orders: message.orders,
    largestOrder: message.largestOrder,
    minutesOpen: message.minutesOpen,
    minutesOutOfStock: message.minutesOutOfStock,
    version: message.version,
  };
}
