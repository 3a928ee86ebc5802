// Pure.
// What a ledger in memory says of an identity, as actors/runtime/ports.ts promises of Postgres.

import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import type { Lookup } from "../../actors/runtime/machine.ts";

/** Every row of the positions where the identity was decided, by its hash and id, whatever keys they stand at. */
export function rowsOf(ledger: readonly LedgerRow[], lookup: Lookup): LedgerRow[] {
  const placeOf = ({ epoch, seq, index }: LedgerRow) => `${epoch}.${seq}.${index}`;
  const known = ledger.filter(
    (row) =>
      row.cause === "command" &&
      row.id === lookup.id &&
      row.identityHigh === lookup.identityHigh &&
      row.identityLow === lookup.identityLow,
  );
  if (known.length === 0) return [];
  const places = new Set(known.map(placeOf));
  return structuredClone(ledger.filter((row) => places.has(placeOf(row))));
}

/** Rows of applied voids that name it. */
export function voidsOf(ledger: readonly LedgerRow[], lookup: Lookup): LedgerRow[] {
  return ledger.filter(
    (row) =>
      row.type === "void" &&
      row.cause === "command" &&
      row.outcome === "applied" &&
      row.sku === lookup.sku &&
      row.location === lookup.location &&
      (JSON.parse(row.extra ?? "{}") as { of?: string }).of === lookup.id,
  );
}
