// Pure.
// What a hold still holds, from its rows of the checkpoint and the ledger rows after it: units are sums of
// deltas, the end is what the last row says.
//
//     pending -> held -> fulfilled | released | expired
//
// Pending are lines of a hold over several shards before its seal: reserved, and not yet anybody's (S20). A hold id is
// of a SKU, so others may have it too: lines that one command placed together are one hold.

import { HOLD_LINE_GRACE_MS, HOLD_UNSEALED_MS } from "../shared/limits.ts";
import { formatTime } from "../shared/time.ts";
import { type Row, timeOf } from "./ledger_rows.ts";

export type HoldStatus = "pending" | "held" | "fulfilled" | "released" | "expired";

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

export type HoldState = { status: HoldStatus; lines: HoldLineState[] };

/** What the checkpoint keeps of the lines that were placed together. */
type GroupState = {
  home: string | null;
  placedBy: string | null;
  elsewhere: readonly unknown[];
  sealed: boolean;
  ttlMs: number | null;
};

/** The fields of a command that the ledger keeps aside. */
type Extra = {
  ttlMs?: number | null;
  outcome?: string;
  lines?: readonly unknown[];
  home?: string;
  elsewhere?: readonly unknown[];
};

/** A line with the group it is in, null when it was placed alone. */
type Line = HoldLineState & { group: GroupState | null };

/**
 * The hold that `sku` has under the id the rows are of; undefined when it has none.
 * @param checkpoint rows of table `hold`  @param after its ledger rows since, each shard's in order of the log
 */
export function holdState(
  sku: string,
  checkpoint: readonly Row[],
  after: readonly Row[],
): HoldState | undefined {
  const all = linesOf(checkpoint, after);
  const placings = new Set(all.filter((line) => line.sku === sku).map(placingOf));
  placings.delete(undefined);
  const lines = all.filter((line) => line.sku === sku || placings.has(placingOf(line)));
  if (lines.length === 0) return undefined;
  return { status: statusOf(lines), lines: lines.map(({ group: _, ...line }) => line) };
}

/** Whether rows of one shard tell of a hold with lines in others. */
export function spansShards(checkpoint: readonly Row[], after: readonly Row[]): boolean {
  const hasHome = (kept: unknown) => ((kept ?? {}) as Partial<GroupState>).home != null;
  return checkpoint.some((row) => hasHome(row.state)) || after.some((row) => hasHome(row.extra));
}

/** Which command placed a line with others. */
function placingOf({ group }: Line): string | undefined {
  return group === null ? undefined : JSON.stringify([group.home, group.placedBy]);
}

/** Whether home decides of it: such a line lags behind what home has decided. */
const isAway = ({ group }: Line): boolean =>
  group !== null && group.home !== null && group.elsewhere.length === 0;

function statusOf(lines: readonly Line[]): HoldStatus {
  if (lines.some((line) => line.status === "held")) return "held";
  const atHome = lines.filter((line) => !isAway(line));
  const deciding = atHome.length > 0 ? atHome : lines;
  const pending = deciding.find((line) => line.status === "pending");
  return (pending ?? (deciding[0] as Line)).status;
}

// ---------------------------------------------------------------- lines

function linesOf(checkpoint: readonly Row[], after: readonly Row[]): Line[] {
  const lines = new Map<string, Line>();
  const keyOf = (row: Row) => JSON.stringify([row.sku, row.location]);
  for (const row of checkpoint) lines.set(keyOf(row), checkpointed(row));
  let place = "";
  let extra: Extra = {};
  for (const row of after) {
    // Only the first row of a command has what no column takes; it is meant for all of them.
    const at = `${row.shard}.${row.seq}.${row.index}`;
    if (at !== place || row.extra !== null) extra = (row.extra ?? {}) as Extra;
    place = at;
    const key = keyOf(row);
    const line = lines.get(key) ?? emptyLine(row);
    if (fold(line, row, extra)) lines.set(key, line);
  }
  return [...lines.values()];
}

function checkpointed(row: Row): Line {
  const group = row.state as GroupState | null;
  const firm = row.firm === true || row.expires_at === null;
  const isPending = row.status === "held" && group?.sealed === false;
  return {
    ...emptyLine(row),
    qty: Number(row.qty),
    backordered: Number(row.backordered),
    status: isPending ? "pending" : (row.status as HoldStatus),
    expiresAt: firm ? null : timeOf(row.expires_at),
    group,
  };
}

function emptyLine(row: Row): Line {
  return {
    sku: String(row.sku),
    location: String(row.location),
    qty: 0,
    backordered: 0,
    status: "held",
    expiresAt: null,
    ...(row.channel === null ? {} : { channel: String(row.channel) }),
    group: null,
  };
}

/** Books one row into a line; false when it says nothing of it: a refusal, or a command of the others in its name. */
function fold(line: Line, row: Row, extra: Extra): boolean {
  if (row.outcome !== "applied") return false;
  const isPlacing = row.type === "hold" && row.cause === "command";
  const wasLive = isLive(line);
  if (isPlacing && !wasLive) Object.assign(line, emptyLine(row)); // a finished id was used again
  // Once firm it stays firm, whatever is asked of it later.
  const isFirm = line.expiresAt === null && wasLive;
  line.qty += Number(row.delta_reserved);
  line.backordered += Number(row.delta_backordered);
  if (!isLive(line)) {
    if (!wasLive) return false;
    line.status = endBy(row, extra.outcome);
    return true;
  }
  if (isPlacing && extra.lines !== undefined) joinGroup(line, row, extra);
  if (row.cause !== "command") return true;
  if (row.type === "seal") becomeHeld(line, row);
  else if (extra.ttlMs !== undefined && !isFirm) setExpiry(line, row, extra.ttlMs);
  return true;
}

const isLive = (line: Line): boolean => line.qty > 0 || line.backordered > 0;

function joinGroup(line: Line, row: Row, extra: Extra): void {
  line.group = {
    home: extra.home ?? null,
    placedBy: String(row.id),
    elsewhere: extra.elsewhere ?? [],
    sealed: extra.home === undefined,
    ttlMs: extra.ttlMs ?? null,
  };
  if (!line.group.sealed) line.status = "pending";
}

/** Sealed as held: lives as long as was asked, from now on. Sealed so again it is no news. */
function becomeHeld(line: Line, row: Row): void {
  if (line.status !== "pending" || line.group === null) return;
  line.status = "held";
  setExpiry(line, row, line.group.ttlMs);
}

/** As SPEC 7 has it: unsealed lines live briefly, those away from home a grace longer. */
function setExpiry(line: Line, row: Row, ttlMs: number | null): void {
  const isPending = line.status === "pending";
  if (ttlMs === null && !isPending) {
    line.expiresAt = null;
    return;
  }
  const asked = ttlMs ?? HOLD_UNSEALED_MS;
  const ownMs = isPending ? Math.min(asked, HOLD_UNSEALED_MS) : asked;
  const graceMs = isAway(line) ? HOLD_LINE_GRACE_MS : 0;
  line.expiresAt = formatTime(Date.parse(timeOf(row.appended_at)) + ownMs + graceMs);
}

function endBy(row: Row, sealedAs: string | undefined): HoldStatus {
  if (row.cause === "expiry") return "expired";
  if (row.type === "fulfill" || row.type === "sale" || row.cause === "holdSettled") {
    return "fulfilled";
  }
  return row.type === "seal" && sealedAs === "fulfilled" ? "fulfilled" : "released";
}
