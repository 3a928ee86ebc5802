// The synchroniser endpoint of the customer's brief, told truly: the change goes through the log, the
// answer says how long that took and which systems have it, and which have not yet.

import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Decision } from "../../shared/decisions.ts";
import { IdSchema } from "../../shared/fields.ts";
import { HTTP_SYNC_VISIBLE_WAIT_MS } from "../../shared/limits.ts";
import { BriefFormSchema, type Command } from "../../shared/messages.ts";
import { readJson } from "../body.ts";
import { answer } from "../decide.ts";
import { idempotencyKey } from "../idempotency.ts";
import type { Edge } from "../ports.ts";
import type { ProblemCode } from "../problems.ts";
import { mintId, replyJson } from "../reply.ts";
import type { Route } from "../route.ts";
import { parseWith } from "../validate.ts";
import { replyAnswered } from "./commands.ts";

/** ERP gateways that do not exist yet, and so have nothing. */
const PENDING_ENDPOINTS = ["sap-s4hana", "oracle-netsuite", "odoo"];

const SyncAnswer = z
  .strictObject({
    id: z.string(),
    sku: z.string(),
    synchronized: z.boolean().describe("every endpoint has it"),
    sync_latency_ms: z.number(),
    updated_endpoints: z.array(z.string()),
    pending_endpoints: z.array(z.string()),
    timestamp: z.string().describe("when the log decided it, RFC 3339"),
  })
  .meta({ id: "SyncErp" });

const PROBLEMS_OF_SYNC: readonly ProblemCode[] = [
  "malformed_json",
  "malformed_text",
  "invalid_field",
  "malformed",
  "body_too_large",
  "unsupported_media_type",
  "id_conflict",
  "out_of_range",
  "log_unavailable",
  "log_full",
  "overloaded",
];

export function syncErpRoute(edge: Edge): Route {
  return {
    method: "POST",
    path: "/api/supply-chain/sync-erp",
    name: "syncErp",
    tag: "commands",
    summary: "A change of stock, synchronised everywhere",
    description:
      "`qtyChange` below zero is a sale, above zero a receipt. `updated_endpoints` have the change " +
      "when the answer leaves; `pending_endpoints` do not yet, and `synchronized` is true only when " +
      "there are none. `timestamp` of the request is when it happened (RFC 3339 with an offset).",
    writes: true,
    parameters: [
      {
        name: "Idempotency-Key",
        in: "header",
        description: "makes retries safe",
        schema: IdSchema,
      },
    ],
    body: {
      schema: BriefFormSchema,
      example: {
        sku: "SKU-1094-MD",
        qtyChange: -2,
        warehouseId: "store-3",
        timestamp: "2026-11-23T10:00:00Z",
      },
    },
    answers: {
      200: { description: "decided and visible", schema: SyncAnswer },
      202: { description: "stored or perhaps stored, not decided yet", schema: SyncAnswer },
    },
    problems: PROBLEMS_OF_SYNC,
    async handle(c) {
      const started = performance.now();
      const form = parseWith(BriefFormSchema, await readJson(c));
      const id = form.id ?? idempotencyKey(c) ?? mintId();
      const command: Command = {
        type: form.qtyChange < 0 ? "sale" : "receipt",
        id,
        sku: form.sku,
        location: form.warehouseId,
        qty: Math.abs(form.qtyChange),
        ...(form.timestamp === undefined ? {} : { at: form.timestamp }),
      };
      const answered = await answer(edge, command);
      if ("problem" in answered) return replyAnswered(c, answered);
      const decided = "decision" in answered;
      const updated = decided ? ["log", ...(await registryHas(edge, answered.decision))] : [];
      const all = ["log", "registry", ...PENDING_ENDPOINTS];
      const pending = all.filter((name) => !updated.includes(name));
      const body = {
        id,
        sku: form.sku,
        synchronized: pending.length === 0,
        sync_latency_ms: Math.round((performance.now() - started) * 1_000) / 1_000,
        updated_endpoints: updated,
        pending_endpoints: pending,
        timestamp: decided ? answered.decision.at : new Date().toISOString(),
      };
      const location = decided ? {} : { location: answered.pending.location };
      return replyJson(c, decided ? 200 : 202, body, location);
    },
  };
}

/** `registry` once the decision is visible there; nothing when it is not in time, or Redis is away. */
async function registryHas(edge: Edge, decision: Decision): Promise<string[]> {
  const until = performance.now() + HTTP_SYNC_VISIBLE_WAIT_MS;
  try {
    while ((await edge.registry.watermark(decision.shard)) < decision.seq) {
      if (performance.now() > until) return [];
      await sleep(1);
    }
    return ["registry"];
  } catch {
    return [];
  }
}
