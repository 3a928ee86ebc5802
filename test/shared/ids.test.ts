import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idFault, nameFault, parseSku, utf8Length } from "../../shared/ids.ts";
import { isPositiveQuantity, isQuantity } from "../../shared/quantities.ts";

describe("nameFault()", () => {
  it.each(["A", "SKU-1094-MD", "a.b c*d>e", "größe", "👕", "é".repeat(100), "-"])(
    "takes %j",
    (name) => {
      expect(nameFault(name)).toBeUndefined();
    },
  );

  it.each([
    ["", /empty/],
    ["é".repeat(101), /200 bytes, found 202/],
    ["a\nb", /control/],
    ["a\u0000b", /control/],
    ["\ud800", /surrogate/],
    [7, /number/],
    [null, /null/],
  ])("refuses %j", (name, why) => {
    expect(nameFault(name)).toMatch(why);
  });
});

describe("idFault()", () => {
  it("takes 128 characters and refuses 129, NUL and nothing", () => {
    expect(idFault("x".repeat(128))).toBeUndefined();
    expect(idFault("x".repeat(129))).toMatch(/129/);
    expect(idFault("a\u0000")).toMatch(/NUL/);
    expect(idFault("")).toMatch(/none/);
  });
});

describe("parseSku()", () => {
  it("throws with the field's name", () => {
    expect(() => parseSku("")).toThrow(/^sku: /);
  });
});

describe("utf8Length()", () => {
  it("agrees with TextEncoder", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });
});

describe("isQuantity()", () => {
  it.each([0, 1, -1, 2 ** 50, -(2 ** 50)])("takes %d", (n) => {
    expect(isQuantity(n)).toBe(true);
  });

  it.each([-0, 0.5, 2 ** 50 + 1, Number.NaN, Number.POSITIVE_INFINITY, "1", null])(
    "refuses %s",
    (n) => {
      expect(isQuantity(n)).toBe(false);
    },
  );

  it("isPositiveQuantity() wants at least 1", () => {
    expect(isPositiveQuantity(0)).toBe(false);
    expect(isPositiveQuantity(1)).toBe(true);
  });
});
