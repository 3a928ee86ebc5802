// The oracle: a second, slow and simple fold of a shard's log, written from docs/SPEC.md and not from the
// machine. It says what every command's outcome is and what every level must be; the simulation holds the
// machine to it. Plain Maps; what can be reckoned (reserved, on order, in transit) is reckoned each time.
import type { LogEntry } from "../../actors/runtime/machine.ts";
import { parseTime } from "../../shared/time.ts";
import { type OracleCommand, type OracleShard, oracleDecode } from "./oracle_decode.ts";
import { applyFact, type FactContext } from "./oracle_facts.ts";
import { applyRequest } from "./oracle_holds.ts";
import { DAY_MS, MINUTE_MS, OracleState } from "./oracle_state.ts";
import { fillBackorders, finishDue, noteIdle } from "./oracle_time.ts";
import type { Verdict } from "./oracle_verdict.ts";

export type OracleDecision = {
  index: number;
  outcome: "applied" | "rejected" | "duplicate" | "malformed";
  first?: "applied" | "rejected";
  reason?: string;
  /** Position of the (first) decision. */
  seq: number;
  at: number;
};

export type OracleOptions = OracleShard & { identityDays: number };

type Identity = {
  content: string;
  command: OracleCommand;
  atMs: number;
  seq: number;
  nowMs: number;
  reason: Verdict;
  voided: boolean;
  demand: number;
};

/** From here on a command may leave the range of exact numbers. */
const BIG = 2 ** 40;

export class Oracle {
  state = new OracleState();
  readonly #options: OracleOptions;
  readonly #identities = new Map<string, Identity>();
  #isBig = false;

  constructor(options: OracleOptions) {
    this.#options = options;
  }

  /** Folds one entry, telling each decision as it falls. */
  fold(entry: LogEntry, onDecision: (decision: OracleDecision) => void): void {
    this.state.nowMs = Math.max(this.state.nowMs, entry.appendedAtMs);
    finishDue(this.state);
    for (const item of oracleDecode(entry, this.#options)) {
      const { index } = item;
      const at = this.state.nowMs;
      if ("malformed" in item)
        onDecision({ index, outcome: "malformed", reason: "malformed", seq: entry.seq, at });
      else onDecision(this.#decide(entry.seq, item));
    }
  }

  #decide(seq: number, command: OracleCommand): OracleDecision {
    const { index, type, sku, location } = command;
    const at = this.state.nowMs;
    if (type === "tick") return { index, outcome: "applied", seq, at };
    const { epoch, shard } = this.#options;
    const name = identityOf(location, sku, command.id ?? `@${epoch}.${shard}.${seq}.${index}`);
    const content = contentOf(command);
    const known = this.#identity(name);
    if (known !== undefined) {
      if (known.content !== content)
        return { index, outcome: "rejected", reason: "id_conflict", seq, at };
      const first = known.reason === undefined ? "applied" : "rejected";
      const reason = known.reason === undefined ? {} : { reason: known.reason };
      return { index, outcome: "duplicate", first, ...reason, seq: known.seq, at: known.nowMs };
    }
    const atMs = this.#bounded(command);
    const { reason, demand } = this.#apply(command, atMs);
    const identity = { content, command, atMs, seq, nowMs: at, reason, voided: false, demand };
    this.#identities.set(name, identity);
    if (reason === undefined) return { index, outcome: "applied", seq, at };
    return { index, outcome: "rejected", reason, seq, at };
  }

  /** What was decided under a name within the identity days. */
  #identity(name: string): Identity | undefined {
    const known = this.#identities.get(name);
    const isKnown =
      known !== undefined && known.nowMs + this.#options.identityDays * DAY_MS > this.state.nowMs;
    return isKnown ? known : undefined;
  }

  #apply(command: OracleCommand, atMs: number): { reason: Verdict; demand: number } {
    this.#isBig ||= isBig(command.body);
    const before = this.#isBig ? this.state.clone() : undefined;
    const context: FactContext = {
      state: this.state,
      options: this.#options,
      atMs,
      first: (id) => this.#identity(identityOf(command.location, command.sku, id)),
      demand: 0,
    };
    const fact = applyFact(context, command);
    const reason = fact === "no fact" ? applyRequest(context, command) : fact;
    // Filling and range are the same for all: at every key, since it changes nothing where nothing changed.
    if (reason === undefined)
      for (const key of this.state.keys.values()) fillBackorders(this.state, key);
    if (before !== undefined && this.state.isOutOfRange()) {
      this.state = before;
      return { reason: "out_of_range", demand: 0 };
    }
    if (context.undone !== undefined) context.undone.voided = true;
    noteIdle(this.state);
    return { reason, demand: context.demand };
  }

  /** When it happened; a clock that is plainly wrong is not believed. */
  #bounded(command: OracleCommand): number {
    const { nowMs } = this.state;
    if (typeof command.body.at !== "string") return nowMs;
    const atMs = parseTime(command.body.at) as number;
    if (atMs > nowMs + 5 * MINUTE_MS) return nowMs;
    if (atMs < (command.body.backfill === true ? 0 : nowMs - 31 * DAY_MS)) return nowMs;
    return atMs;
  }
}

export function identityOf(location: string, sku: string, id: string): string {
  return JSON.stringify([location, sku, id]);
}

function isBig(body: Record<string, unknown>): boolean {
  return Object.values(body).some((value) => typeof value === "number" && Math.abs(value) > BIG);
}

const TIMES = new Set(["at", "eta", "quietUntil", "expires"]);
const SAME_AS_NOTHING: Record<string, unknown> = {
  backfill: false,
  backorder: false,
  final: false,
  bucket: "sellable",
  eta: null,
  quietUntil: null,
};

/** What a command says, whatever the order of its fields and the spelling of times. */
function contentOf(command: OracleCommand): string {
  const { id: _id, sku: _sku, location: _location, ...body } = command.body;
  const fields = Object.entries(body)
    .filter(([name, value]) => !(name in SAME_AS_NOTHING && SAME_AS_NOTHING[name] === value))
    .map(([name, value]) => [name, TIMES.has(name) ? parseTime(String(value)) : sorted(value)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return JSON.stringify(fields);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .map(([key, item]) => [key, sorted(item)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}
