// Pure.
// How SQL asks the ledger for the rows of a key: by one number made of SKU and location, which the ledger is indexed by
// (scripts/migrations/0004_ledger_indexes.sql, docs/decisions/0006-ledger-indexes.md).

/**
 * SQL: row `t` of the ledger is of the key that two expressions name. Two keys may share a number, so the names are compared
 * too: by a function and not by `=`, which the planner would take for three conditions that have nothing to do with each
 * other, and expect next to no rows of a key that has a million.
 */
export function ofKey(t: string, sku: string, location: string): string {
  return (
    `(ledger_key(${t}.sku, ${t}.location) = ledger_key(${sku}, ${location})` +
    ` and texteq(${t}.sku, ${sku}) and texteq(${t}.location, ${location}))`
  );
}

/**
 * SQL: row `t` of the ledger is the first of a command at another key than it named (`-`, for which the actor chose): these are
 * looked up by identity alone.
 */
export function isElsewhere(t: string): string {
  return `${t}.extra ?| array['location', 'sku']`;
}

/**
 * SQL: a row of `stock_transaction` that the index of places has for telling where a SKU is. Before the first row of a key all was
 * zero, so it is among them; few others are.
 */
export const PLACE_ROW = "sellable = delta_sellable and reserved = delta_reserved";
