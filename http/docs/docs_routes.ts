// Routes of the documentation: /openapi.json, /docs, /problems. They describe the API's routes and
// each other.

import { z } from "zod";
import { PAGE_HEADERS } from "../page/page_routes.ts";
import { isProblemCode, ProblemError } from "../problems.ts";
import { reply } from "../reply.ts";
import type { Route } from "../route.ts";
import { docsPage, PROBLEM_CODES, problemsPage } from "./docs_page.ts";
import { openApi } from "./openapi.ts";

const HTML_TYPE = "text/html; charset=utf-8";

/** @param api the routes to describe besides these */
export function docsRoutes(api: readonly Route[]): Route[] {
  let document: { json: string; docs: string } | undefined;
  const made = () => {
    if (document === undefined) {
      const value = openApi([...api, ...routes]);
      document = { json: JSON.stringify(value), docs: docsPage(value) };
    }
    return document;
  };
  const page = { 200: { description: "a page", contentType: "text/html" } };
  const routes: Route[] = [
    {
      method: "GET",
      path: "/openapi.json",
      name: "openApi",
      tag: "system",
      summary: "This API as OpenAPI 3.1",
      answers: { 200: { description: "the document", schema: z.looseObject({}) } },
      handle: (c) => reply(c, 200, "application/json", made().json),
    },
    {
      method: "GET",
      path: "/docs",
      name: "docs",
      tag: "system",
      summary: "This API as a page",
      answers: page,
      handle: (c) => reply(c, 200, HTML_TYPE, made().docs, PAGE_HEADERS),
    },
    {
      method: "GET",
      path: "/problems",
      name: "listProblems",
      tag: "system",
      summary: "All problems, as a page",
      answers: page,
      handle: (c) => reply(c, 200, HTML_TYPE, problemsPage(PROBLEM_CODES), PAGE_HEADERS),
    },
    {
      method: "GET",
      path: "/problems/:name",
      name: "getProblem",
      tag: "system",
      summary: "What one problem means, as a page: the `type` of problems leads here",
      parameters: [{ name: "name", in: "path", description: "the problem", schema: z.string() }],
      answers: page,
      problems: ["not_found"],
      handle(c) {
        const name = c.req.param("name") ?? "";
        const code = name.replaceAll("-", "_");
        if (!isProblemCode(code) || name.includes("_")) {
          throw new ProblemError("not_found", `No problem is known as ${name.slice(0, 60)}`);
        }
        return reply(c, 200, HTML_TYPE, problemsPage([code]), PAGE_HEADERS);
      },
    },
  ];
  return routes;
}
