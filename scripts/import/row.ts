// Pure.
// One row of a sales file to one command: a positive quantity is a sale, a negative one a return, and
// a row with price 0 an `adjust` with the same effect on stock, since nobody asked for it. With a
// `type` column the quantity is what that type says. History raises no need: `backfill` is set.

import { commandIdFault, nameFault } from "../../shared/ids.ts";
import type { Command } from "../../shared/messages.ts";
import { isQuantity } from "../../shared/quantities.ts";
import type { Field, Layout } from "./fields.ts";
import { parseMoney } from "./money.ts";

export type RowOptions = {
  layout: Layout;
  /** First part of minted ids: `imp-` and 16 hex digits of the file's digest. */
  idPrefix: string;
  readTime: (text: string) => string | undefined;
  /** Digits after the point of prices. */
  priceDigits: number;
  currency?: string;
  location?: string;
};

export type RowResult = { command: Command } | { fault: string };

const INTEGER = /^[+-]?\d{1,16}$/;
const TEXT_LENGTH_MAX = 200;

/**
 * @param cells the row as it stands in the file
 * @param line its line number, the header being line 1; part of the identity
 */
export function commandOf(cells: readonly string[], line: number, options: RowOptions): RowResult {
  const { layout } = options;
  if (cells.length !== layout.columns)
    return { fault: `found ${cells.length} columns, expected ${layout.columns}` };
  const cell = (field: Field): string | undefined => {
    const index = layout.at[field];
    return index === undefined ? undefined : cells[index];
  };
  const sku = cell("sku") ?? "";
  const location = options.location ?? cell("location") ?? "";
  const skuFault = nameFault(sku);
  if (skuFault !== undefined) return { fault: `sku: ${skuFault}` };
  const locationFault = nameFault(location);
  if (locationFault !== undefined) return { fault: `location: ${locationFault}` };
  if (location === "-") return { fault: `location: found "-", expected a place` };
  const atText = cell("at") ?? "";
  const at = options.readTime(atText);
  if (at === undefined) return { fault: `at: found "${clip(atText)}", expected a time` };
  const qtyText = cell("qty") ?? "";
  const qty = INTEGER.test(qtyText) ? Number(qtyText) + 0 : undefined;
  if (qty === undefined || !isQuantity(qty))
    return { fault: `qty: found "${clip(qtyText)}", expected a whole number up to 2^50` };
  const priceText = cell("price");
  const hasPrice = priceText !== undefined && priceText !== "";
  const price = hasPrice ? parseMoney(priceText, options.priceDigits) : undefined;
  if (hasPrice && price === undefined)
    return {
      fault: `price: found "${clip(priceText)}", expected at most ${options.priceDigits} decimals`,
    };
  const id = cell("id") ?? `${options.idPrefix}-${line}`;
  const wrongId = commandIdFault(id);
  if (wrongId !== undefined) return { fault: `id: ${wrongId}` };
  const common: Common = { id, sku, location, at, backfill: true };
  for (const field of ["ref", "channel"] as const) {
    const text = cell(field);
    if (text === undefined || text === "") continue;
    if (textFault(text)) return { fault: `${field}: expected text of at most 200 characters` };
    common[field] = text;
  }
  if (price !== undefined) {
    common.price = price;
    if (options.currency !== undefined) common.currency = options.currency;
  }
  return typed(cell("type"), qty, cell("reason"), common);
}

type Common = {
  id: string;
  sku: string;
  location: string;
  at: string;
  backfill: true;
  ref?: string;
  channel?: string;
  price?: number;
  currency?: string;
};

function typed(
  type: string | undefined,
  qty: number,
  reasonText: string | undefined,
  common: Common,
): RowResult {
  const reason = reasonText === undefined || reasonText === "" ? undefined : reasonText;
  if (reason !== undefined && textFault(reason))
    return { fault: "reason: expected text of at most 200 characters" };
  if (type === undefined || type === "") {
    if (qty === 0) return { fault: `qty: found 0, expected a whole number other than 0` };
    if (common.price === 0)
      return {
        command: { type: "adjust", ...common, delta: -qty, reason: reason ?? "line without price" },
      };
    if (qty > 0) return { command: { type: "sale", ...common, qty } };
    return { command: { type: "return", ...common, qty: -qty } };
  }
  switch (type) {
    case "sale":
    case "return":
    case "receipt":
      if (qty <= 0) return { fault: `qty: found ${qty}, expected at least 1 for a ${type}` };
      return { command: { type, ...common, qty } };
    case "adjust":
      if (qty === 0) return { fault: `qty: found 0, expected a whole number other than 0` };
      return { command: { type, ...common, delta: qty, reason: reason ?? "import" } };
    case "count":
      if (qty < 0) return { fault: `qty: found ${qty}, expected at least 0 for a count` };
      return { command: { type, ...common, counted: qty } };
    default:
      return {
        fault: `type: found "${clip(type)}", expected sale, return, receipt, adjust or count`,
      };
  }
}

function textFault(text: string): boolean {
  return text.length > TEXT_LENGTH_MAX || !text.isWellFormed() || text.includes("\u0000");
}

function clip(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}
