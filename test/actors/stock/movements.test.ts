// The log of movements against a plain list, over checkpoints and restores at any place: however much is added between
// two checkpoints, and however much of it is dropped before it was ever saved.
import fc from "fast-check";
import { expect, test } from "vitest";
import { AT_AHEAD_MS_MAX, COUNT_AGE_MS_MAX } from "../../../actors/stock/limits.ts";
import { type MovementSlice, Movements } from "../../../actors/stock/movements.ts";

const KEYS = 3;

/** A log, its checkpoint as Postgres would hold it, and every movement since the first. */
class Rig {
  log: Movements;
  readonly heads = new Array<number>(KEYS).fill(0);
  readonly all: { key: number; bucket: number; atMs: number; delta: number }[] = [];
  nowMs = 1e12;
  readonly #max: number;
  readonly #slices = new Map<number, MovementSlice>();

  constructor(max: number) {
    this.#max = max;
    this.log = new Movements(max);
  }

  add(count: number, stepMs: number): void {
    for (let i = 0; i < count; i++) {
      const key = this.all.length % KEYS;
      const bucket = this.all.length % 2;
      const delta = (this.all.length % 7) - 3;
      const atMs = this.nowMs - (this.all.length % 5) * 60_000;
      this.log.startEntry(this.nowMs);
      this.heads[key] = this.log.add(this.heads[key] as number, bucket, atMs, delta, this.nowMs);
      this.all.push({ key, bucket, atMs, delta });
      this.nowMs += stepMs;
    }
  }

  checkpoint(): void {
    const { slice, dropped } = this.log.takeChanges();
    for (const first of dropped) expect(this.#slices.delete(first)).toBe(true);
    if (slice !== null) this.#slices.set(slice.first, slice);
  }

  restore(): void {
    this.checkpoint();
    const snapshot = this.log.snapshot();
    this.log = new Movements(this.#max);
    this.log.restore([...this.#slices.values()].reverse(), snapshot);
  }

  /** Sums of each key and bucket over what counts may still ask for. */
  sums(): { told: number[]; expected: number[] } {
    const fromMs = Math.max(this.nowMs - COUNT_AGE_MS_MAX, this.log.coveredFromMs);
    const told: number[] = [];
    const expected: number[] = [];
    for (let key = 0; key < KEYS; key++) {
      for (const bucket of [0, 1]) {
        told.push(this.log.sumFrom(this.heads[key] as number, bucket, fromMs));
        const its = this.all.filter((one) => one.key === key && one.bucket === bucket);
        expected.push(its.reduce((sum, one) => sum + (one.atMs >= fromMs ? one.delta : 0), 0));
      }
    }
    return { told, expected };
  }
}

function sumsAgree(rig: Rig): void {
  const { told, expected } = rig.sums();
  expect(told).toEqual(expected);
}

test("a backlog of days between two checkpoints can be restored", () => {
  const rig = new Rig(1 << 22);
  rig.add(100, 10);
  rig.checkpoint();
  rig.add(20_000, (4 * 86_400_000) / 20_000);
  rig.restore();
  sumsAgree(rig);
});

test("more than the log may hold between two checkpoints can be restored", () => {
  const rig = new Rig(16_384);
  rig.add(100, 1);
  rig.checkpoint();
  rig.add(40_000, 1);
  rig.restore();
  expect(rig.log.coveredFromMs).toBeGreaterThan(1e12);
  sumsAgree(rig);
});

test("sums are those of a plain list, whatever was added, saved, dropped and restored", () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.integer({ min: 1, max: 9_000 }),
        fc.constantFrom(1, 20_000, AT_AHEAD_MS_MAX),
      ),
    },
    { weight: 2, arbitrary: fc.constant("checkpoint" as const) },
    { weight: 2, arbitrary: fc.constant("restore" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      const rig = new Rig(16_384);
      for (const one of steps) {
        if (one === "checkpoint") rig.checkpoint();
        else if (one === "restore") rig.restore();
        else rig.add(...one);
        sumsAgree(rig);
      }
    }),
    { numRuns: 60 },
  );
});
