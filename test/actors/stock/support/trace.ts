// Traces of a fold as text, for golden files: what was sent, what was decided, booked and told.
import type { LedgerRow } from "../../../../actors/runtime/ledger_row.ts";
import type { Decision } from "../../../../shared/decisions.ts";
import { Fold, type Json } from "./fold.ts";

/** A fold that writes down everything; times are told from its beginning. */
export class Traced {
  readonly fold: Fold;
  readonly lines: string[] = [];
  private rows = 0;
  private effects = 0;
  private readonly startMs: number;

  constructor(startMs: number, fold = new Fold()) {
    this.fold = fold;
    this.startMs = startMs;
    fold.nowMs = startMs;
  }

  /** Sends one command of a key at a time of day (`11:00`, `+1d 08:00`) and writes down what came of it. */
  send(clock: string, command: Json): Decision {
    const atMs = this.at(clock);
    const decision = this.fold.send(command, Math.max(atMs, this.startMs));
    const { type, sku, location, ...fields } = command;
    const extra = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
    this.lines.push(`${clock} ${type} ${sku}@${location}${extra}`);
    this.told(decision);
    return decision;
  }

  /** Milliseconds since 1970 of a time of day. */
  at(clock: string): number {
    const [, days, hour, minute] = /^(?:\+(\d+)d )?(\d\d):(\d\d)$/.exec(clock) ?? [];
    const midnight = Math.floor(this.startMs / 86_400_000) * 86_400_000;
    return (
      midnight + Number(days ?? 0) * 86_400_000 + Number(hour) * 3_600_000 + Number(minute) * 60_000
    );
  }

  iso(clock: string): string {
    return new Date(this.at(clock)).toISOString();
  }

  private told({ outcome, first, reason, detail, level, lines }: Decision): void {
    const words = [outcome, first, reason].filter((word) => word !== undefined).join(" ");
    this.lines.push(`    = ${words}${detail === undefined ? "" : ` (${detail})`}`);
    for (const line of lines ?? []) {
      this.lines.push(`      ${line.sku}@${line.location} ${line.qty}, short ${line.short}`);
    }
    const { out } = this.fold;
    for (const row of out.rows.slice(this.rows)) this.lines.push(`    . ${rowText(row)}`);
    for (const { kind, message } of out.effects.slice(this.effects)) {
      this.lines.push(`    ! ${effectText(kind, message as unknown as Json)}`);
    }
    this.rows = out.rows.length;
    this.effects = out.effects.length;
    if (level !== undefined && outcome !== "duplicate")
      this.lines.push(`    ${levelText(level as unknown as Json)}`);
  }

  text(): string {
    return `${this.lines.join("\n")}\n`;
  }
}

function rowText(row: LedgerRow): string {
  const deltas: [string, number][] = [
    ["sellable", row.deltaSellable],
    ["reserved", row.deltaReserved],
    [row.bucket ?? "bucket", row.deltaBucket],
    ["backordered", row.deltaBackordered],
    ["inTransit", row.deltaInTransit],
    ["onOrder", row.deltaOnOrder],
    ["demand", row.demand],
    ["lost", row.lost],
  ];
  const changes = deltas
    .filter(([, by]) => by !== 0)
    .map(([name, by]) => `${name} ${by > 0 ? "+" : ""}${by}`);
  const what = row.outcome === "rejected" ? `rejected ${row.reason}` : row.cause;
  return `${row.sku}@${row.location} ${what}${changes.length === 0 ? "" : `: ${changes.join(", ")}`}`;
}

function effectText(kind: string, message: Json): string {
  const { id: _, epoch, shard, seq, index, sku, location, at, ...rest } = message;
  return `${kind} ${sku}@${location} ${JSON.stringify(rest)}`;
}

function levelText(level: Json): string {
  const { sku, location, version, updatedAt, atp, unavailable, ...units } = level;
  const shown = Object.entries(units).filter(([, n]) => n !== 0);
  const buckets = Object.entries((unavailable ?? {}) as Json);
  return `${sku}@${location} ${[...shown, ...buckets].map(([name, n]) => `${name} ${n}`).join(", ") || "empty"}`;
}
