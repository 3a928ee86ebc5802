import { expect, test } from "vitest";
import { readyLine, withoutSecrets } from "../../scripts/ready_line.ts";

test.each([
  ["nats://127.0.0.1:4222", "nats://127.0.0.1:4222"],
  ["nats://user:secret@nats:4222", "nats://nats:4222"],
  ["nats://a:s@one:4222,nats://b:secret@two:4222", "nats://two:4222"],
  ["user:secret@nats:4222,other:4222", "nats:4222,other:4222"],
  ["postgres://onhand:se%40cret@db:5432/stock?password=secret", "postgres://db:5432/stock"],
  ["postgres://onhand:secret@db1:5432,db2:5432/stock", "postgres://db1:5432,db2:5432/stock"],
  ["redis://:secret@127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"],
])("withoutSecrets() leaves of %s the address", (address, wanted) => {
  expect(withoutSecrets(address)).toBe(wanted);
});

test("readyLine() is one line of JSON", () => {
  const endpoints = {
    nats: "nats://n:1",
    postgres: "postgres://u:secret@p:2/db",
    redis: "redis://r:3",
  };
  const line = readyLine({ name: "host-1" }, endpoints, { role: "stock" });
  expect(line).toMatch(/^\{.*\}\n$/);
  expect(JSON.parse(line)).toEqual({
    name: "host-1",
    role: "stock",
    endpoints: { nats: "nats://n:1", postgres: "postgres://p:2/db", redis: "redis://r:3" },
    pid: process.pid,
  });
});
