// Routes that change or read one hold: fulfill, extend, release, look up. A hold is found by the SKU
// its id carries; a client's own id comes with ?sku=.

import type { Context } from "hono";
import { z } from "zod";
import {
  IdSchema,
  LocationSchema,
  PositiveSchema,
  SkuSchema,
  TextSchema,
} from "../../shared/fields.ts";
import { ANY_LOCATION } from "../../shared/ids.ts";
import { type Command, RequestSchemas } from "../../shared/messages.ts";
import { readJson, readJsonOr } from "../body.ts";
import { answer } from "../decide.ts";
import { skuOfHoldId } from "../hold_id.ts";
import { idempotencyKey } from "../idempotency.ts";
import type { Edge } from "../ports.ts";
import { type ProblemCode, ProblemError } from "../problems.ts";
import { idOfPath, nameOfQuery } from "../query.ts";
import { mintId, replyJson } from "../reply.ts";
import type { Answer, Parameter, Route } from "../route.ts";
import { DecisionAnswer, HoldStateAnswer, PendingAnswer } from "../schemas.ts";
import { invalidField, parseWith } from "../validate.ts";
import { replyAnswered } from "./commands.ts";

const FulfillBodySchema = z
  .strictObject({
    qty: PositiveSchema.optional().describe("units that leave; all when absent"),
    final: z.boolean().optional().describe("what is left is released"),
    ref: TextSchema.optional(),
  })
  .meta({ id: "FulfillRequest" });
const ExtendBodySchema = z
  .strictObject({ ttlMs: RequestSchemas.extend.shape.ttlMs.describe("from now; null: firm") })
  .meta({ id: "ExtendRequest" });

const parameters: readonly Parameter[] = [
  { name: "id", in: "path", description: "the hold's id", schema: IdSchema },
  {
    name: "sku",
    in: "query",
    description: "its (first) SKU, when the id is a client's own",
    schema: SkuSchema,
  },
  { name: "location", in: "query", description: "its location, if known", schema: LocationSchema },
];
const keyed: readonly Parameter[] = [
  ...parameters,
  { name: "Idempotency-Key", in: "header", description: "makes retries safe", schema: IdSchema },
];
const answers: Record<number, Answer> = {
  200: { description: "the decision", schema: DecisionAnswer },
  202: { description: "not decided in time: ask at Location", schema: PendingAnswer },
};
const problems: readonly ProblemCode[] = [
  "invalid_field",
  "unknown_hold",
  "hold_expired",
  "hold_finished",
  "hold_unsealed",
  "already_sealed",
  "id_conflict",
  "log_unavailable",
  "log_full",
  "overloaded",
];
const withBody: readonly ProblemCode[] = [
  ...problems,
  "malformed_json",
  "malformed_text",
  "unsupported_media_type",
  "body_too_large",
];

export function holdChangeRoutes(edge: Edge): Route[] {
  return [fulfill(edge), extend(edge), release(edge), getHold(edge)];
}

function fulfill(edge: Edge): Route {
  return {
    method: "POST",
    path: "/v1/holds/:id/fulfill",
    name: "fulfillHold",
    tag: "holds",
    summary: "The goods of a hold leave",
    description:
      "Never refused for a live hold. Without a body all of it leaves; a part (`qty`) leaves the rest held unless `final`.",
    writes: true,
    parameters: keyed,
    body: { schema: FulfillBodySchema, example: {}, optional: true },
    answers,
    problems: withBody,
    async handle(c) {
      const body = parseWith(FulfillBodySchema, await readJsonOr(c, {}));
      return change(c, edge, { type: "fulfill", ...target(c), ...body } as Command);
    },
  };
}

function extend(edge: Edge): Route {
  return {
    method: "POST",
    path: "/v1/holds/:id/extend",
    name: "extendHold",
    tag: "holds",
    summary: "A hold lives longer, or becomes firm",
    writes: true,
    parameters: keyed,
    body: { schema: ExtendBodySchema, example: { ttlMs: null } },
    answers,
    problems: withBody,
    async handle(c) {
      const body = parseWith(ExtendBodySchema, await readJson(c));
      return change(c, edge, { type: "extend", ...target(c), ...body } as Command);
    },
  };
}

function release(edge: Edge): Route {
  return {
    method: "DELETE",
    path: "/v1/holds/:id",
    name: "releaseHold",
    tag: "holds",
    summary: "A hold's units are free again",
    writes: true,
    parameters: [
      ...keyed,
      { name: "reason", in: "query", description: "why, for the ledger", schema: TextSchema },
    ],
    answers,
    problems,
    async handle(c) {
      const given = c.req.query("reason");
      const reason = given === undefined ? {} : { reason: parseWith(TextSchema, given) };
      return change(c, edge, { type: "release", ...target(c), ...reason } as Command);
    },
  };
}

function getHold(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/holds/:id",
    name: "getHold",
    tag: "holds",
    summary: "What a hold still holds",
    description:
      "From checkpoint and ledger: about a quarter of a second behind the decisions. All its lines, in whatever " +
      "shard. `pending`: it has lines in several shards and its outcome is not sealed yet; nothing is promised.",
    parameters,
    answers: { 200: { description: "the hold", schema: HoldStateAnswer } },
    problems: ["invalid_field", "unknown_hold", "ledger_unavailable"],
    async handle(c) {
      const { hold, sku } = target(c);
      const state = await edge.ledger.hold(hold, sku);
      if (state === undefined) {
        throw new ProblemError("unknown_hold", `No hold of ${sku} is known as ${hold}`);
      }
      return replyJson(c, 200, { hold, ...state });
    },
  };
}

/** Hold, SKU and location the request is about. @throws ProblemError invalid_field */
function target(c: Context): { hold: string; sku: string; location: string } {
  const hold = idOfPath(c);
  const sku = nameOfQuery(c, "sku") ?? skuOfHoldId(hold);
  if (sku === undefined) {
    throw invalidField([{ field: "sku", fault: "is needed: this hold id does not carry its SKU" }]);
  }
  return { hold, sku, location: nameOfQuery(c, "location") ?? ANY_LOCATION };
}

async function change(c: Context, edge: Edge, command: Command): Promise<Response> {
  return replyAnswered(c, await answer(edge, { ...command, id: idempotencyKey(c) ?? mintId() }));
}
