// Owns what time and signals do to windows: they close once the watermark of their location has passed their end,
// and tell which promotions and holidays were in force.

import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import type { LedgerPrefix } from "./projection.ts";
import { countOutTo } from "./stock_out.ts";
import { nextVersion, putDue } from "./window_rows.ts";

/** A write of signals takes no longer to appear; so long after it signals are looked at again, and then no more. */
const SIGNALS_OVERLAP = "10 seconds";

/**
 * Closes the windows that end by `watermarkMs`, and counts the time out of stock up to there. A location is closed
 * up to the start of its window that holds the watermark.
 */
export async function closeWindows(
  sql: Transaction,
  folded: LedgerPrefix,
  watermarkMs: number,
): Promise<void> {
  const { shard } = folded;
  const due = dueLocations(sql, shard, watermarkMs);
  const [first] = await sql`${due} limit 1`;
  if (first === undefined) return;
  await countOutTo(sql, folded, due);
  await sql`
    with changed as (
      update demand_window w set closed = true, version = ${nextVersion(sql, folded)}
      from (${due}) d
      where w.shard = ${shard} and w.location = d.location and not w.closed
        and w.window_end <= d.boundary and w.window_start >= coalesce(d.closed_to, '-infinity')
      returning w.shard, w.sku, w.location, w.window_start, w.version
    )
    ${putDue(sql)}`;
  await sql`
    update demand_watermark m set closed_to = d.boundary from (${due}) d
    where m.shard = ${shard} and m.location = d.location`;
}

function dueLocations(sql: Transaction, shard: number, watermarkMs: number): Fragment {
  return sql`
    select m.location, m.closed_to, b.boundary
    from demand_watermark m
    cross join lateral (select window_start(m.grain, m.time_zone,
      to_timestamp(${watermarkMs}::float8 / 1000)) as boundary) b
    where m.shard = ${shard} and (m.closed_to is null or m.closed_to < b.boundary)`;
}

/** Restates the windows of days whose signals were written since the last look. */
export async function followSignals(sql: Transaction, folded: LedgerPrefix): Promise<void> {
  const { shard } = folded;
  const news = await sql`
    select from demand_watermark m
    join signal s on s.location in ('', m.location) and s.updated_at > m.signals_seen
    where m.shard = ${shard} limit 1`;
  if (news.length === 0) return;
  await sql`
    with day as (
      select distinct m.location, m.hours, m.time_zone, s.day
      from demand_watermark m
      join signal s on s.location in ('', m.location) and s.updated_at > m.signals_seen
      where m.shard = ${shard}
    ),
    told as (
      select w.sku, w.location, w.window_start, signals_on(w.location, w.sku, w.local_day) as signals,
        case when d.hours @> 11520 then open_ms(d.hours, d.time_zone, w.local_day,
          is_holiday(w.location, w.local_day), w.window_start, w.window_end) / 60000
          else w.minutes_open end as minutes_open
      from demand_window w join day d on d.location = w.location and d.day = w.local_day
      where w.shard = ${shard}
    ),
    changed as (
      update demand_window w set signals = t.signals, minutes_open = t.minutes_open,
        out_of_stock_ms = least(w.out_of_stock_ms, t.minutes_open * 60000::int8),
        version = ${nextVersion(sql, folded)}
      from told t
      where w.sku = t.sku and w.location = t.location and w.window_start = t.window_start
        and (w.signals, w.minutes_open) is distinct from (t.signals, t.minutes_open)
      returning w.shard, w.sku, w.location, w.window_start, w.version
    )
    ${putDue(sql)}`;
  await sql`
    update demand_watermark
    set signals_seen = greatest(signals_seen, now() - ${SIGNALS_OVERLAP}::interval)
    where shard = ${shard}`;
}
