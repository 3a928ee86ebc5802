// Owns what the ledger said of identities that memory no longer holds. Asked for many entries at once, answered
// for each entry by its own position: M3.
//
// What is committed later than the asking cannot be missed: a row not yet committed is younger than the
// machine's recent identities reach back, and applied voids are remembered here for as long as an
// answer is kept.
import { describeError } from "../../shared/errors.ts";
import type { LedgerRow } from "./ledger_row.ts";
import type { Found, FoundMap, LogEntry, Lookup } from "./machine.ts";
import { lookupKey } from "./machine.ts";
import type { LedgerFind, RunnerPorts } from "./ports.ts";
import { retrying } from "./retry.ts";

const DAY_MS = 86_400_000;
const NOTHING: FoundMap = new Map();

type RememberedVoid = { key: string; seq: number };

export class Lookups {
  private readonly ports: Pick<RunnerPorts, "store" | "clock" | "journal">;
  private readonly epoch: number;
  private readonly identityMs: number;
  private finds = new Map<string, LedgerFind>();
  /** Last entry the finds were asked for: they know nothing of what it and later ones do. */
  private keptTo = 0;
  private voids: RememberedVoid[] = [];

  constructor(
    ports: Pick<RunnerPorts, "store" | "clock" | "journal">,
    options: { epoch: number; identityDays: number },
  ) {
    this.ports = ports;
    this.epoch = options.epoch;
    this.identityMs = options.identityDays * DAY_MS;
  }

  /** Answers for `entry`, or undefined when the ledger must be asked first. */
  answer(entry: LogEntry, lookups: readonly Lookup[], nowMs: number): FoundMap | undefined {
    if (lookups.length === 0) return NOTHING;
    const answers = new Map<string, Found>();
    for (const lookup of lookups) {
      const key = lookupKey(lookup);
      const find = this.finds.get(key);
      if (find === undefined) return undefined;
      answers.set(key, this.foundBefore(entry, key, find, nowMs));
    }
    return answers;
  }

  /** Asks the ledger, again and again while it is away; false when `isEnded` meanwhile. */
  async ask(
    lookups: readonly Lookup[],
    options: { fromMs: number; toSeq: number; isEnded: () => boolean },
  ): Promise<boolean> {
    const { clock, store, journal } = this.ports;
    const unique = [...new Map(lookups.map((lookup) => [lookupKey(lookup), lookup])).values()];
    const sinceMs = options.fromMs - this.identityMs;
    const finds = await retrying(clock, () => store.find(unique, sinceMs), {
      isWanted: () => !options.isEnded(),
      onWait: (error) =>
        journal.warn(
          { error: describeError(error) },
          "the ledger is away: a command that may be an old repeat waits",
        ),
    });
    if (finds === undefined) return false;
    // Instead of what was found before: an older answer does not reach as far.
    this.finds = new Map(finds.map((find) => [lookupKey(find.lookup), find]));
    this.keptTo = options.toSeq;
    return true;
  }

  /** Remembers applied voids; they may be asked about before they are committed. */
  onRows(rows: readonly LedgerRow[]): void {
    for (const row of rows) {
      if (row.type !== "void" || row.outcome !== "applied" || row.cause !== "command") continue;
      const of = voidedId(row.extra);
      if (of === undefined) continue;
      const key = lookupKey({ sku: row.sku, location: row.location, id: of });
      this.voids.push({ key, seq: row.seq });
    }
  }

  /** Forgets what is no longer needed. An answer of before must not meet an entry it was not asked for. */
  onApplied(seq: number, committedSeq: number): void {
    if (this.finds.size > 0) {
      if (seq < this.keptTo) return;
      this.finds.clear();
    }
    if (this.voids.length > 0) this.voids = this.voids.filter((one) => one.seq > committedSeq);
  }

  private foundBefore(entry: LogEntry, key: string, find: LedgerFind, nowMs: number): Found {
    const isBefore = (epoch: number, seq: number) =>
      epoch < this.epoch || (epoch === this.epoch && seq < entry.seq);
    const afterMs = nowMs - this.identityMs;
    const rows = find.rows.filter(
      (row) => isBefore(row.epoch, row.seq) && row.appendedAt > afterMs,
    );
    const first = rows[0];
    if (first === undefined) return null;
    // A void of what had the id before, and was forgotten, is none of this.
    const undoes = (epoch: number, seq: number) =>
      isBefore(epoch, seq) && (epoch - first.epoch || seq - first.seq) >= 0;
    const voided =
      find.voids.some((one) => undoes(one.epoch, one.seq)) ||
      this.voids.some((one) => one.key === key && undoes(this.epoch, one.seq));
    return { rows, voided };
  }
}

function voidedId(extra: string | null): string | undefined {
  if (extra === null) return undefined;
  const value = (JSON.parse(extra) as { of?: unknown }).of;
  return typeof value === "string" ? value : undefined;
}
