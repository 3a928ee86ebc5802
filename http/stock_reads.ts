// Owns reading levels for callers: from the registry; with consistency=strong after a tick through the
// log; from the last checkpoint, marked stale, while the registry is away or is being filled again.

import { setTimeout as sleep } from "node:timers/promises";
import type { Level } from "../shared/decisions.ts";
import { ANY_LOCATION } from "../shared/ids.ts";
import { HTTP_STRONG_READ_WAIT_MS } from "../shared/limits.ts";
import { partition } from "../streams/partition.ts";
import { toToken } from "../streams/subjects.ts";
import { isPending } from "./decide.ts";
import type { Edge } from "./ports.ts";
import { ProblemError } from "./problems.ts";
import { mintId } from "./reply.ts";

export type ReadLevels = { levels: Level[]; stale: boolean };

/**
 * Levels of `skus`, at `location` or at all of theirs; SKUs nothing is known of have none.
 * @param options mayWait: for a registry that is being filled again (who hears of each level anyway need not)
 * @throws ProblemError registry_unavailable when neither registry nor checkpoint can be read
 */
export async function readLevels(
  edge: Pick<Edge, "decider" | "registry" | "ledger" | "log">,
  skus: readonly string[],
  location: string | undefined,
  { mayWait = true }: { mayWait?: boolean } = {},
): Promise<ReadLevels> {
  try {
    const [inDoubt, levels] = await Promise.all([
      mayWait ? notWhole(edge, skus) : ([] as string[]),
      fromRegistry(edge, skus, location),
    ]);
    if (inDoubt.length === 0) return { levels, stale: false };
    // Nothing was ever written of their shards, or Redis lost all it had and is being filled again.
    const { ledger } = edge;
    const known = await ledger.checkpointed(inDoubt, location).catch(() => []);
    const isBooked =
      known.length > 0 || (await ledger.isBooked(inDoubt, location).catch(() => false));
    if (!isBooked) return { levels, stale: false };
    if (await becomeWhole(edge, inDoubt))
      return { levels: await fromRegistry(edge, skus, location), stale: false };
    const sure = levels.filter(({ sku }) => !inDoubt.includes(sku));
    return { levels: [...sure, ...known], stale: true };
  } catch (error) {
    edge.log.warn({ error: String(error) }, "registry away: reading the last checkpoint");
  }
  try {
    return { levels: await edge.ledger.checkpointed(skus, location), stale: true };
  } catch {
    throw new ProblemError(
      "registry_unavailable",
      "Cannot read levels: neither Redis nor Postgres answers",
    );
  }
}

/**
 * Waits until every decision before this call is visible in the registry: a tick goes through the log
 * of each shard, then its watermark is waited for.
 * @throws ProblemError strong_read_timeout; OnhandError of the publisher
 */
export async function catchUp(edge: Pick<Edge, "decider" | "registry">, skus: readonly string[]) {
  const { decider, registry } = edge;
  const bySomeSku = new Map(skus.map((sku) => [partition(toToken(sku), decider.shards), sku]));
  await Promise.all(
    [...bySomeSku].map(async ([shard, sku]) => {
      const tick = { type: "tick", id: mintId(), sku, location: ANY_LOCATION } as const;
      const { seq } = await decider.decide(tick, HTTP_STRONG_READ_WAIT_MS).catch((error) => {
        if (!isPending(error)) throw error;
        const detail = `Cannot read shard ${shard}: it decides nothing at present`;
        throw new ProblemError("strong_read_timeout", detail);
      });
      const until = performance.now() + HTTP_STRONG_READ_WAIT_MS;
      for (
        let waitMs = 1;
        (await registry.watermark(shard)) < seq;
        waitMs = Math.min(20, waitMs * 2)
      ) {
        if (performance.now() > until) {
          const detail = `Cannot read shard ${shard}: its registry is not at entry ${seq} yet`;
          throw new ProblemError("strong_read_timeout", detail);
        }
        await sleep(waitMs);
      }
    }),
  );
}

/** Those of `skus` of whose shards the registry may lack levels: watermarks are written last. */
async function notWhole(
  { decider, registry }: Pick<Edge, "decider" | "registry">,
  skus: readonly string[],
): Promise<string[]> {
  const shardOf = (sku: string) => partition(toToken(sku), decider.shards);
  const shards = [...new Set(skus.map(shardOf))];
  const watermarks = await Promise.all(shards.map((shard) => registry.watermark(shard)));
  const lacking = new Set(shards.filter((_, i) => watermarks[i] === 0));
  return lacking.size === 0 ? [] : skus.filter((sku) => lacking.has(shardOf(sku)));
}

/** Waits until the registry has them all, as long as a strong read would. */
async function becomeWhole(
  edge: Pick<Edge, "decider" | "registry">,
  skus: readonly string[],
): Promise<boolean> {
  const until = performance.now() + HTTP_STRONG_READ_WAIT_MS;
  while (performance.now() < until) {
    if ((await notWhole(edge, skus)).length === 0) return true;
    await sleep(20);
  }
  return false;
}

async function fromRegistry(
  edge: Pick<Edge, "registry">,
  skus: readonly string[],
  location: string | undefined,
): Promise<Level[]> {
  if (location !== undefined) {
    const levels = await edge.registry.levels(skus.map((sku) => ({ sku, location })));
    return levels.filter((level) => level !== undefined);
  }
  const all = await Promise.all(skus.map((sku) => edge.registry.ofSku(sku)));
  return all.flat();
}
