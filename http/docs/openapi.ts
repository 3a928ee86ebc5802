// Pure.
// Makes the OpenAPI 3.1 document from the list of routes and their zod schemas. Nothing in it is
// written by hand, so it cannot lag behind. (zod refinements that JSON Schema cannot say are described.)

import { z } from "zod";
import { PROBLEMS, type ProblemCode, problemEntry, problemType } from "../problems.ts";
import type { Answer, Parameter, Route } from "../route.ts";
import { ProblemAnswer } from "../schemas.ts";

type Json = Record<string, unknown>;

export type OpenApi = {
  openapi: "3.1.0";
  info: Json;
  servers: Json[];
  tags: Json[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Json; securitySchemes: Json };
};

export type Operation = {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  parameters?: Json[];
  requestBody?: Json;
  responses: Record<string, Json>;
  security?: Json[];
};

const TAGS: Record<string, string> = {
  stock: "Levels: now, live, as of a time, and how they came about",
  commands: "What happened and what is asked for: the log decides each command once",
  holds: "Units promised for a time, or for good",
  planning: "Forecasts and reorder points: what is expected, what is in force and why",
  "master data": "Items, locations, vendors and their catalogs, signals",
  system: "Health, metrics, figures",
};

/** What the edge itself refuses of every route that writes. */
const PROBLEMS_OF_WRITES: readonly ProblemCode[] = ["unauthorized", "cross_site"];

/** The document for `routes`. */
export function openApi(routes: readonly Route[]): OpenApi {
  const schemas: Json = {};
  const problem = toSchema(ProblemAnswer, "output", schemas);
  const paths: OpenApi["paths"] = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route, schemas, problem);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Onhand",
      version: "1",
      description:
        "Real-time stock. Quantities are whole base units, times RFC 3339 with an offset, money whole " +
        "minor units. Errors are RFC 9457 problems whose `type` is stable. Every answer carries " +
        "X-Request-Id, yours if you send one.",
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "needed where the operator set one" },
      },
    },
  };
}

function operation(route: Route, schemas: Json, problem: Json): Operation {
  const { description, parameters, body, problems = [] } = route;
  const responses: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(route.answers)) {
    responses[status] = answerOf(answer, schemas);
  }
  const ofWrites = route.writes ? PROBLEMS_OF_WRITES : [];
  for (const [status, codes] of byStatus([...problems, ...ofWrites, "internal"])) {
    const known = responses[status];
    const text = codes.map((code) => `\`${problemType(code)}\`: ${problemEntry(code).title}`);
    responses[status] = {
      description: [known?.description, ...text].filter(Boolean).join("; "),
      content: {
        ...(known?.content as Json | undefined),
        "application/problem+json": { schema: problem },
      },
    };
  }
  return {
    operationId: route.name,
    tags: [route.tag],
    summary: route.summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined
      ? {}
      : { parameters: parameters.map((p) => parameterOf(p, schemas)) }),
    ...(body === undefined ? {} : { requestBody: bodyOf(body, schemas) }),
    responses,
    ...(route.writes === true ? { security: [{}, { token: [] }] } : {}),
  };
}

function parameterOf(parameter: Parameter, schemas: Json): Json {
  const { name, description, repeated } = parameter;
  const schema = toSchema(parameter.schema, "input", schemas);
  return {
    name,
    in: parameter.in,
    description,
    required: parameter.in === "path" || parameter.required === true,
    schema: repeated === true ? { type: "array", items: schema } : schema,
    ...(repeated === true ? { style: "form", explode: true } : {}),
  };
}

function bodyOf(body: NonNullable<Route["body"]>, schemas: Json): Json {
  const json: Json = { schema: toSchema(body.schema, "input", schemas) };
  if (body.example !== undefined) json.example = body.example;
  const csv =
    body.csv === undefined ? {} : { "text/csv": { schema: { type: "string" }, example: body.csv } };
  return { required: body.optional !== true, content: { "application/json": json, ...csv } };
}

function answerOf(answer: Answer, schemas: Json): Json {
  const { description, schema, contentType = "application/json", headers } = answer;
  const content =
    schema === undefined
      ? { schema: { type: "string" } }
      : { schema: toSchema(schema, "output", schemas) };
  const described = Object.entries(headers ?? {}).map(([name, text]) => [
    name,
    { description: text, schema: { type: "string" } },
  ]);
  return {
    description,
    content: { [contentType]: content },
    ...(described.length === 0 ? {} : { headers: Object.fromEntries(described) }),
  };
}

function byStatus(codes: readonly ProblemCode[]): Map<string, ProblemCode[]> {
  return Map.groupBy(codes, (code) => String(PROBLEMS[code].status));
}

/** A zod schema as JSON Schema; schemas with an id become components, and are referred to. */
function toSchema(schema: z.ZodType, io: "input" | "output", schemas: Json): Json {
  // Wrapped, so that a schema with an id of its own is referred to as well.
  const made: unknown = z.toJSONSchema(z.object({ it: schema }), { io, unrepresentable: "any" });
  const wrapped = made as { properties: { it: Json }; $defs?: Json };
  for (const [name, definition] of Object.entries(wrapped.$defs ?? {})) {
    schemas[name] ??= rewritten(definition);
  }
  return rewritten(wrapped.properties.it) as Json;
}

/** References to $defs point to the document's components instead. */
function rewritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewritten);
  if (typeof value !== "object" || value === null) return value;
  const result: Json = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === "id" || key === "$schema") {
      if (typeof inner === "string") continue;
    }
    result[key] =
      key === "$ref" && typeof inner === "string"
        ? inner.replace("#/$defs/", "#/components/schemas/")
        : rewritten(inner);
  }
  return result;
}
