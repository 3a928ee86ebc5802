// The Postgres adapter on a real server: COPY there and back, failures that reject, outages told apart.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OnhandError } from "../../shared/errors.ts";
import { migrate } from "../../shared/migrate.ts";
import { copyIn, copyOut, copyStatement, Database, setLocal } from "../../shared/postgres.ts";
import { encodeRows, nullColumns, type PgColumn, rowBytes } from "../../shared/postgres_binary.ts";
import { type FreshDatabase, freshDatabase, privatePostgres } from "../support/servers.ts";

const COLUMNS: PgColumn[] = [
  { name: "a", type: "int2" },
  { name: "b", type: "int4" },
  { name: "c", type: "int8" },
  { name: "d", type: "text" },
  { name: "e", type: "bool" },
  { name: "f", type: "jsonb" },
  { name: "g", type: "timestamptz" },
  { name: "h", type: "bytea" },
];
const TYPES = COLUMNS.map((column) => column.type);

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 2, name: "test" });
  await database.sql`create table kinds (a int2 primary key, b int4, c int8, d text, e bool, f jsonb,
    g timestamptz, h bytea)`;
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const faultOf = async (promise: Promise<unknown>): Promise<OnhandError> =>
  (await promise.then(
    () => new Error("it did not fail"),
    (error: unknown) => error,
  )) as OnhandError;

const insert = (rows: Record<string, unknown>[]) =>
  database.transaction(async (sql) => {
    await copyIn(sql, copyStatement("kinds", COLUMNS), encodeRows(COLUMNS, rows));
  });

describe("copyIn() and copyOut()", () => {
  test("give back what was sent, at the edges of every type", async () => {
    const rows = [
      { a: 1, b: -(2 ** 31), c: 2 ** 53 - 1, d: "", e: true, f: '{"x": [1, "é"]}' },
      { a: 2, b: 2 ** 31 - 1, c: -(2 ** 53 - 1), d: "naïve 🛒 \n\t\\", e: false, f: "null" },
      {
        a: 3,
        b: 0,
        c: -1,
        d: "x".repeat(5000),
        e: null,
        f: null,
        g: 0,
        h: new Uint8Array([0, 255]),
      },
      { a: 4, b: null, c: null, d: null, g: Date.parse("2026-11-23T04:05:06.789Z") },
      {
        a: -5,
        c: 2 ** 32,
        d: "é".repeat(30),
        g: Date.parse("1999-12-31T23:59:59.999Z"),
        h: new Uint8Array(),
      },
      { a: 6, g: Date.parse("9999-12-31T23:59:59.999Z") },
    ];
    await insert(rows);
    const back: unknown[][] = [];
    await database.transaction(async (sql) => {
      await setLocal(sql, "least", -100);
      await copyOut(
        sql,
        "copy (select * from kinds where a > current_setting('onhand.least')::int2 order by abs(a)) to stdout (format binary)",
        TYPES,
        (values) => back.push([...values]),
      );
    });
    const wanted = rows.map((row) =>
      COLUMNS.map((column) => (row as Record<string, unknown>)[column.name] ?? null),
    );
    expect(back).toEqual(wanted);
    const [sums] =
      await database.sql`select sum(c)::text as c, count(f)::int as f, max(g) as g from kinds`;
    expect(sums).toEqual({ c: String(2 ** 32 - 1), f: 2, g: new Date("9999-12-31T23:59:59.999Z") });
    await database.sql`delete from kinds`;
  });

  test("reject with what a row's reader throws, and leave the connection usable", async () => {
    const copied = database.transaction((sql) =>
      copyOut(
        sql,
        "copy (select n, repeat('x', 500) from generate_series(1, 50000) n) to stdout (format binary)",
        ["int4", "text"],
        ([n]) => {
          if (n === 7) throw new RangeError("seven");
        },
      ),
    );
    await expect(copied).rejects.toThrow("seven");
    expect(await database.run((sql) => sql`select 1::int4 as one`)).toEqual([{ one: 1 }]);
  });

  test("reject on a repeated key that shows only at the end, and leave the connection usable", async () => {
    const error = await faultOf(insert([{ a: 1 }, { a: 1 }]));
    expect(error.code).toBe("database_data");
    expect(error.fields.state).toBe("23505");
    await insert([{ a: 1, d: "after" }]);
    expect(await database.sql`select d from kinds`).toEqual([{ d: "after" }]);
    await database.sql`delete from kinds`;
  });

  test("reject on data that Postgres refuses in the middle of a large COPY", async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({
      a: i,
      d: "filler filler filler filler",
    }));
    rows[100] = { a: 100, d: "with \u0000 in it" };
    const error = await faultOf(insert(rows));
    expect(error.code).toBe("database_data");
    expect(error.retryable).toBe(false);
    expect(await database.sql`select count(*)::int as n from kinds`).toEqual([{ n: 0 }]);
  });

  test("reject on a table that is not there", async () => {
    const error = await faultOf(
      database.transaction((sql) =>
        copyIn(sql, copyStatement("nowhere", COLUMNS), encodeRows(COLUMNS, [{ a: 1 }])),
      ),
    );
    expect(error.code).toBe("database_refused");
  });

  test("nullColumns() makes a refused tuple one that is taken", async () => {
    const rows = encodeRows(COLUMNS, [
      { a: 7, c: 70 },
      { a: 8, c: 80, d: "bad \u0000", f: "{" },
    ]);
    const cured = nullColumns(rowBytes(rows, 1), new Set([3, 5]));
    await database.transaction((sql) =>
      copyIn(sql, copyStatement("kinds", COLUMNS), { data: cured, ends: [cured.length] }),
    );
    expect(await database.sql`select a, c, d from kinds`).toEqual([{ a: 8, c: 80, d: null }]);
    await database.sql`delete from kinds`;
  });
});

describe("Database", () => {
  test("a transaction past its limit costs its connection and is an outage", async () => {
    const error = await faultOf(
      database.transaction((sql) => sql`select pg_sleep(5)`, { timeLimitMs: 150 }),
    );
    expect(error.code).toBe("database_unavailable");
    expect(error.retryable).toBe(true);
    expect(await database.sql`select 1 as one`).toEqual([{ one: 1 }]);
  });

  test("a COPY that never ends is given up at the limit", async () => {
    const locker = new Database(fresh.url, { connectionsMax: 1, name: "locker" });
    const held = locker.transaction(async (sql) => {
      await sql`lock table kinds in access exclusive mode`;
      await new Promise((resolve) => setTimeout(resolve, 900));
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const error = await faultOf(
      database.transaction(
        (sql) => copyIn(sql, copyStatement("kinds", COLUMNS), encodeRows(COLUMNS, [{ a: 2 }])),
        { timeLimitMs: 300 },
      ),
    );
    expect(error.code).toBe("database_unavailable");
    await held;
    await locker.close();
    await database.sql`delete from kinds`;
  });

  test("a connection that is ended under a transaction is an outage, and nothing of it stays", async () => {
    const killer = new Database(fresh.url, { connectionsMax: 1, name: "killer" });
    for (const busy of [false, true]) {
      const error = await faultOf(
        database.transaction(async (sql) => {
          const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
          await sql`insert into kinds (a) values (1)`;
          const work = busy ? sql`select pg_sleep(3)` : undefined;
          work?.catch(() => {});
          await new Promise((resolve) => setTimeout(resolve, 50));
          await killer.sql`select pg_terminate_backend(${row?.pid ?? 0})`;
          await work;
          await new Promise((resolve) => setTimeout(resolve, 50));
          await sql`insert into kinds (a) values (2)`;
        }),
      );
      expect(error.code).toBe("database_unavailable");
      expect(await database.sql`select a from kinds`).toEqual([]);
    }
    await killer.close();
  });

  test("a server that dies during a COPY is an outage, and its return is found", async () => {
    const server = await privatePostgres();
    const own = new Database(server.url, { connectionsMax: 1, name: "test" });
    await own.sql`create table kinds (a int2, b int4, c int8, d text, e bool, f jsonb, g timestamptz, h bytea)`;
    const running = faultOf(
      own.transaction(async (sql) => {
        await copyIn(sql, copyStatement("kinds", COLUMNS), encodeRows(COLUMNS, [{ a: 1 }]));
        await server.stop();
        await copyIn(sql, copyStatement("kinds", COLUMNS), encodeRows(COLUMNS, [{ a: 2 }]));
      }),
    );
    const error = await running;
    expect([error.code, error.retryable]).toEqual(["database_unavailable", true]);
    expect((await faultOf(own.run((sql) => sql`select 1`))).code).toBe("database_unavailable");
    await server.start();
    const rows = () => own.run((sql) => sql`select a from kinds`).catch(() => "away");
    await expect.poll(rows, { timeout: 10_000 }).toEqual([]);
    await own.close();
    await server.stop();
  });

  test("a transaction whose client says nothing for long is ended, and that is an outage", async () => {
    const [silent] = await database.sql<{ limit: string }[]>`
      select current_setting('idle_in_transaction_session_timeout') as limit`;
    expect(silent?.limit).toBe("30s");
    const error = await faultOf(
      database.transaction(async (sql) => {
        await sql`set local idle_in_transaction_session_timeout = '200ms'`;
        await new Promise((resolve) => setTimeout(resolve, 600));
        await sql`select 1`;
      }),
    );
    expect([error.code, error.retryable]).toEqual(["database_unavailable", true]);
    expect(await database.transaction((sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  test("whoever waits for a connection waits no longer than a call may take, nor beyond the close", async () => {
    const own = new Database(fresh.url, { connectionsMax: 1, name: "test" });
    let end = () => {};
    const long = own.transaction(async (sql) => {
      await sql`select 1`;
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const late = await faultOf(own.transaction((sql) => sql`select 1`, { timeLimitMs: 50 }));
    expect([late.code, late.message]).toEqual([
      "database_unavailable",
      expect.stringContaining("no connection free"),
    ]);
    const waits = faultOf(own.transaction((sql) => sql`select 1`));
    const closing = own.close();
    expect((await waits).message).toContain("closed");
    end();
    await Promise.allSettled([long, closing]);
  });
});

describe("migrate()", () => {
  test("applies each file once, also when two start together", async () => {
    const other = await freshDatabase();
    const [one, two] = [1, 2].map(
      (n) => new Database(other.url, { connectionsMax: 1, name: `m${n}` }),
    ) as [Database, Database];
    const applied = await Promise.all([migrate(one), migrate(two)]);
    expect(applied.flat()).toContain("0001_spine.sql");
    expect(new Set(applied.flat()).size).toBe(applied.flat().length);
    expect(await migrate(one)).toEqual([]);
    expect(await two.sql`select count(*)::int as n from shard`).toEqual([{ n: 0 }]);
    await Promise.all([one.close(), two.close()]);
    await other.drop();
  });
});
