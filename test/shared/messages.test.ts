import { describe, expect, it } from "vitest";
import { BriefFormSchema, CommandSchema, ShortFormSchema } from "../../shared/messages.ts";

const key = { sku: "SKU-1094-MD", location: "store-3" };

describe("CommandSchema", () => {
  it.each([
    { type: "sale", qty: 2 },
    { type: "receipt", qty: 5, order: "PO-1", line: "1" },
    { type: "adjust", delta: -3, reason: "broken" },
    { type: "count", counted: 0 },
    { type: "hold", hold: "h1", qty: 1, ttlMs: null },
    { type: "hold", hold: "h1", lines: [{ sku: "A", qty: 1 }], ttlMs: 1000 },
    { type: "order", order: "o", line: "1", rev: 1, ordered: 10, status: "placed", eta: null },
    { type: "tick" },
  ])("takes %j", (command) => {
    expect(CommandSchema.safeParse({ ...key, ...command }).success).toBe(true);
  });

  it.each([
    { type: "sale" },
    { type: "sale", qty: -2 },
    { type: "sale", qty: 1.5 },
    { type: "sale", qty: 2 ** 51 },
    { type: "sale", qty: 1, at: "yesterday" },
    { type: "sale", qty: 1, colour: "red" },
    { type: "adjust", delta: 0, reason: "nothing" },
    { type: "hold", hold: "h1", qty: 1 },
    { type: "steal", qty: 1 },
  ])("refuses %j", (command) => {
    expect(CommandSchema.safeParse({ ...key, ...command }).success).toBe(false);
  });
});

it("the short forms are what the brief writes", () => {
  expect(ShortFormSchema.safeParse({ qty: -2 }).success).toBe(true);
  const brief = { sku: "A", qtyChange: -1, warehouseId: "w", timestamp: "2026-01-01T00:00:00Z" };
  expect(BriefFormSchema.safeParse(brief).success).toBe(true);
  expect(BriefFormSchema.safeParse({ ...brief, qtyChange: 0 }).success).toBe(false);
});
