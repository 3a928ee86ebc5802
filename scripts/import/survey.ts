// The first pass over a sales file, before anything is sent: it opens, unpacks to its end, is text,
// and its digest is known. A file that fails here has changed nothing.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { describeError, OnhandError } from "../../shared/errors.ts";

/** What a file is, found by reading it once. */
export type Survey = {
  path: string;
  gzip: boolean;
  /** SHA-256 of the unpacked bytes, hex. */
  digest: string;
  /** Unpacked bytes. */
  bytes: number;
  /** Line ends, counting an unfinished last line as one. */
  lines: number;
  quoted: boolean;
  utf8: boolean;
  /** Size and time of change when surveyed: a file that changes under us is an error. */
  stamp: string;
};

const LF = 0x0a;
const CR = 0x0d;

/** @throws OnhandError `bad_file`: not there, empty, broken gzip, not text, lines ended by CR alone. */
export async function surveyFile(path: string): Promise<Survey> {
  const stamp = await stampOf(path);
  const gzip = await isGzip(path);
  const hash = createHash("sha256");
  const utf8 = new Utf8Check();
  let bytes = 0;
  let lines = 0;
  let quoted = false;
  let hasCr = false;
  let last = LF;
  try {
    for await (const chunk of openUnpacked(path, gzip) as AsyncIterable<Buffer>) {
      if (bytes === 0) refuseOtherText(path, chunk);
      hash.update(chunk);
      utf8.add(chunk);
      bytes += chunk.length;
      for (let i = chunk.indexOf(LF); i >= 0; i = chunk.indexOf(LF, i + 1)) lines++;
      if (lines === 0) hasCr ||= chunk.includes(CR);
      quoted ||= chunk.includes(0x22);
      if (chunk.includes(0))
        throw badFile(path, "found a NUL byte, expected text in UTF-8 (is it UTF-16 or binary?)");
      last = chunk[chunk.length - 1] ?? last;
    }
  } catch (error) {
    throw error instanceof OnhandError ? error : badFile(path, describeError(error), error);
  }
  if (bytes === 0) throw badFile(path, "found an empty file, expected a header row");
  if (lines === 0 && hasCr)
    throw badFile(
      path,
      "its lines end in CR alone, expected LF or CRLF; convert it with: tr '\\r' '\\n'",
    );
  if (last !== LF) lines++;
  return {
    path,
    gzip,
    digest: hash.digest("hex"),
    bytes,
    lines,
    quoted,
    utf8: utf8.finish(),
    stamp,
  };
}

/** The unpacked bytes of a file. */
export function openUnpacked(path: string, gzip: boolean): Readable {
  const raw = createReadStream(path, { highWaterMark: 256 * 1024 });
  if (!gzip) return raw;
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  raw.on("error", (error) => gunzip.destroy(error));
  gunzip.on("close", () => raw.destroy());
  return raw.pipe(gunzip);
}

/** @throws OnhandError `bad_file` when the file is no longer the one that was surveyed. */
export async function requireUnchanged(survey: Survey): Promise<void> {
  if ((await stampOf(survey.path)) !== survey.stamp)
    throw badFile(survey.path, "the file changed while it was read; run the import again");
}

export function badFile(path: string, why: string, cause?: unknown): OnhandError {
  return new OnhandError("bad_file", `Cannot import ${path}: ${why}`, {
    fields: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

async function stampOf(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw badFile(path, "found no regular file");
    return `${found.size}:${found.mtimeMs}`;
  } catch (error) {
    if (error instanceof OnhandError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw badFile(path, missing ? "no such file" : describeError(error), error);
  }
}

/** By its first bytes; a name that promises gzip must keep it. */
async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    const gzip = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    if (!gzip && bytesRead > 0 && path.endsWith(".gz"))
      throw badFile(path, "its name ends in .gz, but it is not gzip; rename it if it is plain CSV");
    return gzip;
  } finally {
    await file.close();
  }
}

function refuseOtherText(path: string, head: Buffer): void {
  const [a, b] = [head[0], head[1]];
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    throw badFile(path, "found UTF-16, expected UTF-8; convert it with: iconv -f UTF-16 -t UTF-8");
  if (a === 0x50 && b === 0x4b)
    throw badFile(path, "found a zip archive (or a spreadsheet), expected CSV or CSV.gz");
}

/** UTF-8 over chunks; a character may lie across two. */
class Utf8Check {
  #decoder = new TextDecoder("utf-8", { fatal: true });
  #valid = true;

  add(chunk: Uint8Array): void {
    this.#try(() => this.#decoder.decode(chunk, { stream: true }));
  }

  finish(): boolean {
    this.#try(() => this.#decoder.decode());
    return this.#valid;
  }

  #try(decode: () => string): void {
    if (!this.#valid) return;
    try {
      decode();
    } catch {
      this.#valid = false;
    }
  }
}
