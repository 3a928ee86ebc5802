// Owns the projections of the shards of a process: they run in the supervisor's thread, never in one that
// decides, and one at a time, so that what they cost is not paid by who waits for a decision.

import { Gate } from "../../../shared/gate.ts";
import type { Database } from "../../../shared/postgres.ts";
import type { Journal } from "../ports.ts";
import type { ShardHost, ShardStatus } from "../shard_host.ts";
import { followLedger, type Projection } from "./projection.ts";

export type ProjectingOptions = {
  database: Database;
  epoch: number;
  journal: Journal;
  /** The projections of one shard. */
  projections: (shard: number, isLast: IsLast) => readonly Projection[];
};

/** Whether the log holds nothing beyond an entry, as far as its reader knew a moment ago. */
export type IsLast = (seq: number) => boolean;

/** A host whose shards are followed by projections for as long as they are open here. */
export function projectingHost(host: ShardHost, options: ProjectingOptions): ShardHost {
  const { database, epoch, journal } = options;
  const [gate, publishGate] = [new Gate(1), new Gate(1)];
  const following = new Map<number, { stop(): Promise<void> }>();
  const follow = (shard: number): void => {
    if (following.has(shard)) return;
    const isLast: IsLast = (seq) => isLastOf(host, shard, seq);
    const projections = options.projections(shard, isLast);
    const isIdle = () => isIdleNow(host, shard);
    const how = { journal, gate, publishGate, isIdle };
    following.set(shard, followLedger(database, projections, { epoch, shard }, how));
  };
  const leaving = new Set<Promise<void>>();
  // A step under way is not waited for: whoever follows the shard next folds each row once all the same.
  const leave = (shard: number): void => {
    opened.delete(shard);
    const one = following.get(shard);
    if (one === undefined) return;
    following.delete(shard);
    const gone = one.stop().finally(() => leaving.delete(gone));
    leaving.add(gone);
  };
  let opening = 0;
  const opened = new Set<number>();
  /** Nothing is folded while shards are opened here: they decide the sooner. */
  const followOpened = (): void => {
    if (opening > 0) return;
    for (const shard of opened) follow(shard);
    opened.clear();
  };
  const outer: ShardHost = {
    async open(shard) {
      opening++;
      try {
        await host.open(shard);
        opened.add(shard);
      } finally {
        opening--;
        followOpened();
      }
    },
    async drain(shard) {
      leave(shard);
      await host.drain(shard);
    },
    async abandon(shard) {
      leave(shard);
      await host.abandon(shard);
    },
    status: () => host.status(),
    onEnd: () => {},
    async close() {
      for (const shard of [...following.keys()]) leave(shard);
      await Promise.all([host.close(), ...leaving]);
    },
  };
  host.onEnd = (end) => {
    leave(end.shard);
    outer.onEnd(end);
  };
  return outer;
}

function isLastOf(host: ShardHost, shard: number, seq: number): boolean {
  return statusOf(host, shard)?.committedSeq === seq && isIdleNow(host, shard);
}

/** Whether a shard has decided and committed all that it knows of. */
function isIdleNow(host: ShardHost, shard: number): boolean {
  const status = statusOf(host, shard);
  if (status === undefined) return false;
  const { state, appliedSeq, committedSeq, lag } = status;
  return state === "running" && appliedSeq === committedSeq && lag === 0;
}

function statusOf(host: ShardHost, shard: number): ShardStatus | undefined {
  return host.status().find((one) => one.shard === shard);
}
