import fc from "fast-check";
import { expect, it } from "vitest";
import { formatVersion, parseVersion, VERSION_LENGTH } from "../../shared/version.ts";

const position = fc.tuple(
  fc.integer({ min: 0, max: 9999 }),
  fc.integer({ min: 0, max: 10 ** 14 - 1 }),
  fc.integer({ min: 0, max: 255 }),
);

it("versions sort as text as their positions sort", () => {
  fc.assert(
    fc.property(position, position, (a, b) => {
      const [va, vb] = [formatVersion(...a), formatVersion(...b)];
      const order = a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
      expect(Math.sign(order)).toBe(va < vb ? -1 : va > vb ? 1 : 0);
      expect(va).toHaveLength(VERSION_LENGTH);
    }),
  );
});

it("parseVersion() reads back what formatVersion() writes, and nothing else", () => {
  fc.assert(
    fc.property(position, ([epoch, seq, index]) => {
      expect(parseVersion(formatVersion(epoch, seq, index))).toEqual({ epoch, seq, index });
    }),
  );
  expect(parseVersion("1.2.3")).toBeUndefined();
});
