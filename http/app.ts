// Owns the assembly of the edge: routes of the list, each wrapped once with what all of them need (token
// or own site for writes, a URL the route knows, problems for errors, measuring), and answers for paths and methods that
// are not there.

import { createHash, timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import { describeError } from "../shared/errors.ts";
import { crossSiteCheck } from "./cross_site.ts";
import { docsRoutes } from "./docs/docs_routes.ts";
import { pageRoutes } from "./page/page_routes.ts";
import type { Edge } from "./ports.ts";
import { ProblemError } from "./problems.ts";
import { checkUrl } from "./query.ts";
import { problemOf, replyProblem, requestId } from "./reply.ts";
import type { Route } from "./route.ts";
import { commandRoutes } from "./routes/commands.ts";
import { forecastRoutes } from "./routes/forecasts.ts";
import { holdChangeRoutes } from "./routes/hold_changes.ts";
import { placeHoldRoute } from "./routes/holds.ts";
import { liveRoute } from "./routes/live.ts";
import { masterDataRoutes } from "./routes/master_data.ts";
import { policyRoutes } from "./routes/policies.ts";
import { stockRoutes } from "./routes/stock.ts";
import { syncErpRoute } from "./routes/sync_erp.ts";
import { systemRoutes } from "./routes/system.ts";

/** Every route of the API, in the order of its documentation. */
export function apiRoutes(edge: Edge): Route[] {
  return [
    ...stockRoutes(edge),
    liveRoute(edge),
    ...commandRoutes(edge),
    syncErpRoute(edge),
    placeHoldRoute(edge),
    ...holdChangeRoutes(edge),
    ...forecastRoutes(edge),
    ...policyRoutes(edge),
    ...masterDataRoutes(edge),
    ...systemRoutes(edge),
  ];
}

/** The app, for serveHttp() or for tests by `app.request()`. */
export function createApp(edge: Edge): Hono {
  const app = new Hono();
  const api = apiRoutes(edge);
  const routes = [...api, ...docsRoutes(api), ...pageRoutes()];
  for (const route of routes) app.on(route.method, route.path, wrap(edge, route));
  const places = placesOf(routes);
  app.notFound((c) => {
    const place = places.find(({ pattern }) => pattern.test(c.req.path));
    if (place !== undefined) return notAllowed(edge, c, place.methods);
    edge.metrics.request("none", 404, 0);
    return replyProblem(c, "not_found", `There is nothing at ${shownPath(c)}${eatenHint(c)}`);
  });
  app.onError((error, c) => replyError(edge, c, error));
  return app;
}

function wrap(edge: Edge, route: Route): (c: Context) => Promise<Response> {
  const isAllowed = route.writes && edge.token !== undefined ? tokenCheck(edge.token) : undefined;
  const checkSite = route.writes ? crossSiteCheck(edge) : undefined;
  const { handle, name, tag } = route;
  // Probes and browsers may add what they like.
  const isStrict = tag !== "system";
  return async (c) => {
    const started = performance.now();
    let response: Response;
    try {
      if (isAllowed !== undefined && !isAllowed(c)) {
        const headers = { "www-authenticate": 'Bearer realm="onhand"' };
        const detail =
          "Cannot write: expected `Authorization: Bearer <token>` with the right token";
        throw new ProblemError("unauthorized", detail, {}, headers);
      }
      checkSite?.(c);
      if (isStrict) checkUrl(c, route);
      response = await handle(c);
    } catch (error) {
      response = replyError(edge, c, error);
    }
    edge.metrics.request(name, response.status, performance.now() - started);
    return response;
  };
}

/** Compares in a time that tells nothing of the token. */
function tokenCheck(token: string): (c: Context) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const wanted = digest(`Bearer ${token}`);
  return (c) => {
    const given = c.req.header("authorization")?.replace(/^bearer /i, "Bearer ");
    return given !== undefined && timingSafeEqual(digest(given), wanted);
  };
}

function replyError(edge: Edge, c: Context, error: unknown): Response {
  const { code, message, extra, headers } = problemOf(error);
  if (code === "internal") {
    const stack = error instanceof Error ? error.stack : undefined;
    const fields = { requestId: requestId(c), method: c.req.method, path: c.req.path, stack };
    edge.log.error(fields, `request failed: ${describeError(error)}`);
  }
  return replyProblem(c, code, message, extra, headers);
}

type Place = { pattern: RegExp; methods: string[] };

/**
 * What paths there are, those without parameters first. Looked at when no route was found: a handler of every method at
 * each path would keep Hono from its fast router, which cannot tell a name from a parameter at the same place.
 */
function placesOf(routes: readonly Route[]): Place[] {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const known = methods.get(path) ?? [];
    known.push(method, ...(method === "GET" ? ["HEAD"] : []));
    methods.set(path, known);
  }
  const isNamed = (path: string) => Number(path.includes("/:"));
  return [...methods]
    .sort(([a], [b]) => isNamed(a) - isNamed(b))
    .map(([path, of]) => ({
      pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:[^/]+/g, "[^/]+")}$`),
      methods: of,
    }));
}

/** Where a path leads whose name was `.` or `..`: URLs take these for steps, at the client or at our door. */
const EATEN = /^\/v1\/(?:[^/]+\/)?(?:fulfill|extend|history)?$/;

function eatenHint(c: Context): string {
  if (!EATEN.test(c.req.path)) return "";
  return "; the names `.` and `..` cannot stand in a path: use ?sku= where there is one, or the NATS services";
}

const shownPath = (c: Context): string => c.req.path.slice(0, 200);

function notAllowed(edge: Edge, c: Context, methods: readonly string[]): Response {
  const allow = methods.join(", ");
  edge.metrics.request("none", 405, 0);
  const asked = `${c.req.method.slice(0, 20)} ${shownPath(c)}`;
  const detail = `Cannot ${asked}: expected ${allow}${eatenHint(c)}`;
  return replyProblem(c, "method_not_allowed", detail, { allow: methods }, { allow });
}
