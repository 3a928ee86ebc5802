// Owns the list of what the edge answers over NATS: each endpoint and the route it stands for. Fields of a message
// become the route's path, query or body, so a route has an endpoint by one row here.

import { MASTER, MASTER_KINDS, type MasterKind } from "./master_kinds.ts";

export type Call = { method: string; path: string; body?: unknown };
export type Fields = Record<string, unknown>;

export type EndpointSpec = {
  name: string;
  group: string;
  takes: string;
  /** Field that stands in the path, so must be there. */
  needs?: string;
  call: (fields: Fields) => Call;
};

/** Name and subject (`onhand.<group>.<name>`) of each endpoint, and the route it stands for. */
export const ENDPOINTS: readonly EndpointSpec[] = [
  read("stock", "get", "sku", '"location"?, "asOf"?, "consistency"?', "/v1/stock/:"),
  read(
    "stock",
    "list",
    undefined,
    '"sku"? (one or a list), "location"?, "consistency"?, "limit"?, "cursor"?',
    "/v1/stock",
  ),
  read("stock", "history", "sku", '"location"?, "limit"?, "cursor"?', "/v1/stock/:/history"),
  {
    group: "stock",
    name: "command",
    takes: "a command, as POST /v1/commands",
    call: (body) => ({ method: "POST", path: "/v1/commands", body }),
  },
  read("stock", "decision", "id", '"sku", "location"?', "/v1/commands/:"),
  {
    group: "hold",
    name: "place",
    takes: '{"id"?, "lines", "ttlMs", "channel"?}, as POST /v1/holds',
    call: (body) => ({ method: "POST", path: "/v1/holds", body }),
  },
  read("hold", "get", "id", '"sku"?', "/v1/holds/:"),
  holdChange("fulfill", '"qty"?, "final"?, "ref"?'),
  holdChange("extend", '"ttlMs"'),
  {
    group: "hold",
    name: "release",
    needs: "id",
    takes: '{"id", "sku"?, "location"?, "reason"?}',
    call: ({ id, ...query }) => ({
      method: "DELETE",
      path: `/v1/holds/${name(id)}${queryOf(query)}`,
    }),
  },
  read("forecast", "get", "sku", '"location"?, "days"?', "/v1/forecasts/:"),
  read("policy", "get", "sku", '"location"?', "/v1/policies/:"),
  ...MASTER_KINDS.flatMap(masterReads),
];

/** A GET; what `needs` names takes the place of the colon, all else is the query. */
function read(
  group: string,
  verb: string,
  needs: string | undefined,
  optional: string,
  path: string,
): EndpointSpec {
  const named = needs === undefined ? [] : [`"${needs}"`];
  return {
    group,
    name: verb,
    takes: `{${[...named, optional].filter(Boolean).join(", ")}}`,
    ...(needs === undefined ? {} : { needs }),
    call: (fields) => {
      if (needs === undefined) return { method: "GET", path: path + queryOf(fields) };
      const { [needs]: value, ...query } = fields;
      return { method: "GET", path: path.replace(":", () => name(value)) + queryOf(query) };
    },
  };
}

/** A POST to a hold: what tells a line is the query, all else the body. */
function holdChange(verb: "fulfill" | "extend", fields: string): EndpointSpec {
  return {
    group: "hold",
    name: verb,
    needs: "id",
    takes: `{"id", "sku"?, "location"?, ${fields}}`,
    call: ({ id, sku, location, ...body }) => ({
      method: "POST",
      path: `/v1/holds/${name(id)}/${verb}${queryOf({ sku, location })}`,
      body,
    }),
  };
}

/** The rows of a kind of master data a page at a time, and one where a single name tells it. */
function masterReads(kind: MasterKind): EndpointSpec[] {
  const { key, filters, mayBeUnregistered } = MASTER[kind];
  const registered = mayBeUnregistered === true ? ["registered"] : [];
  const optional = [...registered, ...filters, "limit", "cursor"].map((field) => `"${field}"?`);
  const list = read(kind, "list", undefined, optional.join(", "), `/v1/${kind}`);
  return key.length === 1 ? [list, read(kind, "get", key[0], "", `/v1/${kind}/:`)] : [list];
}

const name = (value: unknown): string => encodeURIComponent(text(value));

/** A list of texts is a parameter that is repeated. */
function queryOf(fields: Fields): string {
  const query = new URLSearchParams();
  for (const [field, value] of Object.entries(fields)) {
    const all = Array.isArray(value) && value.length > 0 ? value : [value];
    for (const one of all) if (one !== undefined) query.append(field, text(one));
  }
  return query.size === 0 ? "" : `?${query}`;
}

function text(value: unknown): string {
  if (typeof value === "string") return value.toWellFormed();
  return value === undefined ? "" : JSON.stringify(value);
}
