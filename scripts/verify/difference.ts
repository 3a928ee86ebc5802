// Pure.
// What verification found to differ, named so that a person can look at it.

export type Difference = {
  /**
   * log: the log is not the one that was folded, or lacks entries. ledger: its sums against the
   * checkpoint, its rows against the log folded again. tables: levels of the checkpoint against its other tables. fold:
   * the checkpoint against the log folded again. registry: Redis.
   */
  between: "log" | "ledger" | "tables" | "fold" | "registry";
  shard: number;
  /** Empty, with the location, when the shard as a whole differs. */
  sku: string;
  /** Empty when the SKU as a whole differs. */
  location: string;
  /** Which field, or what is wrong with all of it. */
  field: string;
  expected: unknown;
  found: unknown;
};

/** A key as text, for maps and sets. */
export function placeOf({ sku, location }: { sku: string; location: string }): string {
  return `${location}\u0000${sku}`;
}

/** Differences kept whole; the rest is only counted. */
export const DIFFERENCES_KEPT_MAX = 1_000;

/** Differences as they are found. */
export class Differences {
  readonly kept: Difference[] = [];
  total = 0;

  add(difference: Difference): void {
    this.total++;
    if (this.kept.length < DIFFERENCES_KEPT_MAX) this.kept.push(difference);
  }
}

/** One line for a person. */
export function describeDifference(d: Difference): string {
  if (d.between === "log") return `log: shard ${d.shard}: ${d.field}: ${String(d.found)}`;
  const shard = `shard ${d.shard}`;
  const at = d.location === "" ? "" : ` at ${d.location}`;
  const key = d.sku === "" ? shard : `${d.sku}${at} (${shard})`;
  return `${d.between}: ${key}: ${d.field} is ${show(d.found)}, expected ${show(d.expected)}`;
}

function show(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
