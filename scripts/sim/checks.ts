// Owns what must hold while a run goes on. What must hold at its end is in final_checks.ts. The first thing
// found wrong is the run's failure.
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import type { Machine } from "../../actors/runtime/machine.ts";
import type { Commit, CommitOutcome, LevelWrite } from "../../actors/runtime/ports.ts";
import type { ShardEnd } from "../../actors/runtime/shard_host.ts";
import type { Decision, Level } from "../../shared/decisions.ts";
import { REPLY_PREFIX } from "../../streams/subjects.ts";
import type { FaultLog } from "./faults.ts";
import type { HouseWatch } from "./house.ts";
import type { Promptness } from "./promptness.ts";
import type { StoreWatch } from "./store_port.ts";
import type { Trace } from "./trace.ts";
import type { Folded, MachineWatch } from "./watched_machine.ts";

/** Every so many entries the digest of each machine is compared with that of all others. */
export const DIGEST_EVERY = 32;

/** A run is over: something did not hold. */
export class CheckFailed extends Error {}

export class Checks implements HouseWatch, MachineWatch {
  /** What was found wrong first. */
  failure: string | undefined;
  /** Places of the entries somebody folded. */
  readonly folded = new Set<string>();
  /** Decisions of each entry, as whoever was asked for them first made them, by place. */
  readonly decisions = new Map<string, string>();
  /** The same, without their places: what an answer may be. */
  readonly #decided = new Set<string>();
  /** Who halted which shard (`haltOf`): allowed when the log was tampered with. */
  readonly halts = new Set<string>();
  /** Commits that took place, by shard: where each began and ended. */
  commits = 0;
  answers = 0;
  readonly #digests = new Map<string, string>();
  readonly #levels = new Map<string, string>();
  readonly #committed = new Map<number, number>();
  readonly #trace: Trace;
  readonly #faults: FaultLog;
  /** Whether the log of a shard is no longer the one that was written. */
  isTampered: (shard: number) => boolean = () => false;
  shardOf: (sku: string) => number = () => 0;
  /** Asked where nothing may be late. */
  promptness: Promptness | undefined;

  constructor(trace: Trace, faults: FaultLog) {
    this.#trace = trace;
    this.#faults = faults;
  }

  fail(text: string): void {
    if (this.failure !== undefined) return;
    this.failure = text;
    this.#trace.add(`FAILED: ${text}`);
  }

  expect(holds: boolean, text: () => string): void {
    if (!holds) this.fail(text());
  }

  /** S3, S4: whoever folds an entry decides the same and has the same state after it. */
  onFolded = ({ shard, seq, machine, out, skipped }: Folded): void => {
    // Where entries were lost others stand now: two truths are no fault of who folds them.
    if (this.isTampered(shard)) return;
    const place = `${shard}/${seq}`;
    this.folded.add(place);
    this.promptness?.onDecided(shard, seq);
    if (out.isAsked) {
      const decisions = `[${out.decisions.join(",")}]`;
      this.#same(this.decisions, place, decisions, "S4: decisions of entry");
      this.#decided.add(decisions);
    }
    this.expect(
      machine.position().seq === seq,
      () => `S11: machine stands at ${machine.position().seq} after entry ${place}`,
    );
    if (skipped || seq % DIGEST_EVERY === 0) this.compareDigest(shard, machine);
  };

  /** S3: whoever stands after an entry has the same state. */
  compareDigest(shard: number, machine: Machine): void {
    const place = `${shard}/${machine.position().seq}`;
    this.#same(this.#digests, place, machine.digest(), "S3: digest after entry");
  }

  /** A text that was kept is that of the level as it is. */
  onLevelTold = (json: string, level: Level): void => {
    const is = JSON.stringify(level);
    this.expect(json === is, () => `a level was told as ${json}, it is ${is}`);
  };

  store(shard: number): StoreWatch {
    return {
      onCommit: (commit, rows, outcome) => this.#onCommit(shard, commit, rows, outcome),
      onLookups: (count) => this.#faults.count("outcome: look-up in the ledger", count),
      onPoison: () => this.#faults.count("outcome: entry set aside as poison"),
      onAlert: (alert) => this.#trace.add(`alert ${alert.kind}: ${alert.text}`),
    };
  }

  onSent(_node: string, subject: string, text: string): void {
    if (subject.startsWith(REPLY_PREFIX)) this.#onReply(JSON.parse(text) as Decision | Decision[]);
    else if (subject.startsWith("inv.level.")) {
      const level = JSON.parse(text) as Level;
      if (this.isTampered(this.shardOf(level.sku))) return;
      this.#same(this.#levels, `${subject} ${level.version}`, text, "level");
    }
  }

  /** A shard goes on after a broken invariant; here none may break. */
  onError(shard: number, text: string): void {
    const isBroken = text.startsWith("an invariant is broken") && !this.isTampered(shard);
    this.expect(!isBroken, () => `shard ${shard} says: ${text}`);
  }

  onShown(shard: number, watermark: number): void {
    this.promptness?.onReached("shown", shard, watermark);
  }

  onHalted(node: string, { shard, detail }: ShardEnd): void {
    this.halts.add(haltOf(node, shard));
    this.expect(this.isTampered(shard), () => `shard ${shard} halted: ${detail}`);
  }

  /** S18: what is visible grows newer. */
  onReplaced = (before: LevelWrite, after: LevelWrite): void => {
    this.expect(
      before.version < after.version,
      () => `S18: the registry showed ${before.json}, and then ${after.json}`,
    );
  };

  /** S4: the answer to an entry is its decision, whoever gives it. */
  #onReply(reply: Decision | Decision[]): void {
    this.answers += 1;
    const decisions = Array.isArray(reply) ? reply : [reply];
    if (decisions.some(({ shard }) => this.isTampered(shard))) return;
    const text = JSON.stringify(decisions);
    this.expect(this.#decided.has(text), () => `S4: nobody decided what was answered: ${text}`);
  }

  /** S2, S11, S12: a commit goes from where the last ended, and carries exactly the entries between. */
  #onCommit(
    shard: number,
    commit: Omit<Commit, "rows">,
    rows: readonly LedgerRow[],
    outcome: CommitOutcome,
  ): void {
    if (outcome.outcome === "fenced") {
      this.#faults.count("outcome: commit refused by its guard");
      return;
    }
    const before = this.#committed.get(shard) ?? 0;
    if (commit.guard.seq !== before && commit.committed?.seq === before) {
      this.#faults.count("outcome: commit told again by its token");
      return;
    }
    this.commits += 1;
    const after = commit.committed?.seq ?? before;
    this.#committed.set(shard, after);
    this.promptness?.onReached("committed", shard, after);
    this.expect(
      commit.guard.seq === before && after >= before,
      () =>
        `S12: commit of shard ${shard} goes from ${commit.guard.seq} to ${after}, the last ended at ${before}`,
    );
    for (const row of rows)
      this.expect(
        row.seq > before && row.seq <= after,
        () =>
          `S12: commit of shard ${shard} from ${before} to ${after} carries a row of ${row.seq}`,
      );
    const checkpoint = commit.checkpoint?.mark?.seq;
    this.expect(
      checkpoint === undefined || checkpoint === after,
      () => `S12: checkpoint of shard ${shard} at ${checkpoint} rides on a commit to ${after}`,
    );
  }

  #same(map: Map<string, string>, key: string, value: string, what: string): void {
    const before = map.get(key);
    if (before === undefined) map.set(key, value);
    else
      this.expect(before === value, () => `${what} ${key} differs: ${difference(before, value)}`);
  }
}

export const haltOf = (node: string, shard: number): string => `${node}/${shard}`;

/** Where two texts part, with a little around it. */
export function difference(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const from = Math.max(0, at - 60);
  return `…${a.slice(from, at + 120)}… and …${b.slice(from, at + 120)}…`;
}
