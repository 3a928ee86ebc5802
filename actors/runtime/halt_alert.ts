// Pure.
// The alert of a shard that halted.
import type { ShardAlert } from "./shard_alert.ts";

export type Halt = {
  epoch: number;
  shard: number;
  reason: string;
  message: string;
  committedSeq: number;
};

/** The same halt at the same place is one alert, however often it is met. */
export function haltAlert({ epoch, shard, reason, message, committedSeq }: Halt): ShardAlert {
  const kind = "shardHalted";
  return {
    id: `alert/${kind}/${epoch}.${shard}/${reason}/${committedSeq}`,
    kind,
    epoch,
    shard,
    seq: committedSeq,
    text: `Shard ${shard} of epoch ${epoch} halted (${reason}): ${message}`,
    details: { reason, committedSeq },
  };
}
