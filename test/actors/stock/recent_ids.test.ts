// The recent tier against a map, with identities that crowd into few buckets.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecentId } from "../../../actors/stock/recent_id.ts";
import { RecentIds } from "../../../actors/stock/recent_ids.ts";

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

  it("packs what was added since the last slice, and unpacks the same", () => {
    const recent = new RecentIds(20_000);
    const found: string[] = [];
    const wanted: string[] = [];
    for (let i = 1; i <= 30_000; i++) {
      const record = recordOf(i * 7, i * 13, i);
      recent.add(record);
      wanted.push(`${record.seq} ${record.high} ${record.low} ${record.nowMs} ${record.sellable}`);
      recent.endEntry({ readAhead: () => 0, letGo: () => {} });
      if (i % 7_001 !== 0 && i !== 30_000) continue;
      const slice = recent.takeSlice();
      let count = 0;
      RecentIds.unpack(slice?.bytes ?? new Uint8Array(), (r) => {
        found.push(`${r.seq} ${r.high} ${r.low} ${r.nowMs} ${r.sellable}`);
        count += 1;
      });
      expect(count).toBe(slice?.count);
    }
    expect(found).toEqual(wanted);
    expect(recent.takeSlice()).toBeNull();
  });
});
