// Routes of holds: place (all lines or none), extend, fulfill, release, look up.

import { createHash } from "node:crypto";
import type { Context } from "hono";
import { z } from "zod";
import { IdSchema, TextSchema } from "../../shared/fields.ts";
import { HoldLineSchema, RequestSchemas } from "../../shared/messages.ts";
import { formatTime } from "../../shared/time.ts";
import { readJson } from "../body.ts";
import { codeOf, isPending } from "../decide.ts";
import { holdFinisher } from "../hold_finisher.ts";
import type { HoldOutcome, HoldRequest } from "../hold_flow.ts";
import { carriesSku, makeHoldId } from "../hold_id.ts";
import { idempotencyKey } from "../idempotency.ts";
import type { Edge } from "../ports.ts";
import { type ProblemCode, problemEntry } from "../problems.ts";
import { mintId, replyJson, replyProblem } from "../reply.ts";
import type { Route } from "../route.ts";
import { HoldAnswer, PendingAnswer } from "../schemas.ts";
import { invalidField, parseWith } from "../validate.ts";

export const HoldBodySchema = z
  .strictObject({
    id: IdSchema.refine((id) => id !== "." && id !== "..", {
      error: "expected another id: this one cannot stand in a path",
    })
      .optional()
      .describe("the hold's id; minted when absent"),
    lines: z.array(HoldLineSchema).min(1).max(100),
    ttlMs: RequestSchemas.hold.shape.ttlMs.describe("life in ms, at most 31 days; null: firm"),
    channel: TextSchema.optional(),
    ref: TextSchema.optional(),
    shopper: TextSchema.optional(),
    backorder: z.boolean().optional(),
  })
  .meta({ id: "HoldRequest" });

type HoldBody = z.infer<typeof HoldBodySchema>;

const PROBLEMS_OF_HOLDS: readonly ProblemCode[] = [
  "malformed_json",
  "malformed_text",
  "invalid_field",
  "malformed",
  "body_too_large",
  "unsupported_media_type",
  "insufficient_available",
  "backorder_limit",
  "channel_closed",
  "limit_exceeded",
  "out_of_range",
  "id_conflict",
  "hold_expired",
  "hold_finished",
  "already_sealed",
  "log_unavailable",
  "log_full",
  "overloaded",
];

export function placeHoldRoute(edge: Edge): Route {
  const place = holdFinisher(edge.decider, edge.deadlineMs);
  return {
    method: "POST",
    path: "/v1/holds",
    name: "placeHold",
    tag: "holds",
    summary: "Hold units of one or more SKUs: all lines or none",
    description:
      "201 when every line is held, 409 with the lines that are short when not. A line without a location " +
      "is taken from the first of the channel's locations that can fill it. Lines may live in " +
      "different shards: nothing is answered before one outcome is sealed. With an Idempotency-Key " +
      "the same request again is the same hold, also after a 202 or 503. With an `id` of a live " +
      "hold and no key, its quantity is replaced.",
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
      schema: HoldBodySchema,
      example: {
        lines: [{ sku: "SKU-1094-MD", location: "store-3", qty: 1 }],
        ttlMs: 900_000,
        channel: "web",
      },
    },
    answers: {
      201: { description: "held", schema: HoldAnswer, headers: { location: "the hold" } },
      202: {
        description: "not decided in time: repeat with the same key, or ask at Location",
        schema: PendingAnswer,
        headers: { location: "the hold" },
      },
    },
    problems: PROBLEMS_OF_HOLDS,
    async handle(c) {
      const body = parseWith(HoldBodySchema, await readJson(c));
      if (body.lines.length > 1) refuseRepeats(body.lines);
      const request = requestOf(body, idempotencyKey(c));
      const sku = body.lines[0]?.sku ?? "";
      try {
        const outcome = await place(request);
        return replyOutcome(c, request, outcome, await isFirm(edge, body, outcome));
      } catch (error) {
        if (!isPending(error)) throw error;
        const location = holdPath(request.hold, sku);
        const pending = { id: request.hold, pending: true, location };
        return replyJson(c, 202, pending, { location, "retry-after": "1" });
      }
    },
  };
}

/** Where a hold can be asked for; a hold that does not carry its SKU is asked for with it. */
export function holdPath(hold: string, sku: string): string {
  const path = `/v1/holds/${encodeURIComponent(hold)}`;
  return carriesSku(hold, sku) ? path : `${path}?sku=${encodeURIComponent(sku)}`;
}

/**
 * Identity of the call: the key; else, a minted hold is a new one by its own id, and a client's own
 * hold id without a key is a new command each time (it replaces the quantity).
 */
export function requestOf(body: HoldBody, key: string | undefined): HoldRequest {
  const { id, ...rest } = body;
  const home = body.lines[0]?.sku ?? "";
  const unique = key === undefined ? mintId() : digestOf(key);
  const hold = id ?? makeHoldId(home, unique);
  const replaces = id === undefined ? {} : { replaces: true };
  return { ...rest, ...replaces, hold, commandId: key ?? unique } as HoldRequest;
}

/**
 * Whether what was placed has no end. A live hold that was firm stays so, whatever time it is asked with. A repeat does
 * not tell: of an id that others may have used before, what the hold is now is looked up.
 */
async function isFirm(edge: Edge, body: HoldBody, outcome: HoldOutcome): Promise<boolean> {
  if (body.ttlMs === null || outcome.decision.firm === true) return true;
  if (!outcome.held || !outcome.duplicate || body.id === undefined) return false;
  const state = await edge.ledger.hold(body.id, body.lines[0]?.sku ?? "").catch(() => undefined);
  const live = state?.lines.filter((line) => line.status === "held") ?? [];
  return live.length > 0 && live.every((line) => line.expiresAt === null);
}

function replyOutcome(
  c: Context,
  request: HoldRequest,
  outcome: HoldOutcome,
  isFirm: boolean,
): Response {
  const { decision } = outcome;
  if (!outcome.held) {
    const code = codeOf({ ...decision, reason: outcome.reason });
    const lines = outcome.lines.map(({ sku, location, qty, short, level, available = 0 }) => ({
      sku,
      location,
      qty,
      short,
      // Neither: nothing ever was there.
      available: level?.available ?? available,
    }));
    const detail = decision.detail ?? `${problemEntry(code).title}: nothing was reserved`;
    return replyProblem(c, code, detail, { hold: request.hold, lines });
  }
  const body = {
    hold: request.hold,
    lines: outcome.lines.map(({ sku, location, qty, level }) => ({
      sku,
      location,
      qty,
      ...(level === undefined ? {} : { available: level.available }),
    })),
    expiresAt: isFirm ? null : later(decision.at, request.ttlMs as number),
    at: decision.at,
    ...(outcome.duplicate ? { duplicate: true } : {}),
  };
  const sku = request.lines[0]?.sku ?? "";
  return replyJson(c, 201, body, { location: holdPath(request.hold, sku) });
}

/** A time of ours (RFC 3339, UTC) so many ms later. */
function later(at: string, ms: number): string {
  return formatTime(Date.parse(at) + ms);
}

/** Two lines of one SKU and location would be two words about one thing. */
function refuseRepeats(lines: HoldBody["lines"]): void {
  const seen = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const key = JSON.stringify([line.sku, line.location ?? "-"]);
    const before = seen.get(key);
    if (before !== undefined) {
      throw invalidField([
        { field: `lines[${index}]`, fault: `repeats lines[${before}]: add them up` },
      ]);
    }
    seen.set(key, index);
  }
}

function digestOf(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 27);
}
