// Routes of commands: one or up to 1000, and what became of one.

import type { Context } from "hono";
import { z } from "zod";
import { IdSchema, LocationSchema, SkuSchema } from "../../shared/fields.ts";
import { HTTP_BATCH_COMMANDS_MAX } from "../../shared/limits.ts";
import { type Command, CommandSchema } from "../../shared/messages.ts";
import { readJson } from "../body.ts";
import { type ReadCommand, readCommand } from "../command_input.ts";
import { type Answered, answer, answeredProblem } from "../decide.ts";
import { spansShards } from "../hold_flow.ts";
import { idempotencyKey, lineId } from "../idempotency.ts";
import type { Edge } from "../ports.ts";
import { type ProblemCode, ProblemError } from "../problems.ts";
import { idOfPath, nameOfQuery } from "../query.ts";
import { mintId, replyJson, replyProblem } from "../reply.ts";
import type { Route } from "../route.ts";
import { BatchAnswer, DecisionAnswer, PendingAnswer } from "../schemas.ts";
import { invalidField } from "../validate.ts";

export function commandRoutes(edge: Edge): Route[] {
  return [postCommands(edge), getDecision(edge)];
}

const PROBLEMS_OF_COMMANDS: readonly ProblemCode[] = [
  "malformed_json",
  "malformed_text",
  "invalid_field",
  "malformed",
  "body_too_large",
  "batch_too_large",
  "unsupported_media_type",
  "id_conflict",
  "out_of_range",
  "limit_exceeded",
  "unknown_command",
  "stale_count",
  "version_conflict",
  "unknown_hold",
  "hold_expired",
  "hold_finished",
  "hold_unsealed",
  "already_sealed",
  "channel_closed",
  "backorder_limit",
  "insufficient_available",
  "log_unavailable",
  "log_full",
  "overloaded",
];

function postCommands(edge: Edge): Route {
  return {
    method: "POST",
    path: "/v1/commands",
    name: "postCommands",
    tag: "commands",
    summary: "Send one command, or an array of up to 1000, and get each one's decision",
    description:
      "Facts (sale, return, receipt, adjust, move, count, ship, arrive, void) happened and are never " +
      "refused for lack of stock; requests (hold, extend, fulfill, release, policy, order) may be. " +
      "One command: 200 with its decision, a problem if rejected, 202 with a Location if no " +
      "decision came in time. An array: 200 with a result for each line, in order; a wrong line " +
      "does not stop the others. The id of a command is its `id`, else the Idempotency-Key (with " +
      "`.<index>` in an array), else minted: a retry under the same id is decided once.",
    writes: true,
    parameters: [
      {
        name: "Idempotency-Key",
        in: "header",
        description: "id for commands without one",
        schema: IdSchema,
      },
    ],
    body: {
      schema: z.union([CommandSchema, z.array(CommandSchema).max(HTTP_BATCH_COMMANDS_MAX)]),
      example: { type: "sale", sku: "SKU-1094-MD", location: "store-3", qty: 2 },
    },
    answers: {
      200: {
        description: "the decision, or a result for each line",
        schema: z.union([DecisionAnswer, BatchAnswer]),
      },
      202: {
        description: "stored or perhaps stored, not decided yet: ask at Location",
        schema: PendingAnswer,
        headers: { location: "where the decision will be" },
      },
    },
    problems: PROBLEMS_OF_COMMANDS,
    async handle(c) {
      const body = await readJson(c);
      const key = idempotencyKey(c);
      return Array.isArray(body) ? many(c, edge, body, key) : one(c, edge, body, key);
    },
  };
}

async function one(
  c: Context,
  edge: Edge,
  body: unknown,
  key: string | undefined,
): Promise<Response> {
  const read = checked(edge, readCommand(body));
  if ("faults" in read) throw invalidField(read.faults);
  return replyAnswered(c, await answer(edge, withId(read.command, key)));
}

async function many(
  c: Context,
  edge: Edge,
  body: readonly unknown[],
  key: string | undefined,
): Promise<Response> {
  if (body.length > HTTP_BATCH_COMMANDS_MAX) {
    throw new ProblemError(
      "batch_too_large",
      `Cannot take the batch: found ${body.length} commands, expected at most ${HTTP_BATCH_COMMANDS_MAX}`,
      { limit: HTTP_BATCH_COMMANDS_MAX },
    );
  }
  if (key !== undefined) lineId(key, body.length);
  const results = await Promise.all(
    body.map((value, index) => {
      const read = checked(edge, readCommand(value));
      if ("faults" in read) {
        const { code, message, extra } = invalidField(read.faults);
        return answeredProblem(code, message, extra);
      }
      return answer(edge, withId(read.command, key === undefined ? undefined : lineId(key, index)));
    }),
  );
  return replyJson(c, 200, { results: results.map(resultOf) });
}

function getDecision(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/commands/:id",
    name: "getDecision",
    tag: "commands",
    summary: "The decision of a command, from the ledger",
    description:
      "Known about a quarter of a second after the decision. `sku` is needed: an id belongs to a " +
      "SKU and location. Without `location` the id must be unique among the SKU's locations. It is told as it " +
      "was, with levels as the ledger keeps them (no `atp`, no `inventoryPosition`) and without the lines of a " +
      "refusal; of an id used again once it was forgotten, the newest.",
    parameters: [
      { name: "id", in: "path", description: "the command's id", schema: IdSchema },
      {
        name: "sku",
        in: "query",
        description: "the command's SKU",
        schema: SkuSchema,
        required: true,
      },
      {
        name: "location",
        in: "query",
        description: "its location as it was sent: `-` if it let the actor choose",
        schema: LocationSchema,
      },
    ],
    answers: { 200: { description: "the decision", schema: DecisionAnswer } },
    problems: ["invalid_field", "undecided", "ledger_unavailable"],
    async handle(c) {
      const id = idOfPath(c);
      const sku = nameOfQuery(c, "sku");
      if (sku === undefined) throw invalidField([{ field: "sku", fault: "is missing" }]);
      const location = nameOfQuery(c, "location");
      const decisions = await edge.ledger.decision(sku, location, id);
      if (decisions.length > 1) {
        const fault = `is needed: this SKU has this id at ${decisions.length} locations`;
        throw invalidField([{ field: "location", fault }]);
      }
      if (decisions[0] === undefined) {
        throw new ProblemError("undecided", `No decision is known of ${id} on ${sku}`);
      }
      return replyJson(c, 200, decisions[0]);
    },
  };
}

/** What a schema cannot see: lines of one hold command must live in one shard. */
function checked(edge: Edge, read: ReadCommand): ReadCommand {
  if ("faults" in read || !("lines" in read.command)) return read;
  if (!spansShards(read.command.lines, edge.decider.shards)) return read;
  return { faults: [{ field: "lines", fault: "live in several shards: use POST /v1/holds" }] };
}

function withId(command: Command, key: string | undefined): Command {
  return command.id === undefined ? { ...command, id: key ?? mintId() } : command;
}

/** One command's outcome as a response. */
export function replyAnswered(c: Context, answered: Answered): Response {
  if ("decision" in answered) return replyJson(c, 200, answered.decision);
  if ("pending" in answered) {
    return replyJson(c, 202, answered.pending, {
      location: answered.pending.location,
      "retry-after": "1",
    });
  }
  const { code, problem } = answered;
  const { detail, type: _type, title: _title, status: _status, code: _code, ...extra } = problem;
  return replyProblem(c, code, String(detail), extra);
}

function resultOf(answered: Answered): Record<string, unknown> {
  if ("decision" in answered) return { status: 200, decision: answered.decision };
  if ("pending" in answered) return { status: 202, pending: answered.pending };
  return { status: answered.status, problem: answered.problem };
}
