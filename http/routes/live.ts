// The route of the live feed: levels as they change, as server-sent events.

import { z } from "zod";
import { LocationSchema, SkuSchema } from "../../shared/fields.ts";
import type { Edge } from "../ports.ts";
import { namesOfQuery } from "../query.ts";
import { reply } from "../reply.ts";
import type { Parameter, Route } from "../route.ts";
import { readLevels } from "../stock_reads.ts";
import { invalidField } from "../validate.ts";

const EVERY_MS_MAX = 60_000;

const PARAMETERS: readonly Parameter[] = [
  {
    name: "sku",
    in: "query",
    description: "only these SKUs",
    schema: SkuSchema,
    repeated: true,
  },
  {
    name: "location",
    in: "query",
    description: "only these locations",
    schema: LocationSchema,
    repeated: true,
  },
  {
    name: "everyMs",
    in: "query",
    description: "least time between two levels of a key, ms; default 0",
    schema: z.int().min(0).max(EVERY_MS_MAX),
  },
  {
    name: "Last-Event-ID",
    in: "header",
    description: "id of the last event seen",
    schema: z.string(),
  },
  {
    name: "lastEventId",
    in: "query",
    description: "the same, for clients that set no headers",
    schema: z.string(),
  },
];

export function liveRoute(edge: Edge): Route {
  return {
    method: "GET",
    path: "/v1/live",
    name: "live",
    tag: "stock",
    summary: "Levels as they change (server-sent events)",
    description:
      "Events: `hello` first; `level` with a level (whole value; a `version` not greater than one " +
      "seen is old news); `reset` when levels may be missing (reason: unknown_id, too_old, " +
      "interrupted, slow_reader, registry): read them anew with GET /v1/stock. The event id is the " +
      "highest version of each shard sent so far; with Last-Event-ID (or ?lastEventId=) what was " +
      "missed comes first, or a `reset`. With ?sku= (repeatable) the present levels of those SKUs " +
      "come first. ?everyMs= sends the newest level of each key at most that often. Comments are " +
      "signs of life.",
    parameters: PARAMETERS,
    answers: { 200: { description: "the feed", contentType: "text/event-stream" } },
    problems: ["invalid_field", "too_many_readers"],
    handle(c) {
      const everyText = c.req.query("everyMs") ?? "0";
      const everyMs = /^\d{1,5}$/.test(everyText) ? Number(everyText) : -1;
      if (everyMs < 0 || everyMs > EVERY_MS_MAX) {
        throw invalidField([{ field: "everyMs", fault: `expected 0 to ${EVERY_MS_MAX}` }]);
      }
      const filter = { skus: namesOfQuery(c, "sku"), locations: namesOfQuery(c, "location") };
      const headers = { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" };
      // Nobody would read, or ever close, what a HEAD opened.
      if (c.req.method === "HEAD") return reply(c, 200, "text/event-stream", "", headers);
      const reader = edge.hub.open({
        ...filter,
        everyMs,
        lastId: c.req.header("last-event-id") ?? c.req.query("lastEventId"),
        levelsOf: async (skus) =>
          (await readLevels(edge, skus, undefined, { mayWait: false })).levels,
      });
      return reply(c, 200, "text/event-stream", reader.stream, headers);
    },
  };
}
