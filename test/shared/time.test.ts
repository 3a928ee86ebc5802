import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTime, parseTime } from "../../shared/time.ts";

describe("parseTime()", () => {
  it.each([
    ["1970-01-01T00:00:00Z", 0],
    ["2026-11-23T10:00:00+01:00", Date.UTC(2026, 10, 23, 9)],
    ["2026-11-23t10:00:00.123456z", Date.UTC(2026, 10, 23, 10, 0, 0, 123)],
    ["2024-02-29T23:59:59-00:30", Date.UTC(2024, 2, 1, 0, 29, 59)],
    ["0001-01-01T00:00:00Z", -62135596800000],
  ])("reads %s", (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  it.each([
    "2026-11-23",
    "2026-11-23T10:00:00",
    "2026-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T10:00:00+25:00",
    "1700000000",
    "",
  ])("refuses %j", (text) => {
    expect(parseTime(text)).toBeUndefined();
  });

  it("reads back what formatTime() writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: -62135596800000, max: 253402300799999 }), (ms) => {
        expect(parseTime(formatTime(ms))).toBe(ms);
      }),
    );
  });
});
