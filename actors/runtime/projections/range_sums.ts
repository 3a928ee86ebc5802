// Owns the one reading of a range of the ledger for the demand windows: what its rows come to, key by key and quarter
// of an hour by quarter, in a temporary table of the step's transaction. The folds read that and, but for the few
// rows whose order matters, not the ledger: a wide row costs more to read than all that is asked of it.

import { PROJECTION_PIECE_ROWS, PROJECTION_PIECES_MAX } from "../../../shared/limits.ts";
import type { Fragment, Transaction } from "../../../shared/postgres.ts";
import { inEntryPieces, type Rest } from "./projection.ts";
import { type FoldRange, inRange } from "./window_rows.ts";

const TABLE = `
  create temporary table if not exists range_sum (
    sku text not null, location text not null, quarter timestamptz not null, appended_at timestamptz not null,
    tells bool not null, demand int8, lost int8, orders int8 not null, largest int8, returns int8, transfers int8,
    counts int8, moved_at timestamptz, was_out bool, is_supplied bool,
    has_parts bool not null, has_voids bool not null, is_taken_back bool not null, part int4 not null
  ) on commit delete rows;
  create index if not exists range_sum_part on range_sum (part)`;

/** Keys are spread over so many parts, so that a piece of work can be some of them; a power of two. */
const PARTS = 1024;

/** Whether a range holds rows whose order is looked up, parts of a hold and voids; and whether one unmakes demand. */
export type OrderKinds = { hasParts: boolean; hasVoids: boolean; isTakenBack: boolean };

/** What a range holds, and how many sums there are. */
export type RangeKinds = OrderKinds & { rows: number };

/** Some keys: those whose `part` lies in [from, to). */
export type KeyPiece = { from: number; to: number };

/** Rows that say something of a window. */
export function telling(sql: Transaction): Fragment {
  return sql`(t.demand <> 0 or t.lost <> 0 or t.cause = 'countCorrection'
    or (t.outcome = 'applied' and t.type in ('return', 'ship', 'arrive', 'count', 'adjust', 'void')))`;
}

/** Those of them whose order is looked up: parts of a hold, and voids. */
export function related(sql: Transaction): Fragment {
  return sql`((t.demand <> 0 and t.hold is not null) or (t.type = 'void' and t.cause = 'command'))`;
}

/** Rows after which a level may be another. */
export function moves(sql: Transaction): Fragment {
  return sql`((t.delta_sellable <> 0 or t.delta_reserved <> 0 or (t.type = 'count' and t.bucket is null))
    and t.location <> '-' and t.outcome = 'applied')`;
}

/** Rows from which on a key's stock is known. */
export function supplies(sql: Transaction): Fragment {
  return sql`(t.cause = 'command' and t.type in ('count', 'receipt', 'arrive'))`;
}

/**
 * What a row is to its window, most frequent first, for a comparison of texts costs: 0 nothing, 1 related,
 * 2 related and taken back; what stands by itself: 3 demand or lost demand, 4 a return, 5 a transfer, 6 a count.
 */
function kind(sql: Transaction): Fragment {
  return sql`case
    when t.demand <> 0 and t.hold is not null then case when t.demand < 0 then 2 else 1 end
    when t.type = 'sale' and t.cause = 'command' then case when t.demand <> 0 or t.lost <> 0 then 3 else 0 end
    when not ${telling(sql)} then 0
    when ${related(sql)} then case when t.demand < 0 then 2 else 1 end
    when t.cause = 'countCorrection' or t.type in ('count', 'adjust') then 6
    when t.cause = 'command' and t.type in ('ship', 'arrive') then 5
    when t.cause = 'command' and t.type = 'return' and t.outcome = 'applied' then 4
    else 3 end`;
}

/** The part of a key, by its SKU. */
export function partOf(sql: Transaction, sku: Fragment = sql`sku`): Fragment {
  return sql`hashtext(${sku}) & ${PARTS - 1}`;
}

/** All keys of a table with parts, some hundred of its rows a piece. */
export function keyPieces(rows: number): KeyPiece[] {
  const count = Math.min(Math.ceil(rows / PROJECTION_PIECE_ROWS), PROJECTION_PIECES_MAX);
  return Array.from({ length: count }, (_, i) => ({
    from: Math.floor((i * PARTS) / count),
    to: Math.floor(((i + 1) * PARTS) / count),
  }));
}

/** Restricts a table with parts to a piece. */
export function inPiece(sql: Transaction, { from, to }: KeyPiece): Fragment {
  return sql`part >= ${from} and part < ${to}`;
}

/**
 * Fills `range_sum`: the facts of rows that stand by themselves, and of each key the last movement, whether any left it
 * out of stock and whether any supplied it. A quarter of an hour lies in one window, whatever the zone: since 1973
 * all zones are whole quarters from UTC; what is older stands by itself.
 */
export async function sumRange(
  sql: Transaction,
  range: FoldRange,
  rest: Rest,
): Promise<RangeKinds> {
  await sql.unsafe(TABLE);
  await sql`delete from range_sum`;
  await inEntryPieces(range, rest, (piece) => sumPiece(sql, piece));
  const [kinds] = await sql<RangeKinds[]>`
    select coalesce(bool_or(has_parts), false) as "hasParts", coalesce(bool_or(has_voids), false) as "hasVoids",
      coalesce(bool_or(is_taken_back), false) as "isTakenBack", count(*)::int4 as rows from range_sum`;
  return kinds as RangeKinds;
}

async function sumPiece(sql: Transaction, range: FoldRange): Promise<void> {
  // Of the ledger's end the statistics know nothing yet: a sort of what is taken for one row, of thousands, costs more.
  await sql`set local enable_sort = off`;
  await sql`
    insert into range_sum
    select sku, location, quarter, max(appended_at), max(kind) >= 3,
      sum(demand) filter (where kind >= 3), sum(lost) filter (where kind >= 3),
      count(*) filter (where kind >= 3 and demand > 0), max(demand) filter (where kind >= 3 and demand > 0),
      sum(case kind when 4 then qty end), sum(case kind when 5 then delta_sellable end),
      sum(case kind when 6 then delta_sellable end),
      max(at) filter (where moves), bool_or(is_out) filter (where moves), bool_or(moves and supplies),
      bool_or(kind in (1, 2) and is_held), bool_or(kind in (1, 2) and not is_held), bool_or(kind = 2), ${partOf(sql)}
    from (
      select t.sku, t.location, t.appended_at, t.at, t.demand, t.lost, t.qty, t.delta_sellable,
        case when t.at < '1973-01-01' then t.at else date_bin('15 minutes', t.at, 'epoch') end as quarter,
        t.sellable <= t.reserved as is_out, t.hold is not null as is_held, ${kind(sql)} as kind, ${moves(sql)} as moves,
        ${supplies(sql)} as supplies
      from stock_transaction t
      where ${inRange(sql, range)}
      offset 0
    ) r
    group by sku, location, quarter`;
  await sql`set local enable_sort = on`;
}
