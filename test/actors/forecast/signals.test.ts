import { describe, expect, test } from "vitest";
import { withoutSignals } from "../../../actors/forecast/signals.ts";

const days = 100;
const past = Float64Array.from({ length: days }, (_, t) => (t % 10 === 3 ? 1 : 0));
const noise = (t: number) => ((t * 7919) % 5) - 2;
const y = past.map((on, t) => 20 + noise(t) + 30 * on);

describe("withoutSignals()", () => {
  test("learns 10/13 of the header's promotion and puts it back where it is known to come", () => {
    const found = withoutSignals(y, [{ name: "promotion", past, future: [0, 1] }], 1);
    expect(found.effects[0]!.seenCount).toBe(10);
    expect(found.effects[0]!.effect).toBeCloseTo((30 * 10) / 13, -0.5);
    expect(found.series[3]!).toBeLessThan(30);
    const restored = found.restore([20, 20, 20]);
    expect(restored[0]).toBe(20);
    expect(restored[1]! - 20).toBeCloseTo(found.effects[0]!.effect, 9);
    expect(restored[2]).toBe(20);
  });

  test("leaves out what was never, once or always on, and what is no number", () => {
    const once = Float64Array.from({ length: days }, (_, t) => (t === 5 ? 1 : 0));
    const odd = new Float64Array(days).fill(Number.NaN);
    const signals = [
      { name: "never", past: new Float64Array(days), future: [1] },
      { name: "once", past: once, future: [1] },
      { name: "always", past: new Float64Array(days).fill(1), future: [1] },
      { name: "odd", past: odd, future: [1] },
      { name: "short", past: [], future: [1] },
    ];
    const found = withoutSignals(y, signals, 7);
    expect(found.effects).toEqual([]);
    expect(found.series).toBe(y);
    expect(found.restore([5])).toEqual([5]);
  });

  test("a holiday on which nothing sells goes down to zero, not below", () => {
    const closed = past.map((on, t) => (on === 1 ? 0 : 20 + noise(t)));
    const found = withoutSignals(closed, [{ name: "holiday", past, future: [1, 0] }], 1);
    expect(found.effects[0]!.effect).toBeLessThan(-14);
    const [on, off] = found.restore([1, 20]);
    expect(on).toBe(0);
    expect(off).toBe(20);
  });

  test("too short a series is left as it is", () => {
    const short = Float64Array.of(1, 5, 1, 5);
    const signal = { name: "x", past: [0, 1, 0, 1], future: [1] };
    expect(withoutSignals(short, [signal], 1).series).toBe(short);
  });
});
