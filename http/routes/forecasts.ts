// Routes of forecasts: what was sold and what is expected, and what would be under other assumptions.

import { z } from "zod";
import { LocationSchema, SkuSchema } from "../../shared/fields.ts";
import { ForecastSchema, WhatIfAnswerSchema, WhatIfSchema } from "../../shared/planning.ts";
import { readJson } from "../body.ts";
import type { Edge } from "../ports.ts";
import { ProblemError } from "../problems.ts";
import { nameOfQuery, skuOfPath, wholeOfQuery } from "../query.ts";
import { replyJson } from "../reply.ts";
import type { Route } from "../route.ts";
import { parseWith } from "../validate.ts";

const DAYS_DEFAULT = 56;
const DAYS_MAX = 800;

const day = z.string().describe("local day");
const units = z.int().describe("whole base units");

const ForecastsAnswer = z
  .strictObject({
    sku: z.string(),
    locations: z.array(
      z.strictObject({
        location: z.string(),
        history: z
          .array(
            z.strictObject({
              day,
              demand: units,
              lost: units,
              orders: z.int(),
              returns: units,
              minutesOutOfStock: z.int().optional(),
              closed: z.boolean().describe("late facts apart, nothing more comes"),
            }),
          )
          .describe("days on which anything happened"),
        forecast: ForecastSchema.extend({ madeAt: z.string() }).nullable(),
        past: z
          .array(
            z.strictObject({
              day,
              actual: units,
              forecast: z.number(),
              low: z.number(),
              high: z.number(),
              firstDay: day,
              madeAt: z.string(),
            }),
          )
          .describe("what was forecast of a day when it began, and what came"),
      }),
    ),
  })
  .meta({ id: "Forecasts" });

export function forecastRoutes(edge: Edge): Route[] {
  return [forecasts(edge), whatIf(edge)];
}

function forecasts(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/forecasts/:sku",
    name: "getForecasts",
    tag: "planning",
    summary: "History, the newest forecast with its bands, and past forecasts against what came",
    description:
      "Days are local days of each location. `quantiles` are bands of each day; `span` is demand over " +
      "lead time and review, from which the reorder point is made. A past day stands beside the " +
      "forecast that stood when it began, never one made later.",
    parameters: [
      { name: "sku", in: "path", description: "the SKU", schema: SkuSchema },
      { name: "location", in: "query", description: "only this location", schema: LocationSchema },
      {
        name: "days",
        in: "query",
        description: `days of history, 1 to ${DAYS_MAX}; default ${DAYS_DEFAULT}`,
        schema: z.int().min(1).max(DAYS_MAX),
      },
    ],
    answers: { 200: { description: "forecasts by location", schema: ForecastsAnswer } },
    problems: ["invalid_field", "unknown_series", "ledger_unavailable"],
    async handle(c) {
      const sku = skuOfPath(c);
      const location = nameOfQuery(c, "location");
      const days = wholeOfQuery(c, "days", { least: 1, most: DAYS_MAX }) ?? DAYS_DEFAULT;
      const locations = await edge.planner.forecasts(sku, location, days);
      if (locations.length === 0) throw unknownSeries(sku, location);
      return replyJson(c, 200, { sku, locations });
    },
  };
}

function whatIf(edge: Edge): Route {
  return {
    method: "POST",
    path: "/v1/forecasts/what-if",
    name: "askWhatIf",
    tag: "planning",
    summary: "Forecast and policy of one SKU under other assumptions; nothing is changed",
    body: {
      schema: WhatIfSchema,
      example: { sku: "SKU-1094-MD", location: "store-3", leadTimeDays: 14, fillRate: 0.98 },
    },
    answers: { 200: { description: "what would be, beside what is", schema: WhatIfAnswerSchema } },
    problems: [
      "malformed_json",
      "invalid_field",
      "unknown_series",
      "forecast_unavailable",
      "body_too_large",
      "unsupported_media_type",
    ],
    async handle(c) {
      const question = parseWith(WhatIfSchema, await readJson(c));
      return replyJson(c, 200, await edge.planner.whatIf(question));
    },
  };
}

function unknownSeries(sku: string, location: string | undefined): ProblemError {
  const at = location === undefined ? "" : ` at ${location}`;
  return new ProblemError("unknown_series", `Nothing is forecast of ${sku}${at}`);
}
