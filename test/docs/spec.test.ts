// docs/SPEC.md names tests: they exist; it lists every invariant, and its tables of scenarios and planted bugs
// are those of the tests (made again by UPDATE_SPEC=1); level, Redis keys and control entries are those of the code.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TYPES } from "../../actors/stock/command.ts";
import { EntryDecoder, Malformed } from "../../actors/stock/decode.ts";
import { MOVEMENTS_MAX } from "../../actors/stock/limits.ts";
import { LevelAnswer } from "../../http/schemas.ts";
import { SEQ_WIDTH, STOCK_PREFIX, WATERMARK_PREFIX } from "../../shared/registry.ts";
import { settingsTable } from "../../shared/settings.ts";
import { parseVersion, VERSION_LENGTH } from "../../shared/version.ts";
import { logSubject } from "../../streams/subjects.ts";
import { mutationTable } from "../mutations/table.ts";
import { expectMadeParts } from "./support/made_part.ts";

const SPEC = "docs/SPEC.md";
const spec = readFileSync(SPEC, "utf8");
const INVARIANTS = 21;
const SCENARIOS = 25;
const numbers = (letter: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);

/** Test files named in the specification, each with the names of tests that follow it. */
function references(): { file: string; names: string[] }[] {
  return [...spec.matchAll(/`(test\/[^`]+\.test\.ts)`((?:[:,] "[^"]+")*)/g)].map(
    ([, file = "", list = ""]) => ({
      file,
      names: [...list.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
    }),
  );
}

test("every test that the specification names exists", () => {
  expect(references().length).toBeGreaterThan(INVARIANTS);
  for (const { file, names } of references()) {
    expect(existsSync(file), file).toBe(true);
    const source = readFileSync(file, "utf8");
    for (const name of names) {
      const isThere = ['"', "'", "`"].some((quote) =>
        new RegExp(`\\(\\s*${quote}${literal(name)}${quote}`).test(source),
      );
      expect(isThere, `${file}: ${name}`).toBe(true);
    }
  }
});

test("the limit of movements is the machine's, and no setting", () => {
  const limit = MOVEMENTS_MAX.toLocaleString("en-US");
  expect(spec).toContain(`at most ${limit} of a shard (fixed: part of the apply version)`);
  expect(settingsTable()).not.toMatch(/movement/i);
});

test("every invariant has something that holds it", () => {
  const rows = [...spec.matchAll(/^\| (S\d+) \| ([^|]+) \| ([^|]+) \|$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(numbers("S", INVARIANTS));
  const checks = readdirSync("scripts/sim").map((file) =>
    readFileSync(`scripts/sim/${file}`, "utf8"),
  );
  for (const [, name, , held = ""] of rows) {
    expect(held, name).toMatch(/`test\//);
    // What the simulation is said to hold, it tells by that number.
    if (held.includes("simulation"))
      expect(
        checks.some((source) => source.includes(`${name}: `)),
        name,
      ).toBe(true);
  }
});

test("the tables of scenarios and planted bugs are those of the tests", () => {
  expectMadeParts(SPEC, { scenarios: scenarioTable(), bugs: mutationTable() });
});

test("the level shown is one, and its version is as long as versions are", () => {
  const [, text = ""] = /```json\n(.+?)```/s.exec(spec) ?? [];
  const level = LevelAnswer.parse(JSON.parse(text));
  expect(parseVersion(level.version)).toBeDefined();
});

test("the keys in Redis are those of the registry", () => {
  const keys = [...spec.matchAll(/^\| `(onhand:[^`]+)` \|/gm)].map(([, key]) => key);
  expect(keys).toEqual([`${STOCK_PREFIX}<SKU token>`, `${WATERMARK_PREFIX}<epoch>:<shard>`]);
  expect(spec).toContain(`its version (${VERSION_LENGTH} characters)`);
  expect(spec).toContain(`${SEQ_WIDTH} digits`);
});

test("the control entries are those that are malformed on a single subject", () => {
  const [, table = ""] = /\| control entry \|.*\n\|-+.*\n((?:\|.*\n)+)/.exec(spec) ?? [];
  const told = [...table.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name]) => name);
  const decoder = new EntryDecoder({ epoch: 1, shard: 0, shards: 1 });
  const isControl = (fields: object) => {
    const payload = new TextEncoder().encode(JSON.stringify(fields));
    const subject = logSubject(1, 0, "x", "A");
    const [item] = decoder.decode({ seq: 1, appendedAtMs: 0, subject, payload }).items;
    return item instanceof Malformed && item.detail.endsWith("valid only in bundles");
  };
  const fields: Record<string, object> = {
    order: { order: "o", line: "1", rev: 1, ordered: 1, status: "placed" },
    seal: { hold: "h", outcome: "held" },
  };
  const control: string[] = TYPES.filter((type) => isControl({ type, ...fields[type] }));
  const lines = { type: "hold", hold: "h", ttlMs: 1, lines: [{ sku: "A", qty: 1 }] };
  if (isControl(lines)) control.push("lines");
  expect(told.toSorted()).toEqual(control.toSorted());
});

function scenarioTable(): string {
  const rows = numbers("G", SCENARIOS).map((name) => {
    const [first = ""] = readFileSync(`test/actors/stock/golden/${name}.txt`, "utf8").split("\n");
    return `| ${name} | ${first.slice(name.length + 2)} |`;
  });
  return ["| | |", "|---|---|", ...rows].join("\n");
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
