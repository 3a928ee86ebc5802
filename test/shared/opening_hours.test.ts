import { expect, it } from "vitest";
import { openingHoursFault, openMinutes } from "../../shared/opening_hours.ts";

const DAY = 1_440;

it.each([
  ["Mo 09:00-20:00", [[540, 1200]]],
  [
    "Mo 09:00-12:30,14:00-18:00",
    [
      [540, 750],
      [840, 1080],
    ],
  ],
  [
    "Mo-Tu 09:00-20:00",
    [
      [540, 1200],
      [DAY + 540, DAY + 1200],
    ],
  ],
  [
    "Su-Mo 10:00-11:00",
    [
      [600, 660],
      [6 * DAY + 600, 6 * DAY + 660],
    ],
  ],
  [
    "We,Fr 10:00-11:00",
    [
      [2 * DAY + 600, 2 * DAY + 660],
      [4 * DAY + 600, 4 * DAY + 660],
    ],
  ],
  ["Mo-Tu 09:00-20:00; Tu off", [[540, 1200]]],
  ["Mo 09:00-20:00; Mo 10:00-12:00", [[600, 720]]],
  [
    "Mo 22:00-02:00",
    [
      [1320, DAY],
      [DAY, DAY + 120],
    ],
  ],
  [
    "Su 22:00-02:00",
    [
      [6 * DAY + 1320, 7 * DAY],
      [0, 120],
    ],
  ],
  ["Mo 00:00-24:00", [[0, DAY]]],
  [
    "Mo 09:00-20:00; PH off",
    [
      [540, 1200],
      [11520, 11521],
    ],
  ],
  [
    "Mo 09:00-20:00; PH 11:00-13:00",
    [
      [540, 1200],
      [10080 + 660, 10080 + 780],
      [11520, 11521],
    ],
  ],
  ["Mo-Fr off", []],
] as [string, number[][]][])("openMinutes(%j)", (text, spans) => {
  const found = openMinutes(text) ?? "";
  const pairs = [...found.matchAll(/\[(\d+),(\d+)\)/g)].map((m) => [Number(m[1]), Number(m[2])]);
  const byStart = (a: number[], b: number[]) => a[0]! - b[0]!;
  expect(pairs.sort(byStart)).toEqual([...spans].sort(byStart));
});

it("openMinutes() of 24/7, and of hours without days, is every day", () => {
  expect(openMinutes("24/7")?.match(/\[/g)).toHaveLength(7);
  expect(openMinutes("08:00-20:00")).toContain("[480,1200)");
  expect(openMinutes("08:00-20:00")?.match(/\[/g)).toHaveLength(7);
});

it.each([
  "",
  "daily",
  "Mo-Sa",
  "Mo-Sa 9-20",
  "Mo-Sa 09:00-25:00",
  "Mo-Sa 24:00-25:00",
  "Mo-PH 09:00-20:00",
  "Xx 09:00-20:00",
  "Mo-Tu-We 09:00-20:00",
  "Mo 09:00-20:00;",
])("openingHoursFault(%j) says what was expected", (text) => {
  expect(openMinutes(text)).toBeUndefined();
  expect(openingHoursFault(text)).toMatch(/^expected opening hours such as Mo-Sa 09:00-20:00/);
});
