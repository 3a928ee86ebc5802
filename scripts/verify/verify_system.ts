// Owns verification: everything that can be made again from the log is made again and compared.
//
//  0. the log against what was committed: the same stream, whole from the next entry on (S11, M11)
//  1. the checkpoint's levels, key by key, against the sums of the ledger (S7, S12) and of its other tables (S8, S10, S15)
//  2. the log folded again, from its first entry when all of it is there, against the state restored from the
//     checkpoint: equal digests, else the levels that differ (S3); its ledger rows against the ledger's, row by row (S2, S4)
//  3. the registry against the fold, level by level (S18), levels nobody made, and its watermark against the log
//
// It may run beside a live system: each shard is taken as of its checkpoint, and what has moved on is
// looked at again.

import { createHash } from "node:crypto";
import { type Difference, Differences } from "./difference.ts";
import { checkStrangers } from "./registry_check.ts";
import { ShardVerifier, type VerifiedShard, type VerifyOptions } from "./shard_verifier.ts";

export type Verified = {
  ok: boolean;
  /** Over the digests of all shards. */
  digest: string;
  shards: VerifiedShard[];
  levels: number;
  ledgerRows: number;
  differencesTotal: number;
  differences: Difference[];
  /** Levels of the registry written anew or removed, and watermarks forgotten. */
  repaired: number;
};

export async function verifySystem(options: VerifyOptions): Promise<Verified> {
  const differences = new Differences();
  const shards: VerifiedShard[] = [];
  const known = new Set<string>();
  const ahead = new Set<number>();
  let repaired = 0;
  for (let shard = 0; shard < options.topology.shards; shard++) {
    const one = new ShardVerifier(options, shard, differences);
    shards.push(await one.run(known));
    if (one.isAhead) ahead.add(shard);
    repaired += one.repaired;
  }
  repaired += await checkStrangers(options, { shards, known, ahead }, differences);
  const digest = createHash("sha256").update(shards.map((one) => one.digest).join("\n"));
  return {
    ok: differences.total === 0,
    digest: digest.digest("hex"),
    shards,
    levels: shards.reduce((sum, one) => sum + one.keys, 0),
    ledgerRows: shards.reduce((sum, one) => sum + one.ledgerRows, 0),
    differencesTotal: differences.total,
    differences: differences.kept,
    repaired,
  };
}
