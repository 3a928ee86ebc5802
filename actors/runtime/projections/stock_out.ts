// Owns the minutes a key is out of stock: a fold of ledger rows with a carried state for each key (`stock_out`).
//
// O1. A key is out of stock while its level says available <= 0. A level begins at its row's `at`, but not before
//     the row before it: what comes late mends the time since then, no more.
// O2. Known from the first count, receipt or arrival of sellable units on; before, nothing is said.
// O3. Only open time counts. After STOCK_OUT_DAYS_MAX without a movement no more is counted: the item is gone.
// O4. Time up to `counted_to` is in the windows: up to the last movement, and to where windows are closed. A row
//     from before it takes back what was counted too much. So the sums depend on the rows and the
//     watermark alone, not on when and how often this ran.

import { STOCK_OUT_DAYS_MAX } from "../../../shared/limits.ts";
import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import { inEntryPieces, inPieces, type LedgerPrefix, type Rest } from "./projection.ts";
import { onManyRows } from "./query_plans.ts";
import { inPiece, type KeyPiece, keyPieces, moves, partOf, supplies } from "./range_sums.ts";
import { addToWindows, type FoldRange, inRange, nextVersion, putDue } from "./window_rows.ts";

const LIMIT = `${STOCK_OUT_DAYS_MAX} days`;

/**
 * Of a step's transaction: keys whose movements have an order that matters, with the state carried so far (null: their
 * stock was not known), and those movements. What is asked row by row is asked of these: plans are kept, and those
 * made while `stock_out` was empty would read all of it for each row.
 */
const TABLES = `
  create temporary table if not exists ordered_key (
    sku text not null, location text not null, is_out bool, since timestamptz, counted_to timestamptz,
    part int4 not null, primary key (sku, location)
  ) on commit delete rows;
  create index if not exists ordered_key_part on ordered_key (part);
  create temporary table if not exists ordered_movement (
    sku text not null, location text not null, seq int8 not null, index int2 not null, ordinal int4 not null,
    at timestamptz not null, is_out bool not null, supplies bool not null, since timestamptz, part int4 not null
  ) on commit delete rows;
  create index if not exists ordered_movement_part on ordered_movement (part)`;

/** Folds the movements of the range that was summed. */
export async function foldStockOut(
  sql: Transaction,
  range: FoldRange,
  pieces: readonly KeyPiece[],
  rest: Rest,
): Promise<void> {
  await sql.unsafe(TABLES);
  await sql`delete from ordered_key`;
  let keys = 0;
  await inPieces(pieces, rest, async (piece) => {
    keys += await foldInStock(sql, range, piece);
  });
  if (keys === 0) return;
  await sql`delete from ordered_movement`;
  let rows = 0;
  await inEntryPieces(range, rest, async (piece) => {
    rows += await takeMovements(sql, piece);
  });
  await inPieces(keyPieces(rows), rest, async (piece) => {
    await addToWindows(sql, range, outChanges(sql, range.shard, spans(sql, range, piece)));
    await carryOn(sql, range, piece);
  });
  await meetKeys(sql, range);
}

/**
 * Carries on the keys that were in stock before and after every movement: nothing is counted for them, so their
 * order does not matter and a sum by key will do. Most keys of most ranges are such. The others, but for those
 * whose stock is not known yet, go to `ordered_key`.
 * @returns how many went there
 */
async function foldInStock(
  sql: Transaction,
  { shard }: FoldRange,
  piece: KeyPiece,
): Promise<number> {
  const { count } = await sql`
    with touched as materialized (
      select sku, location, max(moved_at) as at, bool_or(was_out) as was_out,
        bool_or(is_supplied) as is_supplied
      from range_sum where moved_at is not null and ${inPiece(sql, piece)}
      group by sku, location
    ),
    found as materialized (
      select n.*, k.is_out, k.since as since_before, k.counted_to, greatest(k.since, n.at) as since
      from touched n left join lateral (
        select * from stock_out k where k.sku = n.sku and k.location = n.location) k on true
    ),
    in_stock as (
      update stock_out k set shard = ${shard}, since = n.since,
        counted_to = greatest(n.since, least(coalesce(m.closed_to, n.since), n.since + ${LIMIT}::interval))
      from found n
      join demand_watermark m on m.shard = ${shard} and m.location = n.location
      where k.sku = n.sku and k.location = n.location and not n.is_out and not n.was_out
    )
    insert into ordered_key select sku, location, is_out, since_before, counted_to, ${partOf(sql)} from found
    where (is_out is null and is_supplied) or is_out or (is_out is not null and was_out)`;
  return count;
}

/** Takes the movements of `ordered_key` from a piece of the range; tells how many. */
async function takeMovements(sql: Transaction, range: FoldRange): Promise<number> {
  const { count } = await sql`
    insert into ordered_movement
    select t.sku, t.location, t.seq, t.index, t.ordinal, t.at, t.is_out, t.supplies, k.since, k.part
    from (
      select t.sku, t.location, t.seq, t.index, t.ordinal, t.at, t.sellable <= t.reserved as is_out,
        ${supplies(sql)} as supplies
      from stock_transaction t
      where ${inRange(sql, range)} and ${moves(sql)}
      offset 0
    ) t
    join ordered_key k on k.sku = t.sku and k.location = t.location`;
  return count;
}

/** Counts the time out of stock up to where the windows of each location close. `due`: location, boundary. */
export async function countOutTo(
  sql: Transaction,
  folded: LedgerPrefix,
  due: Fragment,
): Promise<void> {
  const { shard } = folded;
  const open = sql`
    select k.sku, k.location, k.counted_to as from_at,
      least(d.boundary, k.since + ${LIMIT}::interval) as to_at, 1 as sign
    from stock_out k join (${due}) d on d.location = k.location
    where k.shard = ${shard} and k.is_out`;
  await addToWindows(sql, folded, outChanges(sql, shard, open));
  await sql`
    update stock_out k set counted_to = c.to_at
    from (${open}) c
    where k.sku = c.sku and k.location = c.location and k.counted_to < c.to_at`;
}

/** Movements of a piece whose stock is known, each with the time from which its level holds. */
function movements(sql: Transaction, piece: KeyPiece): Fragment {
  return sql`
    select m.sku, m.location, m.seq, m.index, m.ordinal, m.is_out,
      greatest(m.since, max(m.at) over (
        partition by m.sku, m.location order by m.seq, m.index, m.ordinal)) as at
    from (
      select t.*, bool_or(t.supplies) over (
          partition by t.sku, t.location order by t.seq, t.index, t.ordinal) as is_supplied
      from ordered_movement t
      where ${inPiece(sql, piece)}
    ) m
    where m.since is not null or m.is_supplied`;
}

/** Spans of time out of stock that the range adds (sign 1), or takes back from what was counted (sign -1). */
function spans(sql: Transaction, range: FoldRange, piece: KeyPiece): Fragment {
  return sql`
    with movement as materialized (${movements(sql, piece)}),
    span as (
      select v.sku, v.location, v.is_out, v.at as from_at, coalesce(lead(v.at) over (
        partition by v.sku, v.location order by v.seq, v.index, v.ordinal), m.closed_to) as to_at
      from movement v
      join demand_watermark m on m.shard = ${range.shard} and m.location = v.location
    ),
    carried as (
      select k.*, least(n.at, k.since + ${LIMIT}::interval) as to_at
      from (select sku, location, min(at) as at from movement group by sku, location) n
      join ordered_key k on k.sku = n.sku and k.location = n.location
      where k.is_out and ${inPiece(sql, piece)}
    )
    select sku, location, from_at, least(to_at, from_at + ${LIMIT}::interval) as to_at, 1 as sign
    from span where is_out and to_at is not null
    union all
    select sku, location, counted_to, to_at, 1 from carried
    union all
    select sku, location, to_at, counted_to, -1 from carried`;
}

/** Spans as changes of their windows, in open time. What ends before it begins is none. */
function outChanges(sql: Transaction, shard: number, spansOut: Fragment): Fragment {
  return sql`
    select sku, location, start, 0::int8 as demand, 0::int8 as lost, 0::int8 as orders, 0::int8 as largest,
      0::int8 as returns, 0::int8 as transfers, 0::int8 as counts, sum(ms)::int8 as out_ms
    from (
      select p.sku, p.location, w.window_start as start, p.sign * open_ms(m.hours, m.time_zone, w.local_day,
        case when m.hours @> 11520 then is_holiday(p.location, w.local_day) end,
        greatest(p.from_at, w.window_start), least(p.to_at, w.window_end)) as ms
      from (${spansOut}) p
      join demand_watermark m on m.shard = ${shard} and m.location = p.location
      cross join lateral windows_between(m.grain, m.time_zone, p.from_at, p.to_at) w
      where p.from_at < p.to_at
    ) f
    group by sku, location, start having sum(ms) <> 0`;
}

/** Leaves the state after the range. */
async function carryOn(sql: Transaction, { shard }: FoldRange, piece: KeyPiece): Promise<void> {
  await onManyRows(
    sql,
    async () =>
      await sql`
      with movement as materialized (${movements(sql, piece)})
      insert into stock_out (sku, location, shard, known_since, since, is_out, counted_to)
      select distinct on (v.sku, v.location) v.sku, v.location, ${shard}::int2,
        min(v.at) over (partition by v.sku, v.location), v.at, v.is_out,
        greatest(v.at, least(coalesce(m.closed_to, v.at), v.at + ${LIMIT}::interval))
      from movement v
      join demand_watermark m on m.shard = ${shard} and m.location = v.location
      order by v.sku, v.location, v.seq desc, v.index desc, v.ordinal desc
      on conflict (sku, location) do update set
        shard = excluded.shard, since = excluded.since, is_out = excluded.is_out,
        counted_to = excluded.counted_to`,
  );
}

/** Windows of keys whose stock is known from now on say 0 where they said nothing. */
async function meetKeys(sql: Transaction, range: FoldRange): Promise<void> {
  const [met] = await sql`select from ordered_key where since is null limit 1`;
  if (met === undefined) return;
  await sql`
    with changed as (
      update demand_window w set out_of_stock_ms = 0, version = ${nextVersion(sql, range)}
      from ordered_key n
      join stock_out k on k.sku = n.sku and k.location = n.location
      where n.since is null and w.sku = k.sku and w.location = k.location
        and w.window_end > k.known_since and w.out_of_stock_ms is null
      returning w.shard, w.sku, w.location, w.window_start, w.version
    )
    ${putDue(sql)}`;
}
