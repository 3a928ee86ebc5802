// Pure.
// What the log answers: decisions, and the levels they made. The types everyone shares, from wire to memory.
// Source: design, sections 4 and 9.

/** Place of a command in the log. `index` is 0 outside bundles. */
export type Position = { epoch: number; shard: number; seq: number; index: number };

/** Why a request (or, rarely, a fact) was refused, in order of precedence. */
export const REJECTION_REASONS = [
  "id_conflict", // the same identity came with another content
  "out_of_range", // a level would pass 2^50
  "limit_exceeded", // a bounded collection of this key is full
  "unknown_command", // void of something that is not there, or undone already
  "stale_count", // a count older than 48 hours, or older than the anchor it meets
  "version_conflict", // policy with ifVersion that is not the current one
  "unknown_hold",
  "hold_expired",
  "hold_finished", // fulfilled or released
  "hold_unsealed", // a hold over several shards that home has not sealed yet
  "already_sealed", // another outcome was sealed first
  "channel_closed",
  "backorder_limit",
  "insufficient_available",
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** All quantities of one SKU at one location, whole base units. */
export type Level = {
  sku: string;
  location: string;
  onHand: number;
  sellable: number;
  /** Buckets that are not for sale; only those that are not 0. */
  unavailable: Record<string, number>;
  reserved: number;
  available: number;
  oversold: number;
  backordered: number;
  inTransit: number;
  onOrder: number;
  /** Available to promise by channel; `default` is every channel without a rule. */
  atp: Record<string, number>;
  inventoryPosition: number;
  /** Fixed-width sortable text of (epoch, seq, index): see shared/version.ts. */
  version: string;
  /** Log time of the change, RFC 3339 UTC. */
  updatedAt: string;
};

/**
 * A level as the ledger keeps it: what a repeat is answered with. It has no `unavailable` by bucket (their sum
 * is onHand - sellable), no `atp` and no `inventoryPosition`.
 */
export type LedgerLevel = Omit<Level, "unavailable" | "atp" | "inventoryPosition">;

/** One line of a hold over several keys, or of a hold that let the actor choose. */
export type DecisionLine = {
  sku: string;
  location: string;
  qty: number;
  /** Units missing for this line; 0 when it could be met. */
  short: number;
  level?: Level | LedgerLevel;
  /** Of a refusal read from the ledger, instead of the level. */
  available?: number;
};

/** The answer to a command. `duplicate` repeats the first: `first` is its outcome, and reason, position, at, level are its too. */
export type Decision = {
  id: string;
  outcome: "applied" | "rejected" | "duplicate" | "malformed";
  first?: "applied" | "rejected";
  reason?: RejectionReason | "malformed";
  /** For people: which field, what was found, what was wanted. */
  detail?: string;
  epoch: number;
  shard: number;
  seq: number;
  index: number;
  /** Log time of the decision, RFC 3339 UTC. */
  at: string;
  /** Of the key the command was decided at; a repeat has it as the ledger keeps it. */
  level?: Level | LedgerLevel;
  /** For a hold with lines or without a location; a repeat has none, but for those that the edge adds from the ledger. */
  lines?: DecisionLine[];
  /** Of a hold asked with a time: it was firm in all its lines, so it has no end. A repeat does not tell. */
  firm?: true;
};
