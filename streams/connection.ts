// Owns how we connect to NATS: endless reconnecting with short waits, no stack traces made on the
// hot path, and errors of ours. Whoever needs to know of a lost or regained connection asks
// `onConnection`; all listeners of a connection share one reading of its status.
//
// What a disconnect costs: whatever was handed to `publish` and not yet written is dropped by the
// client. Publisher, reader and lease repeat on "reconnect"; plain publishes (levels) are lost.

import {
  AuthorizationError,
  connect,
  type NatsConnection,
  type NodeConnectionOptions,
  PermissionViolationError,
} from "@nats-io/transport-node";
import { describeError, OnhandError } from "../shared/errors.ts";
import { CONNECT_TIMEOUT_MS, PING_INTERVAL_MS, RECONNECT_WAIT_MS } from "../shared/limits.ts";

export type { NatsConnection } from "@nats-io/transport-node";

/** `name` shows in the server's list of clients. */
export type ConnectOptions = {
  name: string;
  /** Login, when the address carries none. */
  user?: string;
  password?: string;
  token?: string;
  /** How long to try again when no server answers at first, ms; default 0: one attempt. */
  waitMs?: number;
};

/**
 * Connects to `url`: nats://[user:password@]host[:port], several with commas; tls:// for TLS. Once
 * connected it never gives up reconnecting; only close() ends it.
 * @throws OnhandError `nats_unreachable` (retryable) or `nats_unauthorized`.
 */
export async function connectNats(url: string, options: ConnectOptions): Promise<NatsConnection> {
  const settings = connectionSettings(url, options);
  const until = performance.now() + (options.waitMs ?? 0);
  for (;;) {
    try {
      return await connect(settings);
    } catch (error) {
      const unauthorized = error instanceof AuthorizationError;
      if (!unauthorized && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      throw new OnhandError(
        unauthorized ? "nats_unauthorized" : "nats_unreachable",
        `Cannot connect to NATS at ${withoutSecrets(url)}: ${describeError(error)}`,
        { retryable: !unauthorized, fields: { url: withoutSecrets(url) }, cause: error },
      );
    }
  }
}

function connectionSettings(url: string, options: ConnectOptions): NodeConnectionOptions {
  const servers: string[] = [];
  let { user, password } = options;
  let tls = false;
  for (const part of url.split(",")) {
    const text = part.trim();
    const parsed = URL.parse(text.includes("://") ? text : `nats://${text}`);
    const isOurs = parsed?.protocol === "nats:" || parsed?.protocol === "tls:";
    if (parsed === null || parsed.host === "" || !isOurs) throw badAddress(url);
    tls ||= parsed.protocol === "tls:";
    if (parsed.username !== "") user ??= plain(parsed.username, url);
    if (parsed.password !== "") password ??= plain(parsed.password, url);
    servers.push(parsed.host);
  }
  return {
    servers,
    name: options.name,
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS,
    reconnectJitterTLS: RECONNECT_WAIT_MS,
    pingInterval: PING_INTERVAL_MS,
    // A password may be changed on the server before it is here: keep trying.
    ignoreAuthErrorAbort: true,
    // Without this each request makes a stack trace: 19,000 instead of 65,000 acks/s. One trace per
    // request remains in the client, so hot paths use plain publish and one subscription instead.
    noAsyncTraces: true,
    ...(tls ? { tls: {} } : {}),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(options.token === undefined ? {} : { token: options.token }),
  };
}

function plain(encoded: string, url: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw badAddress(url);
  }
}

function badAddress(url: string): OnhandError {
  return new OnhandError(
    "nats_unreachable",
    "Cannot connect to NATS: expected nats://[user:password@]host:port, or tls:// (of user and password anything but letters " +
      `and digits percent-encoded), found ${withoutSecrets(url)}`,
  );
}

/** A login may hold, unencoded, what ends one: it goes up to the last @ before the next address. */
const withoutSecrets = (url: string): string =>
  url.replaceAll(/\/\/(?:(?!,\s*\w+:\/\/).)*@/gs, "//");

/** What may happen to a connection; each is called outside of any call of ours. */
export type ConnectionListener = {
  onDisconnect?: () => void;
  onReconnect?: () => void;
  /** A publish to `subject` (as the server mapped it) was refused for want of permission. */
  onPublishDenied?: (subject: string) => void;
  onClose?: () => void;
};

const listenersOf = new WeakMap<NatsConnection, Set<ConnectionListener>>();

/** Tells `listener` of changes of the connection until the returned function is called. */
export function onConnection(nc: NatsConnection, listener: ConnectionListener): () => void {
  let listeners = listenersOf.get(nc);
  if (listeners === undefined) {
    listeners = new Set();
    listenersOf.set(nc, listeners);
    void readStatus(nc, listeners);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

async function readStatus(nc: NatsConnection, listeners: Set<ConnectionListener>): Promise<void> {
  for await (const status of nc.status()) {
    for (const listener of [...listeners]) {
      if (status.type === "disconnect") listener.onDisconnect?.();
      else if (status.type === "reconnect") listener.onReconnect?.();
      else if (status.type === "close") listener.onClose?.();
      else if (status.type === "error") {
        const { error } = status;
        if (error instanceof PermissionViolationError && error.operation === "publish")
          listener.onPublishDenied?.(error.subject);
      }
    }
  }
}

/** An error of NATS or JetStream as one of ours: `nats_unavailable` (retryable) or `nats_refused`. */
export function natsFault(action: string, error: unknown): OnhandError {
  if (error instanceof OnhandError) return error;
  const name = error instanceof Error ? error.name : "";
  const refused =
    name === "JetStreamApiError" || name.endsWith("NotFoundError") || name.startsWith("Invalid");
  return new OnhandError(
    refused ? "nats_refused" : "nats_unavailable",
    `Cannot ${action}: ${describeError(error)}`,
    { retryable: !refused, cause: error },
  );
}
