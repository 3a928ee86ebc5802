// What the live feed remembers, against a plain list: whoever comes back with a vector is sent every
// level newer than it, or is told that it cannot be.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type LiveLevel, LiveRing } from "../../http/live_ring.ts";
import type { Vector } from "../../http/live_vector.ts";
import { formatVersion } from "../../shared/version.ts";

const SHARDS = 3;
const PLACE = { piece: new Uint8Array(0), from: 0, to: 0 };

function level(shard: number, seq: number, key: number): LiveLevel {
  const skuToken = `s${shard}k${key}`;
  const version = formatVersion(1, seq, 0);
  return { key: `L.${skuToken}`, locationToken: "L", skuToken, shard, version, ...PLACE };
}

type Step = { shard: number; key: number; mark: boolean };
const steps = fc.array(
  fc.record({ shard: fc.nat(SHARDS - 1), key: fc.nat(5), mark: fc.boolean() }),
  { minLength: 1, maxLength: 120 },
);

test("since() gives the newest of each key beyond the vector, or undefined when some are forgotten", () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 4, max: 200 }), fc.nat(120), (list, size, seenSteps) => {
      const ring = new LiveRing(SHARDS, size);
      for (let shard = 0; shard < SHARDS; shard++) ring.knownFrom(shard, formatVersion(1, 0, 0));
      const seqs = new Array<number>(SHARDS).fill(0);
      const top: Vector = seqs.map(() => formatVersion(1, 0, 0));
      let vector: Vector = [...top];
      const all: LiveLevel[] = [];
      for (const [i, { shard, key, mark }] of (list as Step[]).entries()) {
        seqs[shard] = (seqs[shard] ?? 0) + 1;
        const one = level(shard, seqs[shard] ?? 0, key);
        expect(ring.push(one)).toBe(true);
        all.push(one);
        top[shard] = one.version;
        if (mark) ring.mark(top);
        if (i < seenSteps) vector = [...top];
      }
      const wanted = new Map<string, string>();
      for (const one of all)
        if (one.version > (vector[one.shard] ?? "")) wanted.set(one.key, one.version);
      const shards = [0, 1, 2];
      const found = ring.since(vector, shards);
      if (found === undefined) {
        expect(all.length).toBeGreaterThan(size);
        const lost = all.slice(0, all.length - size);
        expect(lost.some((one) => one.version > (vector[one.shard] ?? ""))).toBe(true);
      } else {
        expect(new Map(found.map((one) => [one.key, one.version]))).toEqual(wanted);
      }
    }),
  );
});

test("an older or equal version of a remembered key is not taken", () => {
  const ring = new LiveRing(SHARDS, 10);
  expect(ring.push(level(0, 5, 1))).toBe(true);
  expect(ring.push(level(0, 5, 1))).toBe(false);
  expect(ring.push(level(0, 4, 1))).toBe(false);
  expect(ring.push(level(0, 6, 1))).toBe(true);
});

test("nothing can be resumed before it is known from where on the ring is whole, and after a gap", () => {
  const ring = new LiveRing(SHARDS, 10);
  const vector: Vector = [formatVersion(1, 9, 0), undefined, undefined];
  expect(ring.since(vector, [0])).toBeUndefined();
  ring.knownFrom(0, formatVersion(1, 7, 0));
  expect(ring.since(vector, [0])).toEqual([]);
  expect(ring.since(vector, [0, 1])).toBeUndefined();
  ring.gap();
  expect(ring.since(vector, [0])).toBeUndefined();
});

test("what left the ring before it was known from where on it is whole is missing all the same", () => {
  const ring = new LiveRing(SHARDS, 4);
  for (let seq = 1; seq <= 10; seq++) ring.push(level(0, seq, seq));
  ring.knownFrom(0, formatVersion(1, 2, 0));
  const since = (seq: number) => ring.since([formatVersion(1, seq, 0), undefined, undefined], [0]);
  expect(since(5)).toBeUndefined();
  expect(since(6)?.length).toBe(4);
});
