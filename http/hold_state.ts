// Pure.
// What a hold still holds, from its rows of the checkpoint and the ledger rows after it: units are sums of
// deltas, the end is what the last row says.
//
//     held -> fulfilled | released | expired

import { type Row, timeOf } from "./ledger_rows.ts";

export type HoldStatus = "held" | "fulfilled" | "released" | "expired";

/** One line of a hold. */
export type HoldLineState = {
  sku: string;
  location: string;
  /** Units still held, and still waited for. */
  qty: number;
  backordered: number;
  status: HoldStatus;
  /** Null: firm. */
  expiresAt: string | null;
  channel?: string;
};

/**
 * The lines of one hold.
 * @param checkpoint rows of table `hold`  @param after its ledger rows since, in order of the log
 */
export function holdLines(checkpoint: readonly Row[], after: readonly Row[]): HoldLineState[] {
  const lines = new Map<string, HoldLineState>();
  const keyOf = (row: Row) => JSON.stringify([row.sku, row.location]);
  for (const row of checkpoint) {
    const firm = row.firm === true || row.expires_at === null;
    lines.set(keyOf(row), {
      sku: String(row.sku),
      location: String(row.location),
      qty: Number(row.qty),
      backordered: Number(row.backordered),
      status: row.status as HoldStatus,
      expiresAt: firm ? null : timeOf(row.expires_at),
      ...(row.channel === null ? {} : { channel: String(row.channel) }),
    });
  }
  for (const row of after) {
    const key = keyOf(row);
    const line = lines.get(key) ?? emptyLine(row);
    if (fold(line, row)) lines.set(key, line);
  }
  return [...lines.values()];
}

function emptyLine(row: Row): HoldLineState {
  return {
    sku: String(row.sku),
    location: String(row.location),
    qty: 0,
    backordered: 0,
    status: "held",
    expiresAt: null,
    ...(row.channel === null ? {} : { channel: String(row.channel) }),
  };
}

/** Books one row into a line; false when it says nothing of the hold (a refusal). */
function fold(line: HoldLineState, row: Row): boolean {
  if (row.outcome !== "applied") return false;
  if (row.type === "hold" && row.cause === "command" && line.status !== "held") {
    line.status = "held"; // a finished id was used again
    line.qty = 0;
    line.backordered = 0;
  }
  // Once firm it stays firm, whatever is asked of it later.
  const isFirm = line.expiresAt === null && (line.qty > 0 || line.backordered > 0);
  line.qty += Number(row.delta_reserved);
  line.backordered += Number(row.delta_backordered);
  const extra = (row.extra ?? {}) as { ttlMs?: number | null; outcome?: string };
  if (extra.ttlMs === null) line.expiresAt = null;
  else if (extra.ttlMs !== undefined && !isFirm) {
    line.expiresAt = new Date(Date.parse(timeOf(row.appended_at)) + extra.ttlMs).toISOString();
  }
  if (line.qty === 0 && line.backordered === 0) line.status = endBy(row, extra.outcome);
  return true;
}

function endBy(row: Row, sealedAs: string | undefined): HoldStatus {
  if (row.cause === "expiry") return "expired";
  if (row.type === "fulfill" || row.type === "sale" || row.cause === "holdSettled") {
    return "fulfilled";
  }
  return row.type === "seal" && sealedAs === "fulfilled" ? "fulfilled" : "released";
}
