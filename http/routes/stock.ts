// Routes that read stock: one SKU, several, a location's list, a SKU's history.

import type { Context } from "hono";
import { z } from "zod";
import type { LedgerLevel } from "../../shared/decisions.ts";
import { LocationSchema, SkuSchema, TimeSchema } from "../../shared/fields.ts";
import { nameFault } from "../../shared/ids.ts";
import { formatTime } from "../../shared/time.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import type { Edge } from "../ports.ts";
import { ProblemError } from "../problems.ts";
import {
  choiceOfQuery,
  limitOfQuery,
  nameOfQuery,
  namesOfQuery,
  skuOfPath,
  timeOfQuery,
} from "../query.ts";
import { replyJson } from "../reply.ts";
import type { Parameter, Route } from "../route.ts";
import { HistoryAnswer, StockAnswer, StockAsOfAnswer, StockListAnswer } from "../schemas.ts";
import { catchUp, readLevels } from "../stock_reads.ts";
import { stockView } from "../stock_view.ts";
import { invalidField } from "../validate.ts";

const sku: Parameter = { name: "sku", in: "path", description: "the SKU", schema: SkuSchema };
const location: Parameter = {
  name: "location",
  in: "query",
  description: "only this location",
  schema: LocationSchema,
};
const limit: Parameter = {
  name: "limit",
  in: "query",
  description: "rows of a page, 1 to 1000; default 100",
  schema: z.int().min(1).max(1000),
};
const cursor: Parameter = {
  name: "cursor",
  in: "query",
  description: "`next` of the page before",
  schema: z.string(),
};

const CONSISTENCIES = ["registry", "strong"] as const;
const consistency: Parameter = {
  name: "consistency",
  in: "query",
  description: "how fresh; default registry",
  schema: z.enum(CONSISTENCIES),
};

/** Most that epoch, seq, index and ordinal of a ledger row may be: int4, int8, int2, int4. */
const POSITION_MAX = [2 ** 31 - 1, Number.MAX_SAFE_INTEGER, 2 ** 15 - 1, 2 ** 31 - 1];

export function stockRoutes(edge: Edge): Route[] {
  return [oneSku(edge), manySkus(edge), history(edge)];
}

function oneSku(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/stock/:sku",
    name: "getStock",
    tag: "stock",
    summary: "Levels of one SKU at all its locations, with totals",
    description:
      "Totals clamp each location at zero, then sum. Reads the registry (milliseconds behind the " +
      "log); `consistency=strong` first waits until everything decided before is visible. With " +
      "`asOf` the ledger answers as it knew at that append time, without atp and inventoryPosition, " +
      "which depend on rules. While Redis is away the last checkpoint answers, marked `stale`.",
    parameters: [
      sku,
      location,
      { name: "asOf", in: "query", description: "append time, RFC 3339", schema: TimeSchema },
      consistency,
    ],
    answers: { 200: { description: "levels", schema: z.union([StockAnswer, StockAsOfAnswer]) } },
    problems: [
      "invalid_field",
      "unknown_sku",
      "registry_unavailable",
      "ledger_unavailable",
      "log_unavailable",
      "log_full",
      "strong_read_timeout",
    ],
    async handle(c) {
      const name = skuOfPath(c);
      const at = nameOfQuery(c, "location");
      const asOfMs = timeOfQuery(c, "asOf");
      const isStrong = isStrongRead(c);
      if (asOfMs !== undefined) {
        if (isStrong) {
          const fault = "is not for a read with asOf: the ledger follows the decisions";
          throw invalidField([{ field: "consistency", fault }]);
        }
        const levels = await edge.ledger.asOf(name, at, asOfMs);
        if (levels.length === 0) throw unknownSku(name, at);
        return replyJson(c, 200, asOfView(name, asOfMs, levels));
      }
      if (isStrong) await catchUp(edge, [name]);
      const { levels, stale } = await readLevels(edge, [name], at);
      if (levels.length === 0) throw unknownSku(name, at);
      return replyJson(c, 200, stockView(name, levels, stale));
    },
  };
}

function manySkus(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/stock",
    name: "listStock",
    tag: "stock",
    summary: "Levels of several SKUs, or of all SKUs at a location",
    description:
      "With `sku` (repeat it, up to 200): those SKUs, at `location` if given. With `location` alone: " +
      "its SKUs in order, a page at a time; a SKU that first came seconds ago may not be listed yet. With " +
      "`consistency=strong` the levels are those after everything decided before.",
    parameters: [
      {
        name: "sku",
        in: "query",
        description: "a SKU; may be repeated",
        schema: SkuSchema,
        repeated: true,
      },
      location,
      consistency,
      limit,
      cursor,
    ],
    answers: { 200: { description: "levels by SKU", schema: StockListAnswer } },
    problems: [
      "invalid_field",
      "invalid_cursor",
      "registry_unavailable",
      "ledger_unavailable",
      "log_unavailable",
      "log_full",
      "strong_read_timeout",
    ],
    async handle(c) {
      const skus = namesOfQuery(c, "sku");
      const at = nameOfQuery(c, "location");
      const isStrong = isStrongRead(c);
      if (skus.length > 0) return replyJson(c, 200, await viewsOf(edge, skus, at, isStrong));
      if (at === undefined) {
        throw invalidField([{ field: "sku", fault: "expected sku or location" }]);
      }
      const rows = limitOfQuery(c);
      const after = c.req.query("cursor");
      const place = after === undefined ? [""] : decodeCursor(after, ["string"]);
      const keys = await edge.ledger.keysOf(at, String(place[0]), rows + 1);
      const page = keys.slice(0, rows);
      const { stock } = await viewsOf(edge, page, at, isStrong);
      const last = keys.length > rows ? page.at(-1) : undefined;
      return replyJson(c, 200, {
        stock,
        ...(last === undefined ? {} : { next: encodeCursor([last]) }),
      });
    },
  };
}

function history(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/stock/:sku/history",
    name: "getStockHistory",
    tag: "stock",
    summary: "What happened to a SKU, newest first, as the ledger has it",
    description: "The ledger follows the decisions by about a quarter of a second.",
    parameters: [sku, location, limit, cursor],
    answers: { 200: { description: "ledger rows", schema: HistoryAnswer } },
    problems: ["invalid_field", "invalid_cursor", "unknown_sku", "ledger_unavailable"],
    async handle(c) {
      const name = skuOfPath(c);
      const text = c.req.query("cursor");
      const at = nameOfQuery(c, "location");
      const [epoch, seq, index, ordinal] =
        text === undefined ? [] : (decodeCursor(text, POSITION_MAX) as number[]);
      const before =
        epoch === undefined || seq === undefined || index === undefined || ordinal === undefined
          ? undefined
          : { epoch, seq, index, ordinal };
      const { rows, next } = await edge.ledger.history({
        sku: name,
        location: at,
        before,
        limit: limitOfQuery(c),
      });
      if (rows.length === 0 && before === undefined) throw unknownSku(name, at);
      const place = next && encodeCursor([next.epoch, next.seq, next.index, next.ordinal]);
      return replyJson(c, 200, {
        sku: name,
        rows,
        ...(place === undefined ? {} : { next: place }),
      });
    },
  };
}

const isStrongRead = (c: Context): boolean =>
  choiceOfQuery(c, "consistency", CONSISTENCIES) === "strong";

async function viewsOf(
  edge: Edge,
  skus: readonly string[],
  at: string | undefined,
  isStrong: boolean,
) {
  if (isStrong) await catchUp(edge, skus);
  const { levels, stale } = await readLevels(edge, skus, at);
  const bySku = Map.groupBy(levels, (level) => level.sku);
  const known = skus.filter((name) => bySku.has(name));
  const unknown = skus.filter((name) => !bySku.has(name));
  const stock = known.map((name) => stockView(name, bySku.get(name) ?? [], stale));
  return { stock, ...(unknown.length === 0 ? {} : { unknown }) };
}

const SUMMED = [
  "onHand",
  "sellable",
  "reserved",
  "available",
  "oversold",
  "backordered",
  "inTransit",
  "onOrder",
] as const;

function asOfView(name: string, ms: number, levels: readonly LedgerLevel[]) {
  const sum = (field: (typeof SUMMED)[number]) =>
    levels.reduce((total, level) => total + Math.max(0, level[field]), 0);
  const totals = Object.fromEntries(SUMMED.map((field) => [field, sum(field)]));
  return { sku: name, asOf: formatTime(ms), totals, locations: levels };
}

function unknownSku(name: string, at: string | undefined): ProblemError {
  const where = at === undefined ? "" : ` at ${at}`;
  const fault = nameFault(name);
  return new ProblemError("unknown_sku", fault ?? `Nothing is known of ${name}${where}`);
}
