// Routes of master data: items, locations, vendors, their catalogs, signals, as JSON or CSV.

import type { Context } from "hono";
import { z } from "zod";
import { SkuSchema } from "../../shared/fields.ts";
import { HTTP_MASTER_ROWS_MAX } from "../../shared/limits.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { checkReferences, checkRows, readRows, unheardOf } from "../master_check.ts";
import { keyOf, MASTER, MASTER_KINDS, type MasterKind } from "../master_kinds.ts";
import type { Edge } from "../ports.ts";
import { type ProblemCode, ProblemError } from "../problems.ts";
import { choiceOfQuery, limitOfQuery } from "../query.ts";
import { replyJson } from "../reply.ts";
import type { Parameter, Route } from "../route.ts";
import { faultsOf, invalidField, parseWith } from "../validate.ts";

export function masterDataRoutes(edge: Edge): Route[] {
  return MASTER_KINDS.flatMap((kind) => [
    putRows(edge, kind),
    listRows(edge, kind),
    ...(MASTER[kind].key.length === 1 ? [getRow(edge, kind)] : []),
  ]);
}

// ---------------------------------------------------------------- writing

const PUT_PROBLEMS: readonly ProblemCode[] = [
  "malformed_json",
  "malformed_csv",
  "malformed_text",
  "invalid_field",
  "invalid_rows",
  "body_too_large",
  "batch_too_large",
  "unsupported_media_type",
  "ledger_unavailable",
];

function putRows(edge: Edge, kind: MasterKind): Route {
  const { schema, key, many, csv } = MASTER[kind];
  return {
    method: "PUT",
    path: `/v1/${kind}`,
    name: `put${many}`,
    tag: "master data",
    summary: `Store ${kind}: a JSON array, or CSV`,
    description:
      `Rows are merged by ${key.map((field) => `\`${field}\``).join(", ")}: absent fields (and empty ` +
      "CSV cells) stay as they are, null clears. All rows are stored or none; `faults` tells each " +
      "wrong row by its line (CSV) or its place in the array, from 1." +
      (kind === "signals"
        ? " Names of locations and SKUs nobody has heard of are stored, and told in `unheard`."
        : ""),
    writes: true,
    body: { schema: z.array(schema).max(HTTP_MASTER_ROWS_MAX), csv },
    answers: { 200: { description: "stored", schema: storedAnswer(kind) } },
    problems: PUT_PROBLEMS,
    async handle(c) {
      const rows = await readRows(c, kind);
      if (rows.length > HTTP_MASTER_ROWS_MAX) {
        const detail = `Cannot store ${rows.length} rows: expected at most ${HTTP_MASTER_ROWS_MAX}`;
        throw new ProblemError("batch_too_large", detail, { limit: HTTP_MASTER_ROWS_MAX });
      }
      const checked = checkRows(kind, rows);
      await checkReferences(edge.master, kind, checked);
      const rowsToStore = checked.map(({ row }) => row);
      const stored =
        rowsToStore.length === 0
          ? { created: 0, updated: 0 }
          : await edge.master.put(kind, rowsToStore);
      if (kind !== "signals") return replyJson(c, 200, stored);
      return replyJson(c, 200, { ...stored, unheard: await unheardOf(edge.master, rowsToStore) });
    },
  };
}

function storedAnswer(kind: MasterKind): z.ZodType {
  const counts = { created: z.int(), updated: z.int() };
  if (kind !== "signals") return z.strictObject(counts);
  const names = z.array(z.string()).describe("at most 100");
  return z.strictObject({
    ...counts,
    unheard: z
      .strictObject({ locations: names, skus: names })
      .describe("names without master data or stock: kept, in case they were not meant"),
  });
}

// ---------------------------------------------------------------- reading

function listRows(edge: Edge, kind: MasterKind): Route {
  const { schema, many, key, filters, mayBeUnregistered } = MASTER[kind];
  const ofRegister = mayBeUnregistered ? [registeredParameter(kind)] : [];
  const parameters: Parameter[] = [
    ...ofRegister,
    ...filters.map(
      (field): Parameter => ({
        name: field,
        in: "query",
        description: `rows of this ${field} only`,
        schema: z.string(),
      }),
    ),
    {
      name: "limit",
      in: "query",
      description: "rows of a page, 1 to 1000; default 100",
      schema: z.int().min(1).max(1000),
    },
    { name: "cursor", in: "query", description: "`next` of the page before", schema: z.string() },
  ];
  return {
    method: "GET",
    path: `/v1/${kind}`,
    name: `list${many}`,
    tag: "master data",
    summary: `All ${kind}, a page at a time`,
    parameters,
    answers: {
      200: {
        description: "a page",
        schema: z.looseObject({ [kind]: z.array(schema), next: z.string().optional() }),
      },
    },
    problems: ["invalid_field", "invalid_cursor", "ledger_unavailable"],
    async handle(c) {
      const limit = limitOfQuery(c);
      const place = { ...afterOf(c, kind), limit: limit + 1 };
      const isRegistered = choiceOfQuery(c, "registered", ["true", "false"]) !== "false";
      const rows = isRegistered
        ? await edge.master.list(kind, { ...place, filters: filtersOf(c, kind) })
        : await edge.master.unregistered(kind, place);
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      const next = last === undefined ? {} : { next: encodeCursor(keyOf(kind, last)) };
      return replyJson(c, 200, { [kind]: page, ...next });
    },
  };

  function afterOf(c: Context, of: MasterKind): { after?: string[] } {
    const cursor = c.req.query("cursor");
    if (cursor === undefined) return {};
    const place = decodeCursor(
      cursor,
      key.map(() => "string" as const),
    ).map(String);
    return { after: checkedCursor(of, place) };
  }
}

function registeredParameter(kind: MasterKind): Parameter {
  return {
    name: "registered",
    in: "query",
    description: `\`false\`: ${kind} that have stock though nobody stored them here, by name alone`,
    schema: z.enum(["true", "false"]),
  };
}

/** A cursor that was made by hand must not reach the database as something that is no day. */
function checkedCursor(kind: MasterKind, place: string[]): string[] {
  const { key, columns, schema } = MASTER[kind];
  const isSound = key.every(
    (field, i) =>
      columns[field]?.type !== "date" || schema.shape[field]?.safeParse(place[i]).success === true,
  );
  if (!isSound)
    throw new ProblemError("invalid_cursor", "cursor: expected `next` of the page before");
  return place;
}

function filtersOf(c: Context, kind: MasterKind): Record<string, string> {
  const found: Record<string, string> = {};
  for (const field of MASTER[kind].filters) {
    const text = c.req.query(field);
    if (text === undefined) continue;
    const result = MASTER[kind].schema.shape[field]?.safeParse(text);
    if (result?.success === false) {
      throw invalidField(faultsOf(result.error, text).map((fault) => ({ ...fault, field })));
    }
    found[field] = text;
  }
  return found;
}

function getRow(edge: Edge, kind: MasterKind): Route {
  const { key, schema, what, one } = MASTER[kind];
  const field = key[0] as string;
  return {
    method: "GET",
    path: `/v1/${kind}/:${field}`,
    name: `get${one}`,
    tag: "master data",
    summary: `One ${what}`,
    parameters: [
      {
        name: field,
        in: "path",
        description: `the ${what}`,
        schema: schema.shape[field] as z.ZodType,
      },
    ],
    answers: { 200: { description: `the ${what}`, schema } },
    problems: ["invalid_field", "unknown_item", "ledger_unavailable"],
    async handle(c) {
      const name = c.req.param(field) ?? "";
      parseWith(SkuSchema, name);
      const [row] = await edge.master.list(kind, { filters: { [field]: name }, limit: 1 });
      if (row === undefined)
        throw new ProblemError("unknown_item", `No ${what} is known as ${name}`);
      return replyJson(c, 200, row);
    },
  };
}
