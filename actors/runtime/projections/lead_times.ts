// Owns the lead times learnt from the log: days from placing an order to its goods, for each vendor, SKU and
// location. A projection of order lines and receipts; rules in docs/SPEC.md, section 14.
//
// L1. One order line is one observation: the mean of its receipts' days weighed by their units, so that parts
//     that came late weigh as much as they are. A voided receipt weighs no more.
// L2. Placed is the `at` of the first `order` entry of the line that was open; what was received before is none.
// L3. The vendor is that of the purchase order; without one, the only vendor whose catalog has the SKU; else ''.
// L4. The newest LEAD_TIME_LINES_MAX lines count; one that took longer than three medians counts as three: a
//     forgotten order is no lead time.

import { LEAD_TIME_LINES_MAX } from "../../../shared/limits.ts";
import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import { type LedgerRange, type Projection, rowsOf } from "./projection.ts";
import { onManyRows } from "./query_plans.ts";
import { undone, type VoidRow, voidColumns } from "./undone.ts";

/** @param defaultDays lead time of a SKU of which nothing tells one, for the view stock_transaction_logs */
export function leadTimes(defaultDays: number): Projection {
  return {
    name: "lead-times",
    async prepare(sql) {
      await sql`
        insert into planning as p (lead_time_days) values (${defaultDays})
        on conflict (one) do update set lead_time_days = excluded.lead_time_days
        where p.lead_time_days <> excluded.lead_time_days`;
    },
    async fold(sql, range) {
      const skus = await foldLines(sql, range);
      if (skus.length > 0) await learn(sql, skus);
    },
  };
}

/** Takes orders and receipts into their lines; returns the SKUs of lines that changed. */
async function foldLines(sql: Transaction, range: LedgerRange): Promise<string[]> {
  const [moved] = await sql<{ skus: string[] | null; voids: VoidRow[] | null }[]>`
    with moved as materialized (
      select * from stock_transaction t
      where ${rowsOf(sql, range)}
        and t.type in ('order', 'receipt', 'void') and t.cause = 'command' and t.outcome = 'applied'
    ),
    changed as (${addToLines(
      sql,
      range,
      sql`
      select t.sku, t.location, t.extra->>'order' as order_id, t.extra->>'line' as line, t.at as placed_at,
        0::int8 as received, null::timestamptz as received_at, t.at
      from moved t
      where t.type = 'order' and t.extra->>'status' in ('placed', 'confirmed', 'delayed', 'shipped')
      union all
      select t.sku, t.location, t.extra->>'order', coalesce(t.extra->>'line', '1'), null, t.qty, t.at, t.at
      from moved t
      where t.type = 'receipt' and t.extra->>'order' <> ''`,
    )})
    select (select array_agg(sku) from changed) as skus,
      (select json_agg(v) from (select ${voidColumns(sql)} from moved t where t.type = 'void') v) as voids`;
  const skus = new Set(moved?.skus);
  for (const sku of await takeBack(sql, range, moved?.voids ?? [])) skus.add(sku);
  return [...skus];
}

/** Takes voided receipts off their lines; returns the SKUs of those. */
async function takeBack(
  sql: Transaction,
  range: LedgerRange,
  voids: readonly VoidRow[],
): Promise<string[]> {
  if (voids.length === 0) return [];
  const rows = await onManyRows(
    sql,
    async () =>
      await sql<{ sku: string }[]>`${addToLines(
        sql,
        range,
        sql`
        select t.sku, t.location, o.extra->>'order' as order_id, coalesce(o.extra->>'line', '1') as line,
          null::timestamptz as placed_at, t.delta_sellable + t.delta_bucket as received,
          null::timestamptz as received_at, t.at
        from ${undone(sql, voids)}
        where o.type = 'receipt' and o.extra->>'order' <> ''`,
      )}`,
  );
  return rows.map(({ sku }) => sku);
}

/** SQL: adds what is told of order lines to them, and returns their SKUs. */
function addToLines(sql: Transaction, { shard }: LedgerRange, told: Fragment): Fragment {
  return sql`
    insert into lead_time_line as l (sku, location, order_id, line, shard, placed_at, received, unit_days,
      received_at)
    select sku, location, order_id, line, ${shard}, min(placed_at), sum(received)::int8,
      sum(received * extract(epoch from at) / 86400)::float8, max(received_at)
    from (${told}) t group by sku, location, order_id, line
    on conflict (sku, location, order_id, line) do update set
      shard = excluded.shard,
      placed_at = least(l.placed_at, excluded.placed_at),
      received = l.received + excluded.received,
      unit_days = l.unit_days + excluded.unit_days,
      received_at = greatest(l.received_at, excluded.received_at)
    returning sku`;
}

/** Learns the lead times of SKUs anew from their lines. */
async function learn(sql: Transaction, skus: readonly string[]): Promise<void> {
  const names = [...skus];
  await sql`delete from lead_time where sku = any(${names}::text[])`;
  await sql`
    with line as (
      select l.sku, l.location, l.order_id, l.line, l.received_at,
        coalesce(p.vendor, c.vendor, '') as vendor,
        l.unit_days / l.received - extract(epoch from l.placed_at)::float8 / 86400 as days
      from lead_time_line l
      left join purchase_order p on p.purchase_order = l.order_id
      left join lateral (
        select min(vendor) as vendor from vendor_catalog where sku = l.sku having count(*) = 1) c on true
      where l.sku = any(${names}::text[]) and l.received > 0 and l.placed_at is not null
    ),
    listed as (
      select sku, vendor, place as location, days, received_at, order_id, line, row_number() over (
        partition by sku, vendor, place order by received_at desc, order_id desc, line desc) as nth
      from line cross join lateral (values (location), ('')) as places (place)
      where days >= 0
    ),
    most as (
      select sku, vendor, location, greatest(1, 3 * percentile_cont(0.5) within group (order by days)) as days
      from listed where nth <= ${LEAD_TIME_LINES_MAX} group by sku, vendor, location
    )
    insert into lead_time (sku, vendor, location, n, mean_days, sd_days, last_days, last_at, days)
    select l.sku, l.vendor, l.location, count(*), avg(least(l.days, m.days)), stddev_samp(least(l.days, m.days)),
      (array_agg(l.days order by l.nth))[1], max(l.received_at), array_agg(l.days order by l.nth desc)
    from listed l
    join most m on m.sku = l.sku and m.vendor = l.vendor and m.location = l.location
    where l.nth <= ${LEAD_TIME_LINES_MAX}
    group by l.sku, l.vendor, l.location`;
}
