import type { ShardRow } from "../../../../actors/runtime/ports.ts";

/** A shard's row before its first commit. */
export const NEW_SHARD_ROW: ShardRow = {
  applyVersion: 1,
  committedSeq: 0,
  committed: undefined,
  token: "",
  checkpointSeq: 0,
  checkpoint: undefined,
  streamCreated: undefined,
  outboxNext: 1,
};
