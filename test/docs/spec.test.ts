// docs/SPEC.md names tests: they exist; it lists every invariant, and its tables of scenarios and planted bugs
// are those of the tests (made again by UPDATE_SPEC=1).
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MOVEMENTS_MAX } from "../../actors/stock/limits.ts";
import { settingsTable } from "../../shared/config.ts";
import { mutationTable } from "../mutations/table.ts";

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
  const wanted = [
    ["scenarios", scenarioTable()],
    ["bugs", mutationTable()],
  ].reduce((text, [name = "", table = ""]) => replaced(text, name, table), spec);
  if (process.env.UPDATE_SPEC === "1") writeFileSync(SPEC, wanted);
  else expect(spec).toBe(wanted);
});

function scenarioTable(): string {
  const rows = numbers("G", SCENARIOS).map((name) => {
    const [first = ""] = readFileSync(`test/actors/stock/golden/${name}.txt`, "utf8").split("\n");
    return `| ${name} | ${first.slice(name.length + 2)} |`;
  });
  return ["| | |", "|---|---|", ...rows].join("\n");
}

/** The text with another table between the marks of that name. */
function replaced(text: string, name: string, table: string): string {
  const pattern = new RegExp(`(<!-- ${name}: [^>]+-->\n)[^]*?(<!-- end -->)`);
  expect(text).toMatch(pattern);
  return text.replace(pattern, (_, start: string, end: string) => `${start}\n${table}\n\n${end}`);
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
