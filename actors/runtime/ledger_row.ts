// Pure.
// A row of the ledger (`stock_transaction`): one for each key an entry changed, with its cause, or
// one for a rejection. The command and its decision can be rebuilt from the rows of its position.

/** Why a row stands: the command itself, or something that happened because of it. */
export type RowCause =
  | "command"
  | "countCorrection" // opposite of a fact that happened before an anchor
  | "expiry" // a hold's time ran out
  | "backorderFill" // a backorder was filled by what raised available
  | "holdSettled" // a sale settled (part of) a hold, here or at another location
  | "transfer" // the other side of a ship or arrive: what is in transit to the target
  | "transferLoss"
  | "lostDemand" // demand lost or met after all, booked on another key than the command's
  | "passed"; // time passed: inbound became late, or a quiet time ended; type `tick`

/** Fields in the order of the table; quantities in whole base units, times in ms since 1970. */
export type LedgerRow = {
  epoch: number;
  shard: number;
  seq: number;
  index: number;
  ordinal: number;
  sku: string;
  location: string;
  /** Identity of the command; null on rows with another cause than `command`. */
  id: string | null;
  /** 64-bit hash of (location, sku, id) as two unsigned halves; null when `id` is. */
  identityHigh: number | null;
  identityLow: number | null;
  /** 32-bit digest of the command's content, to tell a repeat from a conflict. */
  digest: number;
  type: string;
  cause: RowCause;
  outcome: "applied" | "rejected";
  reason: string | null;
  at: number;
  /** Log time of the entry (max of the append times so far). */
  appendedAt: number;
  /** The quantity the command named: qty, counted, |delta|, ordered. */
  qty: number | null;
  // Changes by this row.
  deltaSellable: number;
  deltaReserved: number;
  /** The unavailable bucket this row changes, if any; a move between two writes two rows. */
  bucket: string | null;
  deltaBucket: number;
  deltaBackordered: number;
  deltaInTransit: number;
  deltaOnOrder: number;
  // The level after this row.
  sellable: number;
  unavailable: number;
  reserved: number;
  backordered: number;
  inTransit: number;
  onOrder: number;
  // What planners ask for.
  channel: string | null;
  ref: string | null;
  price: number | null;
  cost: number | null;
  currency: string | null;
  hold: string | null;
  backfill: boolean;
  /** Units asked for and met by neither stock nor backorder, counted once per shopper, SKU and day. */
  lost: number;
  /** Units of demand this row makes firm (sale, firm hold), negative when undone. */
  demand: number;
  /** Everything else of the command, as JSON text; null when there is nothing else. */
  extra: string | null;
};
