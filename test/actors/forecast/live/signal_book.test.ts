import { expect, it } from "vitest";
import {
  SignalBook,
  signalsVersion,
  unitsAhead,
  withoutEffects,
} from "../../../../actors/forecast/live/signal_book.ts";

const days = { firstDay: 10, past: 3, future: 2 };
const shop = { sku: "A", location: "york" };

function bookOf(
  ...rows: [name: string, location: string, sku: string, day: number, value: number][]
) {
  const book = new SignalBook();
  for (const [name, location, sku, day, value] of rows)
    book.put({ name, location, sku, day, value });
  return book;
}

it("of() tells each name's value by day, the closest to the series speaking", () => {
  const book = bookOf(
    ["promotion", "", "", 10, 1],
    ["promotion", "york", "", 10, 2],
    ["promotion", "", "A", 11, 3],
    ["promotion", "york", "A", 11, 0],
    ["promotion", "leeds", "A", 12, 9],
    ["holiday", "", "", 13, 1],
  );
  const found = book
    .of(shop, days)
    .map(({ name, past, future }) => [name, [...Array.from(past)], [...Array.from(future)]]);
  expect(found).toEqual([
    ["holiday", [0, 0, 0], [1, 0]],
    ["promotion", [2, 0, 0], [0, 0]],
  ]);
});

it("of() tells nothing where nobody speaks; signals of unknown SKUs harm nobody", () => {
  expect(bookOf(["promotion", "", "no such SKU", 10, 1]).of(shop, days)).toEqual([]);
});

it("put() says whether anything is new", () => {
  const book = new SignalBook();
  const row = { name: "promotion", location: "", sku: "", day: 10, value: 1 };
  expect([book.put(row), book.put(row), book.put({ ...row, value: 2 })]).toEqual([
    true,
    false,
    true,
  ]);
});

it("signalsVersion() is of the values around the forecast, and empty without any", () => {
  const one = bookOf(["promotion", "", "", 13, 1]).of(shop, days);
  const other = bookOf(["promotion", "", "", 14, 1]).of(shop, days);
  expect(signalsVersion([])).toBe("");
  expect(signalsVersion(one)).toMatch(/^[0-9a-f]{8}$/);
  expect(signalsVersion(one)).toBe(signalsVersion(one));
  expect(signalsVersion(one)).not.toBe(signalsVersion(other));
});

it("unitsAhead() and withoutEffects() put on what is to come and take off what was", () => {
  const signals = bookOf(["promotion", "", "", 11, 1], ["promotion", "", "", 13, 2]).of(shop, days);
  const effects = [{ name: "promotion", effect: 10, seenCount: 5 }];
  expect(unitsAhead(signals, effects, 1)).toBe(20);
  expect([...withoutEffects(Float64Array.of(5, 15, Number.NaN), signals, effects)]).toEqual([
    5,
    5,
    Number.NaN,
  ]);
  expect([...withoutEffects(Float64Array.of(5, 4, 3), signals, effects)]).toEqual([5, 0, 3]);
});
