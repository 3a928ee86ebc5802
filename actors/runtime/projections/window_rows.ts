// Owns writing demand windows: changes, summed by window, are added to what is there. Whatever changes a window
// gives it a new version and puts it on the list of those to publish.

import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import { type LedgerPrefix, type LedgerRange, rowsOf } from "./projection.ts";

/**
 * What a window of a location is, whoever's it is: worked out once in a step's transaction. A year of sales has some
 * thousand of them, and each costs as much as to write a window.
 */
const PLACE = `
  create temporary table if not exists window_place (
    location text not null, start timestamptz not null, window_end timestamptz not null, local_day date not null,
    closed bool not null, minutes_open int8 not null, signals jsonb not null, primary key (location, start)
  ) on commit delete rows`;

/** At the start of each step: what `addToWindows` keeps in mind. */
export async function makePlaces(sql: Transaction): Promise<void> {
  await sql.unsafe(PLACE);
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
 * Runs a statement on rows of the ledger's end, of which Postgres' statistics know nothing yet: it would take them
 * for one row and join thousands by nested loops. Look-ups in tables are written as subqueries then.
 */
export async function onManyRows(sql: Transaction, statement: Fragment) {
  await sql`set local enable_nestloop = off`;
  const rows = await statement;
  await sql`set local enable_nestloop = on`;
  return rows;
}

/**
 * Adds changes to their windows, making those that are not there.
 * @param changes a query of sku, location, start, demand, lost, orders, largest, returns, transfers, counts,
 *   out_ms (null: nothing is said of the time out of stock); one row a window
 */
export async function addToWindows(
  sql: Transaction,
  folded: LedgerPrefix,
  changes: Fragment,
): Promise<void> {
  const { shard } = folded;
  const statement = sql`
    with change as materialized (${changes}),
    asked as materialized (select distinct location, start from change),
    made as (
      insert into window_place
      select s.location, s.start, w.window_end, w.local_day, coalesce(w.window_end <= m.closed_to, false),
        open_ms(m.hours, m.time_zone, w.local_day,
          case when m.hours @> 11520 then is_holiday(s.location, w.local_day) end,
          s.start, w.window_end) / 60000,
        signals_on(s.location, '', w.local_day)
      from (select * from asked except select location, start from window_place) s
      join demand_watermark m on m.shard = ${shard} and m.location = s.location
      cross join lateral windows_between(m.grain, m.time_zone, s.start, s.start + interval '1 second') w
      returning *
    ),
    place as materialized (
      select p.* from window_place p join asked a on a.location = p.location and a.start = p.start
      union all
      select * from made
    ),
    changed as (
      insert into demand_window as w (sku, location, window_start, window_end, local_day, shard, demand, lost,
        orders, largest_order, returns, transfers, counts, minutes_open, out_of_stock_ms, signals, closed, version)
      select c.sku, c.location, c.start, p.window_end, p.local_day, ${shard}, c.demand, c.lost,
        c.orders, c.largest, c.returns, c.transfers, c.counts, p.minutes_open,
        coalesce(c.out_ms, case when (select k.known_since from stock_out k
          where k.sku = c.sku and k.location = c.location) < p.window_end then 0 end),
        case when (select exists (select from signal where sku <> ''))
          then signals_on(c.location, c.sku, p.local_day) else p.signals end,
        p.closed, ${nextVersion(sql, folded)}
      from change c
      join place p on p.location = c.location and p.start = c.start
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
  await onManyRows(sql, statement);
}

/** The end of a statement whose CTE `changed` changed windows: lists them to be published. */
export function putDue(sql: Transaction): Fragment {
  return sql`
    insert into demand_due (shard, sku, location, window_start, version)
    select shard, sku, location, window_start, version from changed
    on conflict (shard, sku, location, window_start)
    do update set version = excluded.version, removed = false`;
}
