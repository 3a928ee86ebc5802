// Pure.
// The pages for people: /docs, made from the OpenAPI document, and /problems, made from the table of
// problems. One style sheet of our own, no scripts, nothing from elsewhere.

import { PROBLEMS, type ProblemCode, problemEntry, problemType } from "../problems.ts";
import { type Html, html, prose } from "./html.ts";
import type { OpenApi, Operation } from "./openapi.ts";

type Json = Record<string, unknown>;

/** The page of all routes. */
export function docsPage(document: OpenApi): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const sections = document.tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags[0] === tag.name);
    return html`<section id="${slug(String(tag.name))}">
      <h2>${String(tag.name)}</h2>
      <p>${String(tag.description)}</p>
      ${own.map(({ path, method, operation }) => operationHtml(path, method, operation))}
    </section>`;
  });
  const nav = document.tags.map(
    (tag) => html`<a href="#${slug(String(tag.name))}">${String(tag.name)}</a> `,
  );
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => html`<details id="schema-${name}"><summary><code>${name}</code></summary>
      <pre>${JSON.stringify(schema, null, 2)}</pre></details>`,
  );
  return page(
    "Onhand API",
    html`<p>${prose(String(document.info.description))} The same as
        <a href="/openapi.json">OpenAPI 3.1</a>. <a href="/problems">All problems</a>.</p>
      <nav>${nav}<a href="#schemas">schemas</a></nav>
      ${sections}
      <section id="schemas"><h2>schemas</h2>${schemas}</section>`,
  );
}

/** The page of all problems, or of one. */
export function problemsPage(codes: readonly ProblemCode[]): string {
  const entries = codes.map((code) => {
    const { status, title, meaning } = problemEntry(code);
    return html`<article id="${code}"><h3><code>${problemType(code)}</code></h3>
      <p><strong>${status}</strong> ${title}. ${prose(meaning)}</p></article>`;
  });
  const only = codes.length === 1 ? codes[0] : undefined;
  const title = only === undefined ? "Problems" : problemEntry(only).title;
  return page(
    title,
    html`<p>What a problem's <code>type</code> means. <a href="/problems">All</a>,
      <a href="/docs">API</a>.</p>${entries}`,
  );
}

export const PROBLEM_CODES = Object.keys(PROBLEMS) as ProblemCode[];

function operationHtml(path: string, method: string, operation: Operation): Html {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  return html`<article id="${operationId}">
    <h3><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code></h3>
    <p><strong>${summary}.</strong> ${description === undefined ? "" : prose(description)}</p>
    ${parameters === undefined ? "" : parametersHtml(parameters)}
    ${requestBody === undefined ? "" : bodyHtml(requestBody)}
    <table><tbody>${Object.entries(responses).map(
      ([status, response]) => html`<tr><th scope="row">${status}</th>
        <td>${prose(String(response.description))} ${schemaLinks(response)}</td></tr>`,
    )}</tbody></table>
  </article>`;
}

function parametersHtml(parameters: readonly Json[]): Html {
  return html`<table><tbody>${parameters.map(
    (parameter) => html`<tr><th scope="row"><code>${String(parameter.name)}</code>
        <small>${String(parameter.in)}${parameter.required === true ? ", needed" : ""}</small></th>
      <td>${prose(String(parameter.description))}</td></tr>`,
  )}</tbody></table>`;
}

function bodyHtml(body: Json): Html {
  const content = body.content as Record<string, { example?: unknown; schema: Json }>;
  return html`${Object.entries(content).map(([type, { example, schema }]) => {
    const text = typeof example === "string" ? example : JSON.stringify(example, null, 2);
    const may = body.required === true ? "" : ", may be left out";
    return html`<p>Body <code>${type}</code>${may} ${schemaLinks({ schema })}</p>
      ${example === undefined ? "" : html`<pre>${text}</pre>`}
      <details><summary>schema</summary><pre>${JSON.stringify(schema, null, 2)}</pre></details>`;
  })}`;
}

/** Links to the named schemas a piece of the document refers to. */
function schemaLinks(piece: unknown): Html {
  const names = new Set<string>();
  for (const m of JSON.stringify(piece).matchAll(/#\/components\/schemas\/(\w+)/g)) {
    if (m[1] !== undefined && m[1] !== "Problem") names.add(m[1]);
  }
  return html`${[...names].map((name) => html`<a href="#schema-${name}">${name}</a> `)}`;
}

const slug = (text: string): string => text.replaceAll(" ", "-");

function page(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/page/docs.css">
</head>
<body><main><h1>${title}</h1>${body}</main></body>
</html>`.text;
}
