// Which line named an identity first.

import { expect, test } from "vitest";
import { LineIdentities } from "../../../scripts/import/line_identities.ts";

test("firstOf() finds every repeat and nothing else, also when every line there may be has come", () => {
  const lines = 50_000;
  const identities = new LineIdentities(lines);
  const place = (line: number) => [`L${line % 7}`, `S${line % 1_000}`, `id-${line}`] as const;
  const repeats: number[] = [];
  for (let line = 1; line <= lines; line++)
    if (identities.firstOf(...place(line), line) !== undefined) repeats.push(line);
  expect(repeats).toEqual([]);
  for (let line = 1; line <= lines; line += 97)
    expect(identities.firstOf(...place(line), lines + line)).toBe(line);
});

test("firstOf() tells identities apart by each of location, SKU and id", () => {
  const identities = new LineIdentities(5);
  expect(identities.firstOf("L", "S", "1", 2)).toBeUndefined();
  expect(identities.firstOf("M", "S", "1", 3)).toBeUndefined();
  expect(identities.firstOf("L", "T", "1", 4)).toBeUndefined();
  expect(identities.firstOf("L", "S", "2", 5)).toBeUndefined();
  expect(identities.firstOf("L", "S", "1", 6)).toBe(2);
});
