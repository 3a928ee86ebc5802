// Owns reading request bodies: the size limit (also of bodies that do not tell their length), strict
// UTF-8, content types, JSON.

import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import { HTTP_BODY_BYTES_MAX } from "../shared/limits.ts";
import { ProblemError } from "./problems.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The body as text. @throws ProblemError body_too_large, malformed_text, unsupported_media_type
 */
export async function readText(c: Context): Promise<string> {
  const length = c.req.header("content-length");
  if (length !== undefined && Number(length) > HTTP_BODY_BYTES_MAX) throw tooLarge(c);
  const incoming = (c.env as { incoming?: IncomingMessage } | undefined)?.incoming;
  const bytes = incoming === undefined ? await readStream(c) : await readIncoming(c, incoming);
  try {
    return utf8.decode(bytes);
  } catch {
    refuseCoded(c);
    throw new ProblemError("malformed_text", "Cannot read the body: it is not UTF-8");
  }
}

/** Bytes that cannot be read may be compressed: then that is what is wrong with them. */
function refuseCoded(c: Context): void {
  const coding = c.req.header("content-encoding") ?? "identity";
  if (coding.toLowerCase() === "identity") return;
  const detail = `Cannot read the body: found content encoding ${coding.slice(0, 100)}, expected none`;
  throw new ProblemError("unsupported_media_type", detail, {}, { "accept-encoding": "identity" });
}

/**
 * The body as a JSON value.
 * @throws ProblemError body_too_large, malformed_text, unsupported_media_type, malformed_json
 */
export async function readJson(c: Context): Promise<unknown> {
  requireType(c, ["application/json"]);
  const text = await readText(c);
  if (text.length === 0) {
    throw new ProblemError("malformed_json", "Cannot read the body: it is empty, expected JSON");
  }
  return parseJson(text);
}

/**
 * The same where the body may be left out: an empty one is `absent`. Whether there is one the body alone tells, for a
 * Request made from a string has neither Content-Length nor Transfer-Encoding. @throws as readJson()
 */
export async function readJsonOr(c: Context, absent: unknown): Promise<unknown> {
  const text = await readText(c);
  if (text.length === 0) return absent;
  requireType(c, ["application/json"]);
  return parseJson(text);
}

/**
 * The media type of the body, one of `accepted`. A body without a type counts as the first of them.
 * @throws ProblemError unsupported_media_type
 */
export function requireType<T extends string>(c: Context, accepted: readonly [T, ...T[]]): T {
  const given = c.req.header("content-type");
  if (given === undefined || given === accepted[0]) return accepted[0];
  const semicolon = given.indexOf(";");
  const media = (semicolon < 0 ? given : given.slice(0, semicolon)).trim().toLowerCase();
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(given)?.[1]?.toLowerCase();
  const found = accepted.find((one) => one === media);
  const readable = charset === undefined || charset === "utf-8" || charset === "utf8";
  if (found === undefined || !readable) {
    throw new ProblemError(
      "unsupported_media_type",
      `Cannot read the body: found ${given.slice(0, 100)}, expected ${accepted.join(" or ")} in UTF-8`,
      { accepted: [...accepted] },
      { accept: accepted.join(", ") },
    );
  }
  return found;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : "no JSON";
    throw new ProblemError("malformed_json", `Cannot read the body: ${why.slice(0, 200)}`);
  }
}

/** The body of a request of Node's, read no further than the limit: the bytes themselves, where a web Request has a copy. */
function readIncoming(c: Context, incoming: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    incoming.on("data", (chunk: Uint8Array) => {
      size += chunk.byteLength;
      if (size <= HTTP_BODY_BYTES_MAX) chunks.push(chunk);
      else reject(tooLarge(c));
    });
    incoming.on("end", () => resolve(joined(chunks)));
    // Nobody is left to read the answer, but it must not be told as a fault of ours.
    const broke = () => {
      if (!incoming.complete)
        reject(new ProblemError("malformed_text", "Cannot read the body: the connection broke"));
    };
    incoming.on("error", broke);
    incoming.on("close", broke);
  });
}

/** The same of a web Request. */
async function readStream(c: Context): Promise<Uint8Array> {
  const body = c.req.raw.body;
  if (body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > HTTP_BODY_BYTES_MAX) {
      await reader.cancel();
      throw tooLarge(c);
    }
    chunks.push(value);
  }
  return joined(chunks);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
}

function tooLarge(c: Context): ProblemError {
  const found = c.req.header("content-length");
  return new ProblemError(
    "body_too_large",
    `Cannot read the body: found ${found === undefined ? "more" : `${found} bytes`}, expected at most ${HTTP_BODY_BYTES_MAX}`,
    { limitBytes: HTTP_BODY_BYTES_MAX },
    { connection: "close" },
  );
}
