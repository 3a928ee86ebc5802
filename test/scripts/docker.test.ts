// What the files of the container say, by reading them: the tests have no engine that would build it.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { POSTGRES_LOCKS } from "../../scripts/servers/postgres_home.ts";
import { cmdMapping } from "../../streams/subjects.ts";

const ROOT = resolve(import.meta.dirname, "..", "..");
const textOf = (path: string) => readFileSync(join(ROOT, path), "utf8");

describe("the image", () => {
  const copied = [...textOf("Dockerfile").matchAll(/^COPY (.+) \S+$/gm)].flatMap(
    ([, paths]) => paths?.split(" ") ?? [],
  );

  test("holds the code by name, and nothing else of the directory", () => {
    const code = ["actors", "http", "scripts", "shared", "streams"];
    const files = ["LICENSE", "package-lock.json", "package.json"];
    expect(copied.toSorted()).toEqual([...files, ...code].toSorted());
  });

  test.each([".dockerignore", ".gitignore"])("settings with passwords are in %s", (file) => {
    expect(textOf(file)).toMatch(/^(?:\*\*\/)?\.env\*$/m);
  });
});

test.each(["", "16"])("plain publishes are mapped to the shards onhand makes (%j)", (shards) => {
  const [, mapping] = /^ +ONHAND_MAPPING: '(.+)'$/m.exec(textOf("docker-compose.yml")) ?? [];
  const { from, to } = cmdMapping(1, Number(shards || "8"));
  const filledIn = mapping?.replace(/\$\{ONHAND_SHARDS:-(\d+)\}/, (_, none) => shards || none);
  expect(filledIn).toBe(JSON.stringify(to));
  expect(textOf("scripts/docker/nats.conf")).toContain(`"${from}": $ONHAND_MAPPING\n`);
});

test("Postgres has room for as many locks as ours", () => {
  expect(textOf("docker-compose.yml")).toContain(`"max_locks_per_transaction=${POSTGRES_LOCKS}"`);
});

test("no service leaves a volume without a name behind", () => {
  const redis = /^ {2}redis:\n(?: {4}.*\n)+/m.exec(textOf("docker-compose.yml"))?.[0];
  expect(redis).toContain("    tmpfs: [/data]\n");
});
