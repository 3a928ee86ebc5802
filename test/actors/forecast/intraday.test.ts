import fc from "fast-check";
import { expect, test } from "vitest";
import { readIntraday } from "../../../actors/forecast/intraday.ts";

test("readIntraday() of the header's day expects 15 more, 40 in all", () => {
  const reading = readIntraday({ expected: 20, variance: 40, sharePassed: 0.5, soldSoFar: 25 });
  expect(reading.rest).toBeCloseTo(15, 9);
  expect(reading.whole).toBeCloseTo(40, 9);
  // 15 above the 10 expected, spread sqrt(10 + 20 x 0.25).
  expect(reading.surprise).toBeCloseTo(15 / Math.sqrt(15), 9);
  expect(reading.far).toBe(true);
});

test("a day as expected changes nothing; a certain forecast hardly moves", () => {
  const usual = readIntraday({ expected: 20, variance: 40, sharePassed: 0.5, soldSoFar: 10 });
  expect(usual).toEqual({ rest: 10, whole: 20, surprise: 0, far: false });
  const sure = readIntraday({ expected: 20, variance: 0, sharePassed: 0.5, soldSoFar: 25 });
  expect(sure.rest).toBeCloseTo(10, 2);
});

test("nothing is said in the first minutes, and a closed day is over", () => {
  expect(readIntraday({ expected: 20, variance: 40, sharePassed: 0.01, soldSoFar: 30 }).far).toBe(
    false,
  );
  expect(readIntraday({ expected: 20, variance: 40, sharePassed: 1, soldSoFar: 7 }).whole).toBe(7);
});

test("readIntraday() is finite and not negative for any numbers", () => {
  const any = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e9 }));
  fc.assert(
    fc.property(any, any, any, any, (expected, variance, sharePassed, soldSoFar) => {
      const { rest, whole, surprise } = readIntraday({
        expected,
        variance,
        sharePassed,
        soldSoFar,
      });
      expect(rest).toBeGreaterThanOrEqual(0);
      expect(whole).toBeGreaterThanOrEqual(0);
      expect([rest, whole, surprise].every(Number.isFinite)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
