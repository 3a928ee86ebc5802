// What a route is: method, path, handler, and what OpenAPI says of it. app.ts serves the same list
// that openapi.ts describes, so neither can know a route the other does not.

import type { Context } from "hono";
import type { z } from "zod";
import type { ProblemCode } from "./problems.ts";

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export type Parameter = {
  name: string;
  in: "path" | "query" | "header";
  description: string;
  schema: z.ZodType;
  required?: boolean;
  /** The parameter may be repeated: ?sku=a&sku=b. */
  repeated?: boolean;
};

export type Answer = {
  description: string;
  schema?: z.ZodType;
  contentType?: string;
  headers?: Record<string, string>;
};

export type Route = {
  method: Method;
  /** Hono's spelling: /v1/stock/:sku */
  path: string;
  /** operationId */
  name: string;
  tag: string;
  summary: string;
  description?: string;
  /** Needs the bearer token where one is set, and is not for pages of other sites where none is. */
  writes?: true;
  parameters?: readonly Parameter[];
  body?: {
    schema: z.ZodType;
    example?: unknown;
    csv?: string;
    /** The request may come without one. */
    optional?: true;
  };
  answers: Record<number, Answer>;
  problems?: readonly ProblemCode[];
  handle: (c: Context) => Response | Promise<Response>;
};
