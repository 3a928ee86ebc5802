// Pure.
// A row of the ledger as the stock machine writes it: what changed, by what, and the level after it. S7

import type { DecisionLine } from "../../shared/decisions.ts";
import type { LedgerRow, RowCause } from "../runtime/ledger_row.ts";
import { ADJUST, type Command, typeName } from "./command.ts";
import { extraOf } from "./extra.ts";
import type { Delta, KeyState } from "./state.ts";

/** What a row takes of the shard it is of. */
export type RowContext = {
  readonly epoch: number;
  readonly shard: number;
  readonly seq: number;
  readonly index: number;
  readonly now: number;
  readonly delta: Delta;
  /** Number of the next row of this position. */
  ordinal: number;
  /** Rows of the command so far: the first carries what no column takes. */
  commandRows: number;
  /** Lines of a hold that is refused. */
  readonly lines: readonly DecisionLine[] | null;
};

/** The row of `s.delta` as the ledger takes it, with the levels after it. */
export function rowOf(
  s: RowContext,
  key: KeyState,
  c: Command | null,
  cause: RowCause,
  atMs: number,
  hold: string | null,
): LedgerRow {
  const d = s.delta;
  const own = cause === "command" && c !== null;
  return {
    epoch: s.epoch,
    shard: s.shard,
    seq: s.seq,
    index: s.index,
    ordinal: s.ordinal++,
    sku: key.sku.sku,
    location: key.location,
    id: own ? c.id : null,
    identityHigh: own ? c.high >>> 0 : null,
    identityLow: own ? c.low >>> 0 : null,
    digest: own ? c.digest >>> 0 : 0,
    type: c !== null ? typeName(c.type) : cause === "passed" ? "tick" : "hold",
    cause,
    outcome: "applied",
    reason: null,
    at: atMs,
    appendedAt: s.now,
    qty: own && (c.qty >= 0 || c.type === ADJUST) ? Math.abs(c.qty) : null,
    deltaSellable: d.sellable,
    deltaReserved: d.reserved,
    bucket: d.bucket,
    deltaBucket: d.inBucket,
    deltaBackordered: d.backordered,
    deltaInTransit: d.inTransit,
    deltaOnOrder: d.onOrder,
    sellable: key.sellable,
    unavailable: key.unavailable,
    reserved: key.reserved,
    backordered: key.backordered,
    inTransit: key.inTransit,
    onOrder: key.onOrder,
    channel: own ? c.channel : null,
    ref: own ? c.ref : null,
    price: own ? c.price : null,
    cost: own ? c.cost : null,
    currency: own ? c.currency : null,
    hold,
    backfill: c?.backfill ?? false,
    lost: d.lost,
    demand: d.demand,
    extra: own && s.commandRows++ === 0 ? extraOf(s.now, c, key, s.lines) : null,
  };
}
