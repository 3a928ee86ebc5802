// Routes of policies: reorder points in force with their history, and what people set: modes, targets, overrides.

import type { Context } from "hono";
import { z } from "zod";
import { LocationSchema, SkuSchema, TextSchema } from "../../shared/fields.ts";
import { ANY_LOCATION } from "../../shared/ids.ts";
import {
  type Decided,
  type GroupSetting,
  GroupSettingSchema,
  OVERRIDE_DAYS_MAX,
  PlanSchema,
  type SkuSetting,
  SkuSettingSchema,
} from "../../shared/planning.ts";
import { parseTime } from "../../shared/time.ts";
import { readJson } from "../body.ts";
import type { PolicyView } from "../policy_reads.ts";
import type { Edge } from "../ports.ts";
import { ProblemError } from "../problems.ts";
import { nameOfQuery, skuOfPath } from "../query.ts";
import { replyJson } from "../reply.ts";
import type { Parameter, Route } from "../route.ts";
import { invalidField, parseWith } from "../validate.ts";

const HISTORY_MAX = 50;
const GROUPS_MAX = 1_000;
const DAY_MS = 86_400_000;

const StoredSettingAnswer = SkuSettingSchema.extend({
  category: TextSchema.optional(),
  sku: z.string().optional(),
  location: z.string().optional(),
  updatedAt: z.string(),
}).describe("a scope that is absent is any");

const PoliciesAnswer = z
  .strictObject({
    sku: z.string(),
    decided: z
      .boolean()
      .optional()
      .describe(
        "after a PUT: false when no forecast process answered, or nothing was sold there yet: then it is decided later",
      ),
    locations: z.array(
      z.strictObject({
        location: z.string(),
        version: z
          .int()
          .describe("of the stock machine's policy: what `ifVersion` is compared with"),
        plan: PlanSchema.nullable().describe("in force; null before the first"),
        settings: z.array(StoredSettingAnswer).describe("that hold here, the least specific first"),
        history: z.array(
          z.strictObject({
            version: z.int(),
            plan: PlanSchema.optional(),
            channels: z.record(z.string(), z.unknown()).optional(),
            backorderLimit: z.int().optional(),
            cause: z.string(),
            madeBy: z.string(),
            madeAt: z.string(),
          }),
        ),
      }),
    ),
  })
  .meta({ id: "Policies" });

const sku: Parameter = { name: "sku", in: "path", description: "the SKU", schema: SkuSchema };
const location: Parameter = {
  name: "location",
  in: "query",
  description: "only this location",
  schema: LocationSchema,
};

export function policyRoutes(edge: Edge): Route[] {
  return [getPolicies(edge), putPolicy(edge), getGroups(edge), putGroups(edge)];
}

function getPolicies(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/policies/:sku",
    name: "getPolicies",
    tag: "planning",
    summary: "Reorder points in force, what was set, and every change with its cause",
    description: `The newest ${HISTORY_MAX} changes of each location, a few seconds behind the log.`,
    parameters: [sku, location],
    answers: { 200: { description: "policies by location", schema: PoliciesAnswer } },
    problems: ["invalid_field", "unknown_policy", "ledger_unavailable"],
    async handle(c) {
      const name = skuOfPath(c);
      const at = nameOfQuery(c, "location");
      const locations = await edge.planner.policies(name, at, HISTORY_MAX);
      if (locations.length === 0) throw unknownPolicy(name, at);
      return replyJson(c, 200, { sku: name, locations });
    },
  };
}

function unknownPolicy(sku: string, location: string | undefined): ProblemError {
  const at = location === undefined ? "" : ` at ${location}`;
  return new ProblemError(
    "unknown_policy",
    `No reorder point is in force for ${sku}${at}, and nothing is set for it`,
  );
}

function putPolicy(edge: Edge): Route {
  return {
    method: "PUT",
    path: "/v1/policies/:sku",
    name: "putPolicy",
    tag: "planning",
    summary: "Set mode, targets or an override of a SKU, at one location or all",
    description:
      "Absent fields stay as they are, null clears. An override replaces the reorder point until it " +
      "expires; it needs a `location`, a reason and an expiry within a year. The forecast process that " +
      "plans the SKU decides at once, and the answer shows what is then in force; while none runs, or " +
      "before the first sale, the answer is 202 and the setting is applied when it can be.",
    writes: true,
    parameters: [sku, location],
    body: {
      schema: SkuSettingSchema,
      example: {
        mode: "recommend",
        override: {
          reorderPoint: 40,
          orderUpTo: 120,
          reason: "shop window in May",
          expiresAt: "2026-06-01T00:00:00Z",
        },
      },
    },
    answers: {
      200: { description: "set and decided", schema: PoliciesAnswer },
      202: { description: "set, to be decided later", schema: PoliciesAnswer },
    },
    problems: [
      "malformed_json",
      "invalid_field",
      "body_too_large",
      "unsupported_media_type",
      "ledger_unavailable",
    ],
    async handle(c) {
      const name = skuOfPath(c);
      const at = nameOfQuery(c, "location");
      if (at === ANY_LOCATION)
        throw invalidField([{ field: "location", fault: "expected a location, found -" }]);
      await edge.planner.putSku(name, at, await readSetting(c, at));
      const decided = await edge.planner.decide(name, at);
      const locations = await edge.planner.policies(name, at, HISTORY_MAX);
      const body = {
        sku: name,
        decided: decided !== undefined,
        locations: withDecided(locations, decided),
      };
      return replyJson(c, decided === undefined ? 202 : 200, body);
    },
  };
}

function getGroups(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/policies",
    name: "listPolicySettings",
    tag: "planning",
    summary: "What is set for groups of SKUs",
    answers: {
      200: {
        description: "settings of categories, locations, and of everything",
        schema: z.strictObject({ settings: z.array(StoredSettingAnswer) }),
      },
    },
    problems: ["invalid_field", "ledger_unavailable"],
    async handle(c) {
      return replyJson(c, 200, { settings: await edge.planner.groupSettings() });
    },
  };
}

function putGroups(edge: Edge): Route {
  const schema = z.array(GroupSettingSchema).min(1).max(GROUPS_MAX);
  return {
    method: "PUT",
    path: "/v1/policies",
    name: "putPolicySettings",
    tag: "planning",
    summary: "Set mode and targets of groups: a category, a location, both, or everything",
    description:
      "Of all settings that hold for a SKU at a location, each field comes from the most specific one: SKU " +
      "at a location, SKU, category at a location, category, location, everything. Absent fields stay as " +
      "they are, null clears. Forecast processes take it in within seconds.",
    writes: true,
    body: {
      schema,
      example: [{ mode: "recommend" }, { category: "Shirts", mode: "autopilot", fillRate: 0.97 }],
    },
    answers: {
      200: { description: "all are set", schema: z.strictObject({ set: z.int() }) },
    },
    problems: [
      "malformed_json",
      "invalid_field",
      "body_too_large",
      "unsupported_media_type",
      "ledger_unavailable",
    ],
    async handle(c) {
      const groups = parseWith(schema, await readJson(c));
      refuseRepeats(groups);
      await edge.planner.putGroups(groups);
      return replyJson(c, 200, { set: groups.length });
    },
  };
}

async function readSetting(c: Context, at: string | undefined): Promise<SkuSetting> {
  const setting = parseWith(SkuSettingSchema, await readJson(c));
  const { override } = setting;
  if (override === undefined || override === null) return setting;
  if (at === undefined)
    throw invalidField([{ field: "override", fault: "needs ?location=: it holds for one place" }]);
  const inMs = (parseTime(override.expiresAt) ?? 0) - Date.now();
  const field = "override.expiresAt";
  if (inMs <= 0) throw invalidField([{ field, fault: "expected a time to come" }]);
  if (inMs > OVERRIDE_DAYS_MAX * DAY_MS)
    throw invalidField([{ field, fault: `expected a time within ${OVERRIDE_DAYS_MAX} days` }]);
  return setting;
}

function refuseRepeats(settings: readonly GroupSetting[]): void {
  const seen = new Set<string>();
  for (const [i, { category = "", location: at = "" }] of settings.entries()) {
    const key = `${category}\n${at}`;
    if (seen.has(key)) throw invalidField([{ field: `[${i}]`, fault: "repeats a group" }]);
    seen.add(key);
  }
}

/** What the planner just decided, which the table `policy` tells a moment later. */
function withDecided(views: readonly PolicyView[], decided: Decided | undefined): PolicyView[] {
  return views.map((view) => {
    const found = decided?.find(({ location: at }) => at === view.location);
    if (found === undefined || found.version < view.version) return view;
    return { ...view, version: found.version, plan: found.plan };
  });
}
