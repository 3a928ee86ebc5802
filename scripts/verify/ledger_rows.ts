// Owns comparing the ledger's rows with those the log gives when it is folded again, row by row: also rows that
// change no level (rejections, policies), which are all that is remembered of an old identity (S2, S4).
//
// Rows are taken as the fold makes them and compared a page at a time with the ledger's up to the same entry; of each page
// the first row that differs is named.
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import type { Database } from "../../shared/postgres.ts";
import type { Differences } from "./difference.ts";

const PAGE_ROWS = 5_000;
/** Rows of the ledger read for a page beyond those expected; one is enough to name what nobody made. */
const MORE_ROWS = 1;

/** What is compared of a row. `cured`: Postgres refused its payload, so that it went in without, its reason too. */
type Compared = {
  seq: number;
  index: number;
  ordinal: number;
  sku: string;
  location: string;
  /** 64 bits as a signed decimal. */
  identity: string | null;
  digest: number;
  outcome: string;
  reason: string | null;
  sellable: number;
  reserved: number;
  unavailable: number;
  backordered: number;
  inTransit: number;
  onOrder: number;
};
type Found = Compared & { cured: boolean };
type Field = keyof Compared;

export type LedgerRowsOptions = {
  database: Database;
  epoch: number;
  shard: number;
  /** Last entry that is not folded again. */
  afterSeq: number;
  differences: Differences;
};

export class LedgerRows {
  private readonly o: LedgerRowsOptions;
  private page: Compared[] = [];
  /** Everything up to here was compared. */
  private doneSeq: number;

  constructor(options: LedgerRowsOptions) {
    this.o = options;
    this.doneSeq = options.afterSeq;
  }

  /** Takes the rows of the next entry; what it returns must be awaited before the one after it. */
  add(rows: readonly LedgerRow[]): Promise<void> | undefined {
    for (const row of rows) this.page.push(comparedOf(row));
    const last = this.page.at(-1);
    return this.page.length < PAGE_ROWS || last === undefined ? undefined : this.upTo(last.seq);
  }

  /** Compares what is left, up to entry `seq`, which is the last that was folded. */
  async upTo(seq: number): Promise<void> {
    if (seq <= this.doneSeq) return;
    const expected = this.page;
    this.page = [];
    const found = await this.read(seq, expected.length + MORE_ROWS);
    this.doneSeq = seq;
    const at = expected.findIndex((row, i) => !isSame(row, found[i]));
    const first = at < 0 ? expected.length : at;
    if (first < expected.length || found.length > first) this.tell(expected[first], found[first]);
  }

  private read(toSeq: number, limit: number): Promise<Found[]> {
    const { database, epoch, shard } = this.o;
    return database.run(
      (sql) => sql<Found[]>`
        select seq, index, ordinal, sku, location, identity::text as identity, digest, outcome, reason,
          delta_sellable as sellable, delta_reserved as reserved, delta_bucket as unavailable,
          delta_backordered as backordered, delta_in_transit as "inTransit", delta_on_order as "onOrder",
          cause = 'command' and id is null as cured
        from stock_transaction
        where epoch = ${epoch} and shard = ${shard} and seq > ${this.doneSeq} and seq <= ${toSeq}
        order by seq, index, ordinal limit ${limit}`,
    );
  }

  /** The first of two rows that should be one. */
  private tell(expected: Compared | undefined, found: Found | undefined): void {
    const order = expected === undefined ? 1 : found === undefined ? -1 : inOrder(expected, found);
    const { seq, index, ordinal, sku, location } = (order <= 0 ? expected : found) as Compared;
    const place = `row ${seq}.${index}.${ordinal}`;
    const base = { between: "ledger", shard: this.o.shard, sku, location } as const;
    const { differences } = this.o;
    if (order !== 0 || expected === undefined || found === undefined) {
      const row = {
        expected: order < 0 ? expected : undefined,
        found: order > 0 ? found : undefined,
      };
      differences.add({ ...base, field: place, ...row });
      return;
    }
    for (const field of fieldsOf(expected))
      if (!isSameField(expected, found, field))
        differences.add({
          ...base,
          field: `${field} of ${place}`,
          expected: expected[field],
          found: found[field],
        });
  }
}

function comparedOf(row: LedgerRow): Compared {
  const { seq, index, ordinal, sku, location, identityHigh, identityLow, outcome, reason } = row;
  const identity =
    identityHigh === null || identityLow === null
      ? null
      : BigInt.asIntN(64, (BigInt(identityHigh) << 32n) | BigInt(identityLow)).toString();
  return {
    seq,
    index,
    ordinal,
    sku,
    location,
    identity,
    digest: row.digest | 0,
    outcome,
    reason,
    sellable: row.deltaSellable,
    reserved: row.deltaReserved,
    unavailable: row.deltaBucket,
    backordered: row.deltaBackordered,
    inTransit: row.deltaInTransit,
    onOrder: row.deltaOnOrder,
  };
}

const fieldsOf = (row: Compared) => Object.keys(row) as Field[];

function isSame(expected: Compared, found: Found | undefined): boolean {
  return (
    found !== undefined && fieldsOf(expected).every((field) => isSameField(expected, found, field))
  );
}

function isSameField(expected: Compared, found: Found, field: Field): boolean {
  return expected[field] === found[field] || (field === "reason" && found.cured);
}

/** Below zero when `a` stands before `b` in the ledger, zero when they stand in one place. */
function inOrder(a: Compared, b: Compared): number {
  return a.seq - b.seq || a.index - b.index || a.ordinal - b.ordinal;
}
