// Owns finding what voids undo. A void names an id, which with its own key is the identity the ledger has the undone row by
// (shared/ledger_key.ts): one look into each partition's index, where the key alone would have all of its history read.
// Identities are reckoned here, so voids are read first: a range without any looks into nothing but itself.

import { identityText } from "../../../shared/identity_hash.ts";
import { ofKey } from "../../../shared/ledger_key.ts";
import type { Fragment, Transaction } from "../../../shared/postgres.ts";

/** A void as `voidColumns` reads it. */
export type VoidRow = { sku: string; location: string; undoes: string | null };

/** SQL: of a void, as `t`, what `undone` takes. */
export function voidColumns(sql: Transaction): Fragment {
  return sql`t.sku, t.location, t.epoch, t.seq, t.index, t.at, t.demand, t.lost, t.delta_sellable, t.delta_bucket,
    t.extra->>'of' as undoes`;
}

/**
 * SQL, after `from`: voids as `t`, and as `o` the first row of what each undid, of nulls when there is none. An id may have been used
 * again after the identity days: it is the last use. `epoch + 0`, for with the plain column the planner may walk the index of entries
 * in place of a sort: 4 ms a void with 60 partitions for 0.2.
 */
export function undone(sql: Transaction, voids: readonly VoidRow[]): Fragment {
  const named = voids.map((row) => {
    const { location, sku, undoes } = row;
    return { ...row, identity: undoes === null ? null : identityText(location, sku, undoes) };
  });
  return sql`
    json_to_recordset(${JSON.stringify(named)}::text::json) as t (sku text, location text, epoch int4, seq int8, index int2,
      at timestamptz, demand int8, lost int8, delta_sellable int8, delta_bucket int8, undoes text, identity int8)
    left join lateral (
      select p.sku, p.location, p.hold, p.type, p.at, p.demand, p.extra from stock_transaction p
      where ${sql.unsafe(ofKey("p", "t.sku", "t.location"))} and p.identity = t.identity and p.id = t.undoes
        and p.cause = 'command' and p.outcome = 'applied'
        and (p.epoch + 0, p.seq, p.index) < (t.epoch, t.seq, t.index)
      order by p.epoch + 0 desc, p.seq desc, p.index desc, p.ordinal limit 1) o on true`;
}
