// Owns how we speak to Postgres: one pool of connections, transactions with a time limit, binary COPY in
// and out, and errors of ours that tell an outage (try again) from data Postgres refuses.
//
// P1. Every call ends: one past its time limit costs the pool its connections (they are dropped and made
//     anew), and the caller gets `database_unavailable`.
// P2. A COPY that fails rejects. (postgres.js 3.4.9 settles a COPY's query when the server asks for
//     data; an error that comes after `end()` finds the promise settled and the stream forgotten, and
//     only a later statement would end the stream, as if all were well. We listen to the query itself.)
// P3. Values travel as parameters or as COPY data, never inside the text of a statement.
// P4. A transaction has its connection to itself, and no statement reaches a connection that is gone.
//     (postgres.js hands a reserved connection to others when its socket drains between two statements,
//     which a large COPY brings about; and when `begin` rolls back on a lost connection it writes to a
//     null socket from a timer, which ends the process. So each transaction gets a client of a single
//     connection from a stock of ours, which is thrown away whole once that connection is lost.)
import postgres from "postgres";
import { describeError, OnhandError } from "./errors.ts";
import {
  COPY_HEADER,
  COPY_TRAILER,
  CopyReader,
  type CopyRows,
  type PgType,
  type PgValue,
} from "./postgres_binary.ts";
import { type Client, dispose, openClient, type Sql } from "./postgres_client.ts";

export type { Sql };

/** What a transaction's work runs its statements on. */
export type Transaction = Pick<Sql, "unsafe" | "array" | "json"> &
  (<T extends readonly (object | undefined)[] = postgres.Row[]>(
    template: TemplateStringsArray,
    ...parameters: readonly (postgres.ParameterOrFragment<number> | undefined)[]
  ) => postgres.PendingQuery<T>);

/** A part of a statement, made by a transaction's tag; it runs only as part of one. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>;

export type DatabaseOptions = {
  /** Most connections at once. */
  connectionsMax: number;
  /** Shows in pg_stat_activity. */
  name: string;
  /** Longest a call may take before its connection is dropped, ms; default 30,000. */
  timeLimitMs?: number;
};

export type TransactionOptions = {
  /** E.g. "isolation level repeatable read read only". */
  mode?: string;
  timeLimitMs?: number;
};

const TIME_LIMIT_MS = 30_000;
/** A COPY message; large enough to cost nothing, small enough to be one write. */
const COPY_CHUNK_BYTES = 128 * 1024;

/** A Postgres database; connects lazily and again by itself. */
export class Database {
  private readonly url: string;
  private readonly options: DatabaseOptions;
  private closed = false;
  /** For single statements, with several connections. */
  private shared: Client;
  /** For transactions: clients of one connection each, and who waits for one. */
  private readonly idle: Client[] = [];
  private readonly busy = new Set<Client>();
  private readonly waiting: ((client: Client | undefined) => void)[] = [];

  constructor(url: string, options: DatabaseOptions) {
    this.url = url;
    this.options = options;
    this.shared = openClient(url, options, options.connectionsMax);
  }

  /** For single statements: sql`select …`. Do not keep it: a client that lost a connection is replaced. */
  get sql(): Sql {
    return this.healthy().sql;
  }

  /**
   * Runs `work` in a transaction. Anything it throws rolls back.
   * @throws OnhandError from `databaseFault`, or what `work` threw when that is none of Postgres.
   */
  async transaction<T>(
    work: (sql: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const client = await this.take(options.timeLimitMs);
    const mode = (options.mode ?? "").replaceAll(/[^a-z ]/gi, "");
    try {
      return await this.limited(inTransaction(client, mode, work), client, options.timeLimitMs);
    } finally {
      this.giveBack(client);
    }
  }

  /** Any statement or statements, limited in time, with errors of ours. */
  run<T>(work: (sql: Sql) => Promise<T>, timeLimitMs?: number): Promise<T> {
    const client = this.healthy();
    return this.limited(work(client.sql), client, timeLimitMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const next of this.waiting.splice(0)) next(undefined);
    const clients = [this.shared, ...this.idle, ...this.busy];
    await Promise.all(clients.map((client) => client.sql.end({ timeout: 2 })));
  }

  private get timeLimitMs(): number {
    return this.options.timeLimitMs ?? TIME_LIMIT_MS;
  }

  private healthy(): Client {
    if (this.shared.lost && !this.closed) {
      dispose(this.shared);
      this.shared = openClient(this.url, this.options, this.options.connectionsMax);
    }
    return this.shared;
  }

  private async take(timeLimitMs = this.timeLimitMs): Promise<Client> {
    if (this.closed) throw unavailable("closed");
    let client = this.idle.pop();
    while (client?.lost) client = this.idle.pop();
    if (client === undefined) {
      if (this.busy.size >= this.options.connectionsMax) return this.wait(timeLimitMs);
      client = openClient(this.url, this.options, 1);
    }
    this.busy.add(client);
    return client;
  }

  /** For a client that somebody gives back. */
  private async wait(timeLimitMs: number): Promise<Client> {
    let timer: NodeJS.Timeout | undefined;
    const client = await new Promise<Client | undefined>((resolve) => {
      this.waiting.push(resolve);
      timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(resolve), 1);
        resolve(undefined);
      }, timeLimitMs);
    });
    clearTimeout(timer);
    if (client !== undefined) return client;
    throw unavailable(this.closed ? "closed" : `no connection free within ${timeLimitMs} ms`);
  }

  private giveBack(client: Client): void {
    this.busy.delete(client);
    if (client.lost || this.closed) dispose(client);
    const next = this.waiting.shift();
    if (next === undefined) {
      if (!client.lost && !this.closed) this.idle.push(client);
      return;
    }
    const given = client.lost ? openClient(this.url, this.options, 1) : client;
    this.busy.add(given);
    next(given);
  }

  private async limited<T>(
    promise: Promise<T>,
    client: Client,
    timeLimitMs = this.timeLimitMs,
  ): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        client.lost = true;
        reject(unavailable(`no answer within ${timeLimitMs} ms`));
      }, timeLimitMs);
    });
    promise.catch(() => {}); // after the limit nobody listens
    try {
      return await Promise.race([promise, late]);
    } catch (error) {
      // Statements that follow a connection's error before its close would wait for ever.
      if (isLoss(error)) client.lost = true;
      throw databaseFault(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

async function inTransaction<T>(
  client: Client,
  mode: string,
  work: (sql: Transaction) => Promise<T>,
): Promise<T> {
  const { sql } = client;
  const check = () => {
    if (client.lost) throw unavailable("the connection is gone");
  };
  const tagged = (template: TemplateStringsArray, ...parameters: never[]) => {
    check();
    return sql(template, ...parameters);
  };
  const unsafe = (...args: Parameters<Sql["unsafe"]>) => {
    check();
    return sql.unsafe(...args);
  };
  const transaction = Object.assign(tagged, { unsafe, array: sql.array, json: sql.json });
  try {
    await transaction.unsafe(`begin ${mode}`);
    const result = await work(transaction as Transaction);
    await transaction.unsafe("commit");
    return result;
  } catch (error) {
    if (isLoss(error)) client.lost = true;
    if (!client.lost) await transaction.unsafe("rollback").catch(() => {});
    throw error;
  }
}

/** Whether an error means that its connection is gone or going. */
function isLoss(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return /^(08|57P|25P0[34])/.test(error.code);
  return typeof (error as { code?: unknown }).code === "string" && !(error instanceof OnhandError);
}

function unavailable(why: string): OnhandError {
  return new OnhandError("database_unavailable", `Cannot reach Postgres: ${why}`, {
    retryable: true,
  });
}

// ---------------------------------------------------------------- errors

/** SQLSTATE classes of data that cannot be stored as it is: try it row by row. */
const DATA_CLASSES = new Set(["22", "23", "54"]);
/** Classes and codes that pass: connection, resources, operator, system, serialization, read-only. */
const OUTAGE_CLASSES = new Set(["08", "53", "57", "58", "40"]);
const OUTAGE_CODES = new Set(["25006", "25P03", "25P04", "55P03"]);
/** Malformed COPY data stands in class 08, but no waiting mends it. */
const PROTOCOL_VIOLATION = "08P01";

/**
 * Any error of Postgres as one of ours: `database_unavailable` (retryable), `database_data` (what we
 * sent cannot be stored), `database_refused` (a fault of ours or of the schema). Others pass as they are.
 */
export function databaseFault(error: unknown): unknown {
  if (error instanceof OnhandError || !(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  if (error instanceof postgres.PostgresError) {
    const state = String(code);
    const group = state.slice(0, 2);
    const passing = OUTAGE_CLASSES.has(group) || OUTAGE_CODES.has(state);
    const outage = passing && state !== PROTOCOL_VIOLATION;
    const data = DATA_CLASSES.has(group);
    return new OnhandError(
      outage ? "database_unavailable" : data ? "database_data" : "database_refused",
      `Cannot use Postgres: ${describeError(error)} (${state})`,
      { retryable: outage, fields: { state, detail: error.detail }, cause: error },
    );
  }
  if (typeof code !== "string") return error;
  return new OnhandError("database_unavailable", `Cannot reach Postgres: ${describeError(error)}`, {
    retryable: true,
    fields: { code },
    cause: error,
  });
}

// ---------------------------------------------------------------- COPY

/** The parts of a pending query of postgres.js that its types do not show. */
type Settled = { resolve: (value: unknown) => void; reject: (error: unknown) => void };

/**
 * Sends whole tuples (see CopyWriter) to a COPY … FROM STDIN (FORMAT binary) and waits for its end.
 * @param statement the COPY statement's text, without values
 * @throws whatever Postgres says of the data, or the connection's error
 */
export async function copyIn(sql: Sql | Transaction, statement: string, rows: CopyRows) {
  const query = sql.unsafe(statement);
  const hooks = query as unknown as Settled;
  const { resolve, reject } = hooks;
  let started = false;
  const done = new Promise<void>((resolveDone, rejectDone) => {
    hooks.resolve = (value) => {
      if (started) resolveDone();
      started = true;
      resolve(value);
    };
    hooks.reject = (error) => {
      rejectDone(error as Error);
      reject(error);
    };
  });
  done.catch(() => {});
  const stream = await query.writable();
  stream.on("error", () => {}); // told by `done`
  stream.write(COPY_HEADER);
  for (let at = 0; at < rows.data.length; at += COPY_CHUNK_BYTES) {
    // It is all in memory already, so nothing is won by waiting for each piece to be written.
    stream.write(rows.data.subarray(at, at + COPY_CHUNK_BYTES));
  }
  stream.end(COPY_TRAILER);
  await done;
}

/**
 * Runs COPY (…) TO STDOUT (FORMAT binary) and hands each row's values to `onRow`, in order.
 * Parameters go through settings: see `setLocal`.
 */
export async function copyOut(
  sql: Sql | Transaction,
  statement: string,
  types: readonly PgType[],
  onRow: (values: PgValue[]) => void,
): Promise<void> {
  const reader = new CopyReader(types, onRow);
  const stream = await sql.unsafe(statement).readable();
  let fault: { error: unknown } | undefined;
  await new Promise<void>((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      // After a fault the rest flows by unread: a stream that is destroyed stops its connection for good.
      if (fault !== undefined) return;
      try {
        reader.push(chunk);
      } catch (error) {
        fault = { error };
      }
    });
    stream.on("end", () => (fault === undefined ? resolve() : reject(fault.error)));
    stream.on("error", reject);
    stream.on("close", () => reject(unavailable("the connection is gone")));
  });
}

/** Sets a parameter of a COPY for this transaction; read it with current_setting('onhand.<name>'). */
export async function setLocal(sql: Transaction, name: string, value: number | string) {
  await sql`select set_config(${`onhand.${name}`}, ${String(value)}, true)`;
}

/** A name quoted for SQL; names come from our own declarations. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The text of a COPY of these columns into a table. */
export function copyStatement(
  table: string,
  columns: readonly { readonly name: string }[],
): string {
  const names = columns.map((column) => quoted(column.name)).join(", ");
  return `copy ${quoted(table)} (${names}) from stdin (format binary)`;
}
