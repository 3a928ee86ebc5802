// Owns the clients of postgres.js: how their connections are made, and what Postgres is told of each.
import { Socket } from "node:net";
import postgres from "postgres";
import { ARRAY_TYPES } from "./postgres_arrays.ts";

/** int8 is read as a number: all of ours are at most 2^53. */
export type Sql = postgres.Sql<{ bigint: number }>;

/** A client of postgres.js, and whether it lost a connection. */
export type Client = { sql: Sql; lost: boolean };

const CONNECT_TIMEOUT_S = 5;

/**
 * What a client that is gone leaves behind ends soon, so that its locks do: a statement within a second when its process
 * is, a transaction that waits for a client that is frozen or cut off within half a minute. So who reads a COPY may not
 * stop reading for as long.
 */
const SESSION = {
  client_connection_check_interval: "1s",
  idle_in_transaction_session_timeout: "30s",
  tcp_keepalives_idle: "10",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "3",
  tcp_user_timeout: "30s",
} as unknown as Record<string, string & boolean & number>;

/** A client that connects lazily, with at most so many connections. @param name shows in pg_stat_activity */
export function openClient(url: string, options: { name: string }, connectionsMax: number): Client {
  const client = { lost: false } as Client;
  const settings: postgres.Options<{ bigint: postgres.PostgresType<number> }> = {
    max: connectionsMax,
    connect_timeout: CONNECT_TIMEOUT_S,
    // Connections live until they are lost, so that a close always means a loss.
    idle_timeout: 0,
    max_lifetime: null,
    backoff: () => 0.1,
    onnotice: () => {},
    onclose: () => {
      client.lost = true;
    },
    fetch_types: false, // see postgres_arrays.ts
    types: {
      ...(ARRAY_TYPES as object),
      bigint: { to: 20, from: [20], serialize: (value: number) => String(value), parse: Number },
    },
    connection: {
      application_name: options.name,
      ...SESSION,
    },
  };
  let attempt = 0;
  Object.assign(settings, { socket: (of: Hosts) => openSocket(of, attempt++) });
  client.sql = postgres(url, settings) as unknown as Sql;
  return client;
}

/**
 * A socket whose small writes leave at once. The library's own waits with the last piece of a COPY until the one
 * before is acknowledged, which the kernel of the other side puts off by 40 ms. (It is still connecting when it
 * is handed over: what is written to it waits, and errors come as events, as the library expects them.) Of several hosts
 * each attempt takes the next.
 */
function openSocket(options: Hosts, attempt: number): Socket {
  const socket = new Socket();
  socket.setNoDelay(true);
  const number = attempt % options.host.length;
  const [host, port] = [options.host[number] as string, options.port[number] as number];
  if (options.path) return socket.connect(options.path);
  // The library takes from here whom a certificate must name.
  return Object.assign(socket.connect(port, host), { host, port });
}

/** Where the library was told to connect. */
type Hosts = { host: string[]; port: number[]; path?: string | false };

/** Drops its connections; it is lost from now on. */
export function dispose(client: Client): void {
  client.lost = true;
  client.sql.end({ timeout: 0 }).catch(() => {});
}
