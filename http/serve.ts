// Owns the one difference between Node and Deno: who listens. On Deno @hono/node-server must never be
// loaded: it replaces the global Response, and Deno.serve then refuses ours.

import type { Hono } from "hono";
import { OnhandError } from "../shared/errors.ts";
import { HTTP_HEADER_BYTES_MAX } from "../shared/limits.ts";

export type HttpServer = {
  /** The port it listens on. */
  port: number;
  /** Takes no new requests, waits `graceMs` for those under way, then ends all connections. */
  stop(graceMs: number): Promise<void>;
};

const KEEP_ALIVE_MS = 75_000;

type DenoServer = { addr: { port: number }; shutdown(): Promise<void>; finished: Promise<void> };
type DenoGlobal = {
  serve(
    options: { hostname: string; port: number; onListen: () => void; signal: AbortSignal },
    handler: (request: Request) => Response | Promise<Response>,
  ): DenoServer;
};

/** Listens. @throws OnhandError `port_taken`, `cannot_listen` */
export function serveHttp(app: Hono, options: { host: string; port: number }): Promise<HttpServer> {
  const deno = (globalThis as { Deno?: DenoGlobal }).Deno;
  return deno === undefined ? serveNode(app, options) : serveDeno(deno, app, options);
}

async function serveNode(app: Hono, options: { host: string; port: number }): Promise<HttpServer> {
  const { createAdaptorServer } = await import("@hono/node-server");
  const { Server } = await import("node:http");
  const server = createAdaptorServer({
    fetch: app.fetch,
    // Of requests that name no host, as HTTP/1.0 need not: some balancers probe so.
    hostname: "localhost",
    serverOptions: { maxHeaderSize: HTTP_HEADER_BYTES_MAX },
  });
  // Longer than proxies keep theirs, so that it is never we who close a connection just being used.
  if (server instanceof Server) server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, options)));
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;
  return {
    port,
    async stop(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      if (!(server instanceof Server)) return closed;
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

async function serveDeno(
  deno: DenoGlobal,
  app: Hono,
  options: { host: string; port: number },
): Promise<HttpServer> {
  const aborter = new AbortController();
  let server: DenoServer;
  try {
    server = deno.serve(
      { hostname: options.host, port: options.port, onListen: () => {}, signal: aborter.signal },
      (request) => app.fetch(request),
    );
  } catch (error) {
    throw listenError(error, options);
  }
  return {
    port: server.addr.port,
    async stop(graceMs) {
      const timer = setTimeout(() => aborter.abort(), graceMs);
      await Promise.race([server.shutdown(), server.finished]);
      clearTimeout(timer);
    },
  };
}

function listenError(error: unknown, { host, port }: { host: string; port: number }): OnhandError {
  const { code, name, message } = error as { code?: string; name?: string; message?: string };
  const taken = code === "EADDRINUSE" || name === "AddrInUse";
  return new OnhandError(
    taken ? "port_taken" : "cannot_listen",
    `Cannot listen on ${host}:${port}: ${taken ? "another program does" : message}`,
    { cause: error, fields: { host, port } },
  );
}
