// Owns the shards that run in this thread: opens them, drains them, tells how they do. The supervisor
// speaks to a ShardHost; whether the shards run in this thread or in workers is behind it.
//
//   opening -> running -> draining -> (gone)
//       `-> failed         `-> fenced | halted | failed   (told by onEnd; halted stays, to be looked at)

import { describeError } from "../../shared/errors.ts";

/** What a shard tells of itself. Sequences are positions in its log; `lag` entries not applied yet. */
export type ShardStatus = {
  shard: number;
  state: "opening" | "running" | "draining" | "halted";
  /** Last entry applied, committed and check-pointed. */
  appliedSeq: number;
  committedSeq: number;
  checkpointSeq: number;
  lag: number;
  /** Commands decided since it runs here. */
  commands: number;
  /** Why it is halted, for people. */
  halted?: string;
};

/**
 * Why a shard stopped by itself. `fenced`: another owner went ahead; `halted`: the log is not the one that was
 * folded, a person must look; `failed`: anything else, to be opened again.
 */
export type ShardEnd = { shard: number; reason: "fenced" | "halted" | "failed"; detail: string };

/** One shard at work. */
export type RunningShard = {
  status(): ShardStatus;
  /** Finishes what was read, commits, writes a checkpoint and stops. */
  drain(): Promise<void>;
  /** Stops at once; nothing durable is needed of it any more. */
  abandon(): Promise<void>;
};

/**
 * Opens a shard: restores it and starts its runner; resolves once it decides, or has ended and told so. Rejects soon
 * after `calledOff`: what it waits for may be away for hours.
 */
export type OpenShard = (
  shard: number,
  onEnd: (end: ShardEnd) => void,
  calledOff: AbortSignal,
) => Promise<RunningShard>;

export type ShardHost = {
  /** Resolves once the shard decides. Rejects when it cannot be restored. */
  open(shard: number): Promise<void>;
  /** Of a shard that is being opened both call that off: open() rejects. */
  drain(shard: number): Promise<void>;
  abandon(shard: number): Promise<void>;
  status(): ShardStatus[];
  /** Told once for each shard that stops by itself. */
  onEnd: (end: ShardEnd) => void;
  /** Ends the host; its shards were drained before, or are lost. */
  close(): Promise<void>;
};

/** A host that runs its shards in the calling thread. */
export function localHost(openShard: OpenShard): ShardHost {
  const running = new Map<number, RunningShard>();
  const opening = new Map<number, AbortController>();
  const halted = new Map<number, ShardStatus>();
  const ended = (end: ShardEnd): void => {
    const last = running.get(end.shard)?.status();
    running.delete(end.shard);
    if (end.reason === "halted")
      halted.set(end.shard, {
        ...(last ?? emptyStatus(end.shard)),
        state: "halted",
        halted: end.detail,
      });
    host.onEnd(end);
  };
  const stop = async (shard: number, how: "drain" | "abandon"): Promise<void> => {
    const run = running.get(shard);
    halted.delete(shard);
    opening.get(shard)?.abort();
    if (run === undefined) return;
    try {
      await run[how]();
    } finally {
      running.delete(shard);
    }
  };
  const host: ShardHost = {
    async open(shard) {
      if (running.has(shard) || opening.has(shard)) return;
      halted.delete(shard);
      const calledOff = new AbortController();
      opening.set(shard, calledOff);
      let run: RunningShard | undefined;
      let over: ShardEnd | undefined;
      try {
        const onEnd = (end: ShardEnd): void => {
          if (run === undefined) over = end;
          else ended(end);
        };
        run = await openShard(shard, onEnd, calledOff.signal);
      } finally {
        opening.delete(shard);
      }
      running.set(shard, run);
      if (over !== undefined) ended(over);
    },
    drain: (shard) => stop(shard, "drain"),
    abandon: (shard) => stop(shard, "abandon"),
    status: () => [
      ...[...opening.keys()].map((shard) => emptyStatus(shard)),
      ...[...running.values()].map((run) => run.status()),
      ...halted.values(),
    ],
    onEnd: () => {},
    async close() {
      const shards = [...opening.keys(), ...running.keys()];
      await Promise.allSettled(shards.map((shard) => stop(shard, "abandon")));
    },
  };
  return host;
}

export function emptyStatus(shard: number): ShardStatus {
  const none = { appliedSeq: 0, committedSeq: 0, checkpointSeq: 0, lag: 0, commands: 0 };
  return { shard, state: "opening", ...none };
}

/** One line for an error that ended a shard. */
export function failedEnd(shard: number, error: unknown): ShardEnd {
  return { shard, reason: "failed", detail: describeError(error) };
}
