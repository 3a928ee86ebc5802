// Owns how answers leave: one object literal of headers each (cheap on the hot path), the request id
// on every one of them, problems as application/problem+json. Never a stack trace.

import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import { describeError, OnhandError } from "../shared/errors.ts";
import {
  type ProblemCode,
  ProblemError,
  problemBody,
  problemEntry,
  problemOfOperating,
} from "./problems.ts";

const JSON_TYPE = "application/json";
const PROBLEM_TYPE = "application/problem+json";
const REQUEST_ID_KEY = "requestId";
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

const mintPrefix = `${randomBytes(6).toString("base64url")}-`;
let minted = 0;

/** An id no other call of any process makes; no randomness per call. Base64url characters and `-`. */
export function mintId(): string {
  minted += 1;
  return mintPrefix + minted.toString(36);
}

/** X-Request-Id as the caller sent it (1 to 128 visible ASCII characters), or one of ours. */
export function requestId(c: Context): string {
  const known = c.get(REQUEST_ID_KEY) as string | undefined;
  if (known !== undefined) return known;
  const given = c.req.header("x-request-id");
  const id = given !== undefined && REQUEST_ID.test(given) ? given : mintId();
  c.set(REQUEST_ID_KEY, id);
  return id;
}

/** An answer with `text` as its body. */
export function reply(
  c: Context,
  status: number,
  contentType: string,
  text: string | ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>,
  headers?: Record<string, string>,
): Response {
  return new Response(text, {
    status,
    headers: {
      "content-type": contentType,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "x-request-id": requestId(c),
      ...headers,
    },
  });
}

/** An answer with `value` as JSON. */
export function replyJson(
  c: Context,
  status: number,
  value: unknown,
  headers?: Record<string, string>,
): Response {
  return reply(c, status, JSON_TYPE, JSON.stringify(value), headers);
}

/** A problem as an answer; `instance` is the request id. */
export function replyProblem(
  c: Context,
  code: ProblemCode,
  detail: string,
  extra: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Response {
  const { status, retryAfterS } = problemEntry(code);
  const body = { ...problemBody(code, detail, extra), instance: requestId(c) };
  return reply(c, status, PROBLEM_TYPE, JSON.stringify(body), {
    ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
    ...headers,
  });
}

/** What the caller may know of a thrown value: its problem code and one line. */
export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof OnhandError) {
    const code = problemOfOperating(error);
    if (code !== "internal") return new ProblemError(code, describeError(error));
  }
  return new ProblemError("internal", "The request failed on our side; its id is in our log");
}
