import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashText, identityText, mix, textHash } from "../../shared/identity_hash.ts";

const hash = (text: string) => {
  hashText(text);
  return `${textHash.a} ${textHash.b}`;
};

describe("hashText()", () => {
  it("tells texts apart that differ in one place, in order or in length", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat(), fc.integer(), (found, at, by) => {
        const text = found.replaceAll("\0", "x");
        const i = at % (text.length + 1);
        const other = String.fromCharCode((text.charCodeAt(i) + by) & 0xffff || 1);
        const texts = new Set([
          text,
          `${text.slice(0, i)}${other}${text.slice(i + 1)}`,
          `${text}\u0001`,
          `${text.slice(i)}${text.slice(0, i)}`,
          text.slice(0, i),
        ]);
        expect(new Set([...texts].map(hash)).size).toBe(texts.size);
      }),
    );
  });

  it("gives ids that count up halves that are as different as chance would have them", () => {
    for (const name of [
      (n: number) => `SKU-${n}`,
      (n: number) => `c0ffee-${n.toString(36)}-7f3a`,
    ]) {
      for (const half of ["a", "b"] as const) {
        const seen = new Set<number>();
        const buckets = new Uint32Array(256);
        for (let n = 0; n < 65_536; n++) {
          hashText(name(n));
          seen.add(textHash[half]);
          const bucket = mix(textHash[half]) & 255;
          buckets[bucket] = (buckets[bucket] as number) + 1;
        }
        // By chance 0.5 meet.
        expect(seen.size).toBeGreaterThan(65_536 - 6);
        // 256 in each; six standard deviations are 96.
        expect(Math.min(...buckets)).toBeGreaterThan(160);
        expect(Math.max(...buckets)).toBeLessThan(352);
      }
    }
  });
});

describe("identityText()", () => {
  it("gives these values: ledgers keep them", () => {
    expect(identityText("store-1", "SKU-1", "c-1")).toBe("40668625467279943");
    expect(identityText("Zürich", "naïve", "日本")).toBe("-9158624595008079342");
  });
});
