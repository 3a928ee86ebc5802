// What one row of a sales file becomes, and what is said of a bad one.

import { describe, expect, test } from "vitest";
import { layoutOf, parseMap } from "../../../scripts/import/fields.ts";
import { timeReader } from "../../../scripts/import/local_time.ts";
import { minorDigits, parseMoney } from "../../../scripts/import/money.ts";
import { commandOf, type RowOptions } from "../../../scripts/import/row.ts";
import { CommandSchema } from "../../../shared/messages.ts";

const HEADER = ["timestamp", "invoice", "sku", "location", "qty", "unit_price"];

function options(more: Partial<RowOptions> = {}): RowOptions {
  const layout = layoutOf(HEADER, { map: new Map() });
  if ("fault" in layout) throw new Error(layout.fault);
  return { layout, idPrefix: "imp-00", readTime: timeReader("UTC"), priceDigits: 2, ...more };
}

const row = (text: string, more?: Partial<RowOptions>) =>
  commandOf(text.split(","), 7, options(more));

describe("commandOf()", () => {
  test.each([
    [
      "a sale",
      "2010-12-01T08:26:00,536365,21730,United Kingdom,6,4.25",
      {
        type: "sale",
        qty: 6,
        price: 425,
      },
    ],
    [
      "a return",
      "2010-12-01T09:41:00,C536379,21730,United Kingdom,-1,4.25",
      {
        type: "return",
        qty: 1,
        price: 425,
      },
    ],
    [
      "an adjust of a line without price",
      "2010-12-01T11:52:00,536414,21730,United Kingdom,56,0",
      {
        type: "adjust",
        delta: -56,
        price: 0,
        reason: "line without price",
      },
    ],
    [
      "an adjust upwards",
      "2010-12-01T11:52:00,536414,21730,United Kingdom,-20,0.00",
      {
        type: "adjust",
        delta: 20,
        price: 0,
      },
    ],
  ])("makes %s", (_name, text, wanted) => {
    const result = row(text);
    expect(result).toMatchObject({
      command: {
        id: "imp-00-7",
        sku: "21730",
        location: "United Kingdom",
        backfill: true,
        ...wanted,
      },
    });
    if ("command" in result) expect(CommandSchema.safeParse(result.command).success).toBe(true);
  });

  test.each([
    ["too few columns", "2010-12-01T08:26:00,1,A,L,6", "found 5 columns, expected 6"],
    ["too many columns", "2010-12-01T08:26:00,1,A,L,6,1,2", "found 7 columns, expected 6"],
    [
      "an empty sku",
      "2010-12-01T08:26:00,1,,L,6,1",
      "sku: expected 1 to 200 bytes, found an empty text",
    ],
    ["an empty location", "2010-12-01T08:26:00,1,A,,6,1", "location: expected 1 to 200 bytes"],
    ["a location that is none", "2010-12-01T08:26:00,1,A,-,6,1", 'location: found "-"'],
    ["a bad time", "yesterday,1,A,L,6,1", 'at: found "yesterday", expected a time'],
    ["a day that is none", "2011-02-29,1,A,L,6,1", "at: found"],
    ["no number", "2010-12-01,1,A,L,six,1", 'qty: found "six", expected a whole number'],
    ["a fraction", "2010-12-01,1,A,L,1.5,1", 'qty: found "1.5"'],
    ["a huge number", "2010-12-01,1,A,L,1125899906842625,1", "qty: found"],
    ["a zero", "2010-12-01,1,A,L,0,1", "qty: found 0"],
    ["a price finer than the minor unit", "2010-12-01,1,A,L,1,0.001", 'price: found "0.001"'],
    ["a price that is none", "2010-12-01,1,A,L,1,free", 'price: found "free"'],
    ["an over-long ref", `2010-12-01,${"r".repeat(201)},A,L,1,1`, "ref: expected text"],
    [
      "a sku over 200 bytes",
      `2010-12-01,1,${"é".repeat(101)},L,1,1`,
      "sku: expected 1 to 200 bytes, found 202",
    ],
  ])("refuses %s", (_name, text, fault) => {
    expect(row(text)).toEqual({ fault: expect.stringContaining(fault) });
  });

  test("keeps names as they are, with dots, spaces, stars and emoji", () => {
    expect(row("2010-12-01,1,a.b *😀,L.1 ü,1,1")).toMatchObject({
      command: { sku: "a.b *😀", location: "L.1 ü" },
    });
  });

  test("takes the type from a column when there is one", () => {
    const layout = layoutOf(["when", "what", "sku", "store", "n", "key"], {
      map: new Map(
        Object.entries({ when: "at", what: "type", store: "location", n: "qty", key: "id" }),
      ),
    });
    if ("fault" in layout) throw new Error(layout.fault);
    const typed = (cells: string) => commandOf(cells.split(","), 2, options({ layout }));
    expect(typed("2020-01-01,receipt,A,S,5,k1")).toMatchObject({
      command: { type: "receipt", qty: 5, id: "k1" },
    });
    expect(typed("2020-01-01,count,A,S,0,k2")).toMatchObject({
      command: { type: "count", counted: 0 },
    });
    expect(typed("2020-01-01,adjust,A,S,-2,k3")).toMatchObject({
      command: { type: "adjust", delta: -2 },
    });
    expect(typed("2020-01-01,theft,A,S,1,k4")).toMatchObject({
      fault: expect.stringContaining("theft"),
    });
    expect(typed("2020-01-01,sale,A,S,-1,k5")).toMatchObject({
      fault: expect.stringContaining("-1"),
    });
    expect(typed("2020-01-01,sale,A,S,1,")).toMatchObject({
      fault: expect.stringContaining("id:"),
    });
  });
});

describe("layoutOf()", () => {
  test("names every column that is missing", () => {
    expect(layoutOf(["sku", "price"], { map: new Map() })).toEqual({
      fault: expect.stringContaining("no column for at, location, qty"),
      ofMap: false,
    });
  });
  test("refuses a map that names a column the file has not", () => {
    expect(layoutOf(HEADER, { map: new Map([["when", "at"]]) })).toEqual({
      fault: expect.stringContaining('no column "when"'),
      ofMap: true,
    });
  });
  test("refuses two columns for one field", () => {
    expect(layoutOf([...HEADER, "time"], { map: new Map() })).toEqual({
      fault: expect.stringContaining('"timestamp" and "time" are both at'),
      ofMap: false,
    });
  });
  test("needs no location column when one location is given", () => {
    expect(layoutOf(["at", "sku", "qty"], { map: new Map(), location: "store-1" })).toMatchObject({
      columns: 3,
    });
  });
});

describe("parseMap()", () => {
  test("reads column=field pairs; a column may hold an equals sign", () => {
    expect(parseMap("time stamp=at,a=b=ref,junk=none")).toEqual(
      new Map([
        ["time stamp", "at"],
        ["a=b", "ref"],
        ["junk", "none"],
      ]),
    );
  });
  test.each([["at"], ["=at"], ["x=when"], ["x=at,x=ref"], [""]])("refuses %j", (text) => {
    expect(parseMap(text)).toEqual({ fault: expect.any(String) });
  });
});

describe("parseMoney()", () => {
  test.each([
    ["4.25", 2, 425],
    ["4", 2, 400],
    ["4.", 2, 400],
    ["0", 2, 0],
    ["-0.00", 2, 0],
    ["-1.5", 2, -150],
    ["0.29", 2, 29],
    ["4.250", 2, 425],
    ["1.005", 3, 1005],
    ["120", 0, 120],
    ["11258999068426.24", 2, 2 ** 50],
    ["11258999068426.25", 2, undefined],
    ["1.005", 2, undefined],
    ["1,5", 2, undefined],
    ["1e3", 2, undefined],
    [".5", 2, undefined],
    ["", 2, undefined],
  ])("of %j with %d digits is %j", (text, digits, wanted) => {
    const value = parseMoney(text, digits);
    expect(value).toBe(wanted);
  });
  test("knows the digits of currencies", () => {
    expect([
      minorDigits("GBP"),
      minorDigits("JPY"),
      minorDigits("KWD"),
      minorDigits(undefined),
    ]).toEqual([2, 0, 3, 2]);
  });
});

describe("timeReader()", () => {
  test.each([
    ["UTC", "2010-12-01T08:26:00", "2010-12-01T08:26:00Z"],
    ["UTC", "2010-12-01 08:26", "2010-12-01T08:26:00Z"],
    ["UTC", "2010-12-01", "2010-12-01T00:00:00Z"],
    ["UTC", "2010-12-01T08:26:00.5+02:00", "2010-12-01T08:26:00.5+02:00"],
    ["UTC", "01/12/2010", undefined],
    ["UTC", "2010-12-01T24:00:00", undefined],
    ["Europe/London", "2010-12-01T08:26:00", "2010-12-01T08:26:00Z"],
    ["Europe/London", "2011-07-01T08:26:00", "2011-07-01T07:26:00.000Z"],
    // The hour that Berlin skips, and the one that comes twice.
    ["Europe/Berlin", "2011-03-27T01:59:00", "2011-03-27T00:59:00.000Z"],
    ["Europe/Berlin", "2011-03-27T02:30:00", "2011-03-27T01:30:00.000Z"],
    ["Europe/Berlin", "2011-03-27T03:00:00", "2011-03-27T01:00:00.000Z"],
    ["Europe/Berlin", "2011-10-30T02:30:00", "2011-10-30T00:30:00.000Z"],
    ["Europe/Berlin", "2011-10-30T03:00:00", "2011-10-30T02:00:00.000Z"],
    ["Asia/Kathmandu", "2011-03-27T00:10:00", "2011-03-26T18:25:00.000Z"],
  ])("in %s reads %s as %s", (zone, text, wanted) => {
    expect(timeReader(zone)(text)).toBe(wanted);
  });
  test("refuses a zone that is none", () => {
    expect(() => timeReader("Mars/Base")).toThrow(/Mars\/Base/);
  });
});
