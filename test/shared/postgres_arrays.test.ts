import { type AddressInfo, createServer } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database } from "../../shared/postgres.ts";
import { parseArray, writeArray } from "../../shared/postgres_arrays.ts";
import { type FreshDatabase, freshDatabase } from "../support/servers.ts";

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database(fresh.url, { connectionsMax: 2, name: "test" });
});
afterAll(async () => {
  await database.close();
  await fresh.drop();
});

describe("arrays", () => {
  it("are read as they were written, whatever is in a text", () => {
    const texts = fc.array(fc.option(fc.string({ unit: "binary" }), { nil: null }));
    fc.assert(
      fc.property(texts, (list) => {
        expect(parseArray(writeArray(list))).toEqual(list);
      }),
    );
  });

  it("go to Postgres and come back, of every type of ours", async () => {
    const at = new Date("2026-11-27T01:02:03.004Z");
    const texts = ["a", 'say "NULL"', "back\\slash", "{,}", "", "null", "ünï🧦\n"];
    const [row] = await database.run(
      (sql) => sql`
        select ${texts}::text[] as texts, ${[1, -2]}::int2[] as small, ${[3]}::int4[] as middle,
          ${[2 ** 50, -1]}::int8[] as big, ${[1.5, -0.25]}::float4[] as single, ${[0.1, 1e300]}::float8[] as double,
          ${[at.toISOString()]}::timestamptz[] as times, array[true, null, false] as flags, array[]::text[] as none,
          ${[]}::text[] as empty`,
    );
    expect(row).toEqual({
      texts,
      small: [1, -2],
      middle: [3],
      big: [2 ** 50, -1],
      single: [1.5, -0.25],
      double: [0.1, 1e300],
      times: [at],
      flags: [true, null, false],
      none: [],
      empty: [],
    });
  });

  it("are known without asking: a server that goes at the first question is an outage, and no more", async () => {
    // AuthenticationOk and ReadyForQuery to the start-up message; then it is gone.
    const hello = Buffer.from("5200000008000000005a0000000549", "hex");
    const server = createServer((socket) => {
      socket.once("data", () => {
        socket.write(hello);
        socket.once("data", () => socket.destroy());
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const url = `postgres://nobody@127.0.0.1:${port}/none`;
    const dying = new Database(url, { connectionsMax: 1, name: "test", timeLimitMs: 500 });
    // A promise nobody waits for would fail the run of the tests.
    await expect(dying.run((sql) => sql`select 1`)).rejects.toThrow("Cannot reach Postgres");
    await dying.close();
    await new Promise((resolve) => server.close(resolve));
  });
});
