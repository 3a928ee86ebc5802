// Owns writing demand windows: changes, summed by window, are added to what is there. Whatever changes a window
// gives it a new version and puts it on the list of those to publish.

import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import { type LedgerPrefix, type LedgerRange, rowsOf } from "./projection.ts";
import { onManyRows } from "./query_plans.ts";

/**
 * Of a step's transaction: changes, numbered by the call that adds them, and what a window of a location is, whoever's it
 * is. A year of sales has some thousand of those, and each costs as much as to write a window.
 */
const TABLES = `
  create temporary table if not exists window_change (
    call int4 not null, sku text not null, location text not null, start timestamptz not null, demand int8 not null,
    lost int8 not null, orders int8 not null, largest int8 not null, returns int8 not null, transfers int8 not null,
    counts int8 not null, out_ms int8
  ) on commit delete rows;
  create index if not exists window_change_call on window_change (call);
  create temporary table if not exists window_place (
    location text not null, start timestamptz not null, window_end timestamptz not null, local_day date not null,
    closed bool not null, minutes_open int8 not null, signals jsonb not null, primary key (location, start)
  ) on commit delete rows`;

/** At the start of each step: what `addToWindows` needs. */
export async function makeWindowTables(sql: Transaction): Promise<void> {
  await sql.unsafe(TABLES);
}

/** Rows of a shard to fold; null: those of all locations. */
export type FoldRange = LedgerRange & { locations: readonly string[] | null };

/** Restricts the ledger, as `t`, to a range. */
export function inRange(sql: Transaction, range: FoldRange): Fragment {
  const { locations } = range;
  return sql`${rowsOf(sql, range)}
    and (${locations}::text[] is null or t.location = any(${locations}::text[]))`;
}

/** The next version of a window: it grows with what was folded, and with every change. */
export function nextVersion(sql: Transaction, { epoch, toSeq }: LedgerPrefix): Fragment {
  const prefix = `${String(epoch).padStart(4, "0")}.${String(toSeq).padStart(14, "0")}.`;
  return sql`${prefix}::text || lpad(nextval('demand_version')::text, 12, '0')`;
}

/**
 * Adds changes to their windows, making those that are not there. In three statements, of which two are the same for all
 * kinds of changes: to empty an indexed temporary table has each statement on it planned anew in each step.
 * @param changes a query of sku, location, start, demand, lost, orders, largest, returns, transfers, counts,
 *   out_ms (null: nothing is said of the time out of stock); one row a window
 */
export async function addToWindows(
  sql: Transaction,
  folded: LedgerPrefix,
  changes: Fragment,
): Promise<void> {
  await onManyRows(sql, async () => {
    const { count } = await sql`
      insert into window_change
      select (select coalesce(max(call), 0) + 1 from window_change), c.* from (${changes}) c`;
    if (count === 0) return;
    await meetPlaces(sql, folded);
    await writeNewest(sql, folded);
  });
}

/** Adds the newest changes to their windows. */
async function writeNewest(sql: Transaction, folded: LedgerPrefix): Promise<void> {
  const { shard } = folded;
  await sql`
    with changed as (
      insert into demand_window as w (sku, location, window_start, window_end, local_day, shard, demand, lost,
        orders, largest_order, returns, transfers, counts, minutes_open, out_of_stock_ms, signals, closed, version)
      select c.sku, c.location, c.start, p.window_end, p.local_day, ${shard}, c.demand, c.lost,
        c.orders, c.largest, c.returns, c.transfers, c.counts, p.minutes_open,
        coalesce(c.out_ms, case when (select k.known_since from stock_out k
          where k.sku = c.sku and k.location = c.location) < p.window_end then 0 end),
        case when (select exists (select from signal where sku <> ''))
          then signals_on(c.location, c.sku, p.local_day) else p.signals end,
        p.closed, ${nextVersion(sql, folded)}
      from window_change c
      join window_place p on p.location = c.location and p.start = c.start
      where c.call = (select max(call) from window_change)
      on conflict (sku, location, window_start) do update set
        demand = w.demand + excluded.demand,
        lost = w.lost + excluded.lost,
        orders = w.orders + excluded.orders,
        largest_order = greatest(w.largest_order, excluded.largest_order),
        returns = w.returns + excluded.returns,
        transfers = w.transfers + excluded.transfers,
        counts = w.counts + excluded.counts,
        out_of_stock_ms = case when excluded.out_of_stock_ms is null then w.out_of_stock_ms
          else coalesce(w.out_of_stock_ms, 0) + excluded.out_of_stock_ms end,
        shard = excluded.shard,
        version = excluded.version
      returning shard, sku, location, window_start, version
    )
    ${putDue(sql)}`;
}

/** Works out the windows of the newest changes that no change of this step was in before. */
async function meetPlaces(sql: Transaction, { shard }: LedgerPrefix): Promise<void> {
  await sql`
      insert into window_place
      select s.location, s.start, w.window_end, w.local_day, coalesce(w.window_end <= m.closed_to, false),
        open_ms(m.hours, m.time_zone, w.local_day,
          case when m.hours @> 11520 then is_holiday(s.location, w.local_day) end,
          s.start, w.window_end) / 60000,
        signals_on(s.location, '', w.local_day)
      from (
        select location, start from window_change where call = (select max(call) from window_change)
        except select location, start from window_place
      ) s
      join demand_watermark m on m.shard = ${shard} and m.location = s.location
      cross join lateral windows_between(m.grain, m.time_zone, s.start, s.start + interval '1 second') w`;
}

/** The end of a statement whose CTE `changed` changed windows: lists them to be published. */
export function putDue(sql: Transaction): Fragment {
  return sql`
    insert into demand_due (shard, sku, location, window_start, version)
    select shard, sku, location, window_start, version from changed
    on conflict (shard, sku, location, window_start)
    do update set version = excluded.version, removed = false`;
}
