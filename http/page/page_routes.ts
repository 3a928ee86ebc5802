// Routes of the page: / and its scripts and style sheets, read once from beside this file.

import { readFileSync } from "node:fs";
import { reply } from "../reply.ts";
import type { Route } from "../route.ts";

/** For every page of ours: only our own files, no framing. */
export const PAGE_HEADERS: Record<string, string> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

const FILES = [
  { path: "/", file: "index.html", type: "text/html; charset=utf-8" },
  { path: "/page/page.js", file: "page.js", type: "text/javascript; charset=utf-8" },
  { path: "/page/feed.js", file: "feed.js", type: "text/javascript; charset=utf-8" },
  { path: "/page/page.css", file: "page.css", type: "text/css; charset=utf-8" },
  { path: "/page/docs.css", file: "docs.css", type: "text/css; charset=utf-8" },
] as const;

export function pageRoutes(): Route[] {
  return FILES.map(({ path, file, type }) => {
    const text = readFileSync(new URL(`./${file}`, import.meta.url), "utf8");
    return {
      method: "GET",
      path,
      name: `page:${file}`,
      tag: "system",
      summary: "A file of the page",
      answers: { 200: { description: "the file", contentType: type } },
      handle: (c) => reply(c, 200, type, text, { ...PAGE_HEADERS, "cache-control": "no-cache" }),
    };
  });
}
