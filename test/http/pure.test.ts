// Properties of the edge's small pure parts: cursors, hold ids, quantiles, event ids, views.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { decodeCursor, encodeCursor } from "../../http/cursor.ts";
import { derivedId } from "../../http/hold_flow.ts";
import { carriesSku, makeHoldId, skuOfHoldId } from "../../http/hold_id.ts";
import { decodeVector, encodeVector, within } from "../../http/live_vector.ts";
import { RecentQuantiles } from "../../http/quantiles.ts";
import { totalsOf } from "../../http/stock_view.ts";
import { faultsOf } from "../../http/validate.ts";
import type { Level } from "../../shared/decisions.ts";
import { ID_LENGTH_MAX, nameFault } from "../../shared/ids.ts";
import { formatVersion } from "../../shared/version.ts";

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
  .filter((text) => nameFault(text) === undefined);

test("a cursor gives back its place, and only its own shape", () => {
  fc.assert(
    fc.property(name, fc.maxSafeNat(), (text, n) => {
      expect(decodeCursor(encodeCursor([text, n]), ["string", Number.MAX_SAFE_INTEGER])).toEqual([
        text,
        n,
      ]);
      expect(() =>
        decodeCursor(encodeCursor([text, n]), [Number.MAX_SAFE_INTEGER, "string"]),
      ).toThrow();
    }),
  );
  fc.assert(
    fc.property(fc.string(), (noise) => {
      expect(() => decodeCursor(`${noise}!`, [9, 9])).toThrow();
    }),
  );
});

test("a minted hold id carries its SKU, or says by its form that it does not", () => {
  fc.assert(
    fc.property(name, (sku) => {
      const id = makeHoldId(sku, "Ab3_-x");
      expect(id.length).toBeLessThanOrEqual(ID_LENGTH_MAX);
      expect(skuOfHoldId(id)).toBe(id.startsWith("h1.") ? sku : undefined);
      expect(carriesSku(id, sku)).toBe(id.startsWith("h1."));
      expect(carriesSku(id, `${sku}.`)).toBe(false);
    }),
  );
  expect(makeHoldId("x".repeat(200), "u")).toBe("h0.u");
});

test.each([
  "",
  "h1.",
  "h1..x",
  "h1.QQ",
  "h1.QQ.",
  "h1.QR.x",
  "h1.QQ.x.y",
  "h2.QQ.x",
  "cart/1",
  "h1.__8.x",
])("skuOfHoldId(%j) is undefined", (id) => {
  expect(skuOfHoldId(id)).toBeUndefined();
  expect(carriesSku(id, "A")).toBe(false);
});

test("derivedId() keeps within the limit and tells ids and purposes apart", () => {
  const long = "k".repeat(ID_LENGTH_MAX);
  expect(derivedId("a", "held")).toBe("a!held");
  expect(derivedId(long, "held").length).toBeLessThanOrEqual(ID_LENGTH_MAX);
  expect(derivedId(long, "held")).not.toBe(derivedId(`${long.slice(1)}j`, "held"));
  expect(derivedId(long, "held")).not.toBe(derivedId(long, "aborted"));
});

describe("event ids", () => {
  const version = fc.option(
    fc.tuple(fc.nat(1e12), fc.nat(999)).map(([seq, index]) => formatVersion(3, seq, index)),
    { nil: undefined },
  );
  const vector = fc.array(version, { minLength: 4, maxLength: 4 });

  test("give back their vector, in their own epoch and shard count only", () => {
    fc.assert(
      fc.property(vector, (one) => {
        const text = encodeVector(3, one);
        expect(decodeVector(text, 3, 4)).toEqual(one);
        expect(decodeVector(text, 4, 4)).toBeUndefined();
        expect(decodeVector(text, 3, 5)).toBeUndefined();
        expect(text).toMatch(/^[0-9a-z.~]+$/);
      }),
    );
    fc.assert(fc.property(fc.string(), (noise) => decodeVector(`${noise} `, 3, 4) === undefined));
  });

  test("within() is an order: reflexive, and of a vector and its maximum with another", () => {
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        const max = a.map((one, i) => ((one ?? "") > (b[i] ?? "") ? one : b[i]));
        expect(within(a, a)).toBe(true);
        expect(within(a, max) && within(b, max)).toBe(true);
        if (within(max, a)) expect(within(b, a)).toBe(true);
      }),
    );
  });
});

describe("RecentQuantiles", () => {
  test("is within 4% of the exact quantile, and forgets after ten slices", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.05, max: 5_000, noNaN: true }), { minLength: 20 }),
        (ms) => {
          const recent = new RecentQuantiles(1_000);
          for (const one of ms) recent.add(one, 500);
          const [p50 = 0, p99 = 0] = recent.read([0.5, 0.99], 900).values;
          const sorted = [...ms].sort((a, b) => a - b);
          const exact = (q: number) => sorted[Math.ceil(q * sorted.length) - 1] ?? 0;
          for (const [found, wanted] of [
            [p50, exact(0.5)],
            [p99, exact(0.99)],
          ] as const) {
            expect(found).toBeGreaterThanOrEqual(wanted * 0.999);
            expect(found).toBeLessThanOrEqual(wanted * 1.041);
          }
          expect(recent.read([0.5], 11_000)).toMatchObject({ perSecond: 0, values: [0] });
        },
      ),
    );
  });

  test("counts per second over the time it spans", () => {
    const recent = new RecentQuantiles(1_000);
    for (let nowMs = 0; nowMs < 30_000; nowMs += 2) recent.add(1, nowMs);
    expect(recent.read([], 29_999).perSecond).toBeCloseTo(500, -1);
  });
});

test("totals never fall because another location is oversold (M18)", () => {
  const level = (available: number): Level => ({
    sku: "A",
    location: "L",
    onHand: available,
    sellable: available,
    unavailable: {},
    reserved: 0,
    available,
    oversold: Math.max(0, -available),
    backordered: 0,
    inTransit: 0,
    onOrder: 0,
    atp: { default: Math.max(0, available), web: Math.max(0, available - 1) },
    inventoryPosition: available,
    version: "",
    updatedAt: "",
  });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1 }),
      fc.integer({ min: -50, max: 0 }),
      (all, bad) => {
        const before = totalsOf(all.map(level));
        const after = totalsOf([...all, bad].map(level));
        const { available, onHand, inventoryPosition } = before;
        expect(after).toMatchObject({ available, onHand, inventoryPosition });
        expect(after.atp.default).toBe(before.atp.default);
        expect(after.oversold).toBe(before.oversold - bad + 0);
      },
    ),
  );
});

test("a location without a rule for a channel counts with its default", () => {
  const { atp } = totalsOf([
    { ...LEVEL, atp: { default: 5, web: 2 } },
    { ...LEVEL, atp: { default: 4 } },
  ]);
  expect(atp).toEqual({ default: 9, web: 6 });
});

const LEVEL: Level = {
  sku: "A",
  location: "L",
  onHand: 5,
  sellable: 5,
  unavailable: {},
  reserved: 0,
  available: 5,
  oversold: 0,
  backordered: 0,
  inTransit: 0,
  onOrder: 0,
  atp: { default: 5 },
  inventoryPosition: 5,
  version: "",
  updatedAt: "",
};

test("what is wrong with a value is told in words of ours, also where a schema has several forms", () => {
  const schema = z.object({
    ttlMs: z.union([z.int(), z.null()]),
    sku: z.string(),
    lines: z.array(z.object({ qty: z.number() })),
  });
  const faults = (value: unknown) => {
    const { error } = schema.safeParse(value);
    return error === undefined
      ? []
      : faultsOf(error, value).map(({ field, fault }) => `${field}: ${fault}`);
  };
  expect(faults({})).toEqual(["ttlMs: is missing", "sku: is missing", "lines: is missing"]);
  expect(faults({ ttlMs: "x", sku: 1, lines: [{ qty: [] }] })).toEqual([
    "ttlMs: expected a number or null, found text",
    "sku: expected text, found number",
    "lines[0].qty: expected a number, found a list",
  ]);
  expect(faults(7)).toEqual([": expected an object, found number"]);
});
