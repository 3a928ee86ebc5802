// Owns the calendar windows are made with: grain, time zone and opening hours of each location, as this shard
// folded with them. A location that gets another zone (or the house another grain) has its windows made anew from
// the ledger: a till's Tuesday is that of its street, also last year. Other opening hours hold from now on.

import { openMinutes } from "../../../shared/opening_hours.ts";
import type { Transaction } from "../../../shared/postgres.ts";
import type { LedgerPrefix } from "./projection.ts";
import { nextVersion } from "./window_rows.ts";

export type WindowSettings = {
  /** Length of a window. */
  grain: "day" | "hour";
  /** How long after a window's end late facts are waited for before it closes, in ms. */
  graceMs: number;
};

type Place = { location: string; timeZone: string; opens: string | null };

/**
 * Registers the locations of the range that was summed which were never seen in this shard. Windows of their past are closed from the
 * start: an imported year is written once.
 */
export async function meetLocations(
  sql: Transaction,
  { shard }: LedgerPrefix,
  { grain, graceMs }: WindowSettings,
): Promise<void> {
  const places = await sql<(Place & { appendedAt: Date })[]>`
    select t.location, coalesce(l.time_zone, 'UTC') as "timeZone", l.opens, t."appendedAt"
    from (select location, max(appended_at) as "appendedAt" from range_sum group by location) t
    left join location l on l.location = t.location
    where not exists (select from demand_watermark m
      where m.shard = ${shard} and m.location = t.location)`;
  for (const { location, timeZone, opens, appendedAt } of places) {
    const watermark = new Date(appendedAt.getTime() - graceMs);
    await sql`
      insert into demand_watermark (shard, location, grain, time_zone, opens, hours, closed_to)
      values (${shard}, ${location}, ${grain}, ${timeZone}, ${opens},
        ${hoursOf(opens)}::text::int4multirange, window_start(${grain}, ${timeZone}, ${watermark}))`;
  }
}

/** Follows what changed of known locations; returns those whose windows must be made anew. */
export async function followLocations(
  sql: Transaction,
  shard: number,
  { grain }: WindowSettings,
): Promise<readonly string[]> {
  const changed = await sql<(Place & { isStale: boolean })[]>`
    select m.location, coalesce(l.time_zone, 'UTC') as "timeZone", l.opens,
      m.rebuild or m.grain <> ${grain} or m.time_zone <> coalesce(l.time_zone, 'UTC') as "isStale"
    from demand_watermark m
    left join location l on l.location = m.location
    where m.shard = ${shard} and (m.rebuild or m.grain <> ${grain}
      or m.time_zone <> coalesce(l.time_zone, 'UTC') or m.opens is distinct from l.opens)`;
  for (const { location, timeZone, opens } of changed) {
    await sql`
      update demand_watermark set grain = ${grain}, time_zone = ${timeZone}, opens = ${opens},
        hours = ${hoursOf(opens)}::text::int4multirange, rebuild = false,
        closed_to = window_start(${grain}, ${timeZone}, closed_to)
      where shard = ${shard} and location = ${location}`;
  }
  return changed.filter(({ isStale }) => isStale).map(({ location }) => location);
}

/** Takes away all windows of locations; those that do not come back are told as removed. */
export async function clearWindows(
  sql: Transaction,
  folded: LedgerPrefix,
  locations: readonly string[],
): Promise<void> {
  const { shard } = folded;
  const names = [...locations];
  await sql`delete from stock_out where shard = ${shard} and location = any(${names}::text[])`;
  await sql`
    with gone as (
      delete from demand_window where shard = ${shard} and location = any(${names}::text[])
      returning sku, location, window_start
    )
    insert into demand_due (shard, sku, location, window_start, version, removed)
    select ${shard}, sku, location, window_start, ${nextVersion(sql, folded)}, true from gone
    on conflict (shard, sku, location, window_start)
    do update set version = excluded.version, removed = true`;
}

/** Hours that are not understood (the edge refuses them) count as always open. */
function hoursOf(opens: string | null): string | null {
  return opens === null ? null : (openMinutes(opens) ?? null);
}
