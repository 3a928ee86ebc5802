// Pure.
// What a runner is given and what it tells of itself.
import type { MachineOptions } from "./machine.ts";

export type RunnerOptions = MachineOptions & {
  /** Names this owner among all that ever were. */
  owner: string;
  commitIntervalMs: number;
  checkpointIntervalMs: number;
  keepLogDays: number;
  /** A standby: folds, and says and writes nothing. Its management comes later. */
  muted?: boolean;
};

export type RunnerState = "loading" | "running" | "draining" | "stopped" | "halted" | "fenced";

export type RunnerStatus = {
  epoch: number;
  shard: number;
  state: RunnerState;
  /** Why it halted or stood down. */
  why?: { reason: string; message: string };
  appliedSeq: number;
  committedSeq: number;
  checkpointSeq: number;
  /** Entries of the log not yet applied, as last told by the server. */
  lag: number;
  uncommittedRows: number;
  /** Commands decided since the runner started. */
  commands: number;
  store: "ok" | "away";
  registry: "ok" | "behind" | "away";
  /** Effects committed and not yet published. */
  effectsWaiting: number;
  logTimeMs: number;
};

export type RunnerEvents = {
  /** The runner came to an end by itself: `halted` or `fenced`. */
  onEnd?(state: "halted" | "fenced", why: { reason: string; message: string }): void;
  /** The state changed. */
  onState?(state: RunnerState): void;
  /** A commit took place: projections may go on. */
  onCommitted?(seq: number): void;
};
