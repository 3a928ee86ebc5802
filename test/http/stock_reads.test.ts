import { describe, expect, it } from "vitest";
import type { Edge } from "../../http/ports.ts";
import { readLevels } from "../../http/stock_reads.ts";
import type { Level } from "../../shared/decisions.ts";
import { partition } from "../../streams/partition.ts";

const level = (sku: string, onHand: number) => ({ sku, location: "s-1", onHand }) as Level;

/** An edge whose registry has `found` from the moment its watermark stands. */
function edgeWith(parts: {
  found: Level[];
  watermark: () => number;
  checkpointed?: Level[];
  isBooked?: boolean;
}): Parameters<typeof readLevels>[0] {
  const { found, watermark, checkpointed = [], isBooked = checkpointed.length > 0 } = parts;
  return {
    decider: { shards: 4 } as Edge["decider"],
    registry: {
      ofSku: async (sku: string) => (watermark() > 0 ? found.filter((one) => one.sku === sku) : []),
      levels: async () => [],
      watermark: async () => watermark(),
    } as unknown as Edge["registry"],
    ledger: {
      checkpointed: async () => checkpointed,
      isBooked: async () => isBooked,
    } as unknown as Edge["ledger"],
    log: { warn: () => {} } as unknown as Edge["log"],
  };
}

describe("readLevels()", () => {
  it("reads the registry when it is whole", async () => {
    const edge = edgeWith({ found: [level("A", 5)], watermark: () => 7 });
    expect(await readLevels(edge, ["A"], undefined)).toEqual({
      levels: [level("A", 5)],
      stale: false,
    });
  });

  it("says at once that it knows nothing when nothing was ever written", async () => {
    const startMs = performance.now();
    const edge = edgeWith({ found: [], watermark: () => 0 });
    expect(await readLevels(edge, ["A"], undefined)).toEqual({ levels: [], stale: false });
    expect(performance.now() - startMs).toBeLessThan(500);
  });

  it("does not doubt SKUs for others whose shard holds nothing yet", async () => {
    const startMs = performance.now();
    const house = edgeWith({ found: [level("A", 5)], watermark: () => 7 });
    // SKU A is of another shard than B, of which nothing was ever written.
    const shardOfB = partition("B", 4);
    expect(partition("A", 4)).not.toBe(shardOfB);
    const edge = {
      ...house,
      registry: {
        ...house.registry,
        watermark: async (shard: number) => (shard === shardOfB ? 0 : 7),
      },
    };
    expect(await readLevels(edge, ["A", "B"], undefined)).toEqual({
      levels: [level("A", 5)],
      stale: false,
    });
    expect(performance.now() - startMs).toBeLessThan(500);
  });

  it("waits for a registry that lost all it had and is being filled again", async () => {
    const filledMs = performance.now() + 150;
    const watermark = () => (performance.now() > filledMs ? 9 : 0);
    const edge = edgeWith({ found: [level("A", 5)], watermark, checkpointed: [level("A", 4)] });
    expect(await readLevels(edge, ["A"], undefined)).toEqual({
      levels: [level("A", 5)],
      stale: false,
    });
  });

  it("waits for it too when what was booked is in no checkpoint yet", async () => {
    const filledMs = performance.now() + 150;
    const watermark = () => (performance.now() > filledMs ? 9 : 0);
    const edge = edgeWith({ found: [level("A", 5)], watermark, isBooked: true });
    expect(await readLevels(edge, ["A"], undefined)).toEqual({
      levels: [level("A", 5)],
      stale: false,
    });
  });

  it("answers from the checkpoint, marked stale, when that takes too long", async () => {
    const edge = edgeWith({ found: [], watermark: () => 0, checkpointed: [level("A", 4)] });
    expect(await readLevels(edge, ["A"], undefined)).toEqual({
      levels: [level("A", 4)],
      stale: true,
    });
  });
});
