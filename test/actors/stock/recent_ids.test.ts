// The recent tier against a map, with identities that crowd into few buckets.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecentId } from "../../../actors/stock/recent_id.ts";
import { RecentIds, type RecentSlice } from "../../../actors/stock/recent_ids.ts";

const MAX = 200;

function recordOf(high: number, low: number, seq: number): RecentId {
  const r = new RecentId();
  Object.assign(r, {
    high,
    low,
    seq,
    nowMs: seq * 7,
    epoch: 1,
    digest: high ^ low,
    sellable: -seq,
  });
  return r;
}

describe("RecentIds", () => {
  it("finds what was added and neither let go nor forgotten, however crowded", () => {
    // Low halves of few high bits fall into few of the 64 buckets.
    const low = fc.integer({ min: 0, max: 7 }).map((n) => (n << 29) | 0);
    const high = fc.integer({ min: -40, max: 40 });
    const step = fc.record({ low, high, forget: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 300, maxLength: 900 }), (steps) => {
        const recent = new RecentIds(MAX);
        const model = new Map<string, number>();
        const gone = {
          readAhead: () => 0,
          letGo: (h: number, l: number) => {
            // The bytes of what was forgotten go in their turn, when it may be there anew.
            const oldest = model.get(`${h} ${l}`);
            if (oldest !== undefined && oldest < recent.numbers.first) model.delete(`${h} ${l}`);
          },
        };
        const into = new RecentId();
        steps.forEach(({ high: h, low: l, forget }, i) => {
          const name = `${h} ${l}`;
          expect(recent.find(h, l, into)).toBe(model.has(name));
          if (!model.has(name)) {
            model.set(name, recent.numbers.next);
            recent.add(recordOf(h, l, i + 1));
          } else {
            expect([into.high, into.low, into.digest]).toEqual([h, l, h ^ l]);
            if (forget === 0) {
              recent.forget(h, l);
              model.delete(name);
            }
          }
          recent.endEntry(gone);
        });
        for (const name of model.keys()) {
          const [h, l] = name.split(" ").map(Number) as [number, number];
          expect(recent.has(h, l)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("packs what was added since the last slice, and takes the same back", () => {
    const { recent, slices, told } = sliced(30_000, 40_000);
    expect(recent.takeSlice()).toBeNull();
    const { first, next } = recent.numbers;
    const restored = new RecentIds(40_000);
    restored.startAt(first, next - first);
    for (const slice of slices) restored.restore(slice, first, { letGo: () => expect.fail() });
    expect(restored.numbers).toEqual({ first, next });
    expect(textsOf(restored)).toEqual(told);
    for (const { high, low } of recordsOf(restored)) expect(restored.has(high, low)).toBe(true);
  });

  it("lets go what is older than the first of a slice it takes back, from a number on", () => {
    const { recent, slices, told } = sliced(30_000, 20_000);
    const { first, next } = recent.numbers;
    const [since, gone] = [first - 5_000, [] as number[]];
    const restored = new RecentIds(20_000);
    restored.startAt(first, next - first);
    const letGo = (high: number, low: number, nowMs: number) => {
      expect([high, low]).toEqual([nowMs, (nowMs / 7) * 13]);
      gone.push(nowMs / 7 - 1);
    };
    for (const slice of slices) restored.restore(slice, since, { letGo });
    expect(gone).toEqual(Array.from({ length: 5_000 }, (_, i) => since + i));
    expect(textsOf(restored)).toEqual(told.slice(first));
  });

  it("goes on in the segment of a slice it took back, and packs only what came since", () => {
    const { recent, slices } = sliced(500, 20_000);
    const restored = new RecentIds(20_000);
    restored.startAt(0, 500);
    for (const slice of slices) restored.restore(slice, 0, { letGo: () => {} });
    restored.markSaved();
    for (const ids of [recent, restored])
      for (let i = 501; i <= 600; i++) ids.add(recordOf(i * 7, i * 13, i));
    expect(restored.bytes).toBe(recent.bytes);
    expect(textsOf(restored)).toEqual(textsOf(recent));
    expect(restored.takeSlice()).toEqual(recent.takeSlice());
  });

  it("takes no slice that is cut", () => {
    const { slices } = sliced(500, 20_000);
    const { first, bytes } = slices[0] as RecentSlice;
    const restored = new RecentIds(20_000);
    restored.startAt(0, 500);
    const cut = { first, bytes: bytes.subarray(0, -1) };
    expect(() => restored.restore(cut, 0, { letGo: () => {} })).toThrow(/cut/);
  });
});

/** Ids after `count` were added, the slices taken on the way, and all that was added as text. */
function sliced(count: number, max: number) {
  const recent = new RecentIds(max);
  const slices: RecentSlice[] = [];
  const told: string[] = [];
  for (let i = 1; i <= count; i++) {
    const record = recordOf(i * 7, i * 13, i);
    recent.add(record);
    told.push(textOf(record));
    recent.endEntry({ readAhead: () => 0, letGo: () => {} });
    if (i % 7_001 === 0 || i === count) slices.push(recent.takeSlice() as RecentSlice);
  }
  return { recent, slices, told };
}

function textOf(r: RecentId): string {
  return `${r.seq} ${r.high} ${r.low} ${r.nowMs} ${r.sellable}`;
}

function textsOf(ids: RecentIds): string[] {
  const texts: string[] = [];
  ids.each((r) => texts.push(textOf(r)));
  return texts;
}

function recordsOf(ids: RecentIds): { high: number; low: number }[] {
  const records: { high: number; low: number }[] = [];
  ids.each(({ high, low }) => records.push({ high, low }));
  return records;
}
