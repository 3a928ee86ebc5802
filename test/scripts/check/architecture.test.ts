import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readSources } from "../../../scripts/check/architecture.ts";
import { faultsOf, LINES_MAX } from "../../../scripts/check/rules.ts";
import { blank, importsOf } from "../../../scripts/check/source_text.ts";
import { privateDir } from "../../support/servers.ts";

const ROOT = resolve(import.meta.dirname, "..", "..", "..");

/** "path:line rule" of each fault in these files. */
function found(files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text }));
  return faultsOf(sources).map((fault) => `${fault.path}:${fault.line} ${fault.rule}`);
}
const SHARED = { "shared/ids.ts": "// Pure.\nexport const a = 1;\n" };
const CLOCK = { "shared/clock.ts": "// Owns the clock.\nexport const now = () => Date.now();\n" };

describe("faultsOf()", () => {
  it("has nothing to say of a house in order", () => {
    expect(
      found({
        ...SHARED,
        ...CLOCK,
        "streams/a.ts": 'import { a } from "../shared/ids.ts";\nexport const b = a;\n',
        "actors/runtime/b.ts": 'import { b } from "../../streams/a.ts";\nexport const c = b;\n',
        "actors/stock/c.ts": 'import { c } from "../runtime/b.ts";\nexport const d = c;\n',
        "http/d.ts": 'import { b } from "../streams/a.ts";\nexport const e = b;\n',
        "scripts/e.ts": 'import { d } from "../actors/stock/c.ts";\nexport const f = d;\n',
        "test/e.test.ts": 'import { f } from "../scripts/e.ts";\nf;\n',
      }),
    ).toEqual([]);
  });

  it.each([
    ["shared", "shared/x.ts", "../streams/a.ts", "streams/a.ts"],
    ["streams to actors", "streams/x.ts", "../actors/runtime/a.ts", "actors/runtime/a.ts"],
    ["streams to http", "streams/x.ts", "../http/a.ts", "http/a.ts"],
    ["runtime to stock", "actors/runtime/x.ts", "../stock/a.ts", "actors/stock/a.ts"],
    ["stock to forecast", "actors/stock/x.ts", "../forecast/a.ts", "actors/forecast/a.ts"],
    ["erp to stock", "actors/erp/x.ts", "../stock/a.ts", "actors/stock/a.ts"],
    ["http to actors", "http/x.ts", "../actors/runtime/a.ts", "actors/runtime/a.ts"],
    ["http to scripts", "http/x.ts", "../scripts/a.ts", "scripts/a.ts"],
    ["shared to test", "shared/x.ts", "../test/a.ts", "test/a.ts"],
    ["scripts to test", "scripts/x.ts", "../test/a.ts", "test/a.ts"],
  ])("finds the direction %s, also for types and at run time", (_name, from, specifier, to) => {
    const other = { [to]: "export type A = 1;\nexport const a = 1;\n" };
    for (const statement of [
      `import { a } from "${specifier}";`,
      `import type { A } from "${specifier}";`,
      `export { a } from "${specifier}";`,
      `import "${specifier}";`,
      `const m = await import("${specifier}");`,
      `import {\n  a,\n  type A,\n} from "${specifier}";`,
    ]) {
      const text = `// Owns x.\n${statement}\nexport const x = 1;\n`;
      expect(found({ ...other, [from]: text })).toEqual([
        expect.stringMatching(new RegExp(`^${from}:\\d direction$`)),
      ]);
    }
  });

  it("finds imports without ending and of files that are not there", () => {
    const text =
      'import { a } from "./ids";\nimport { b } from "./nowhere.ts";\nexport { a, b };\n';
    expect(found({ ...SHARED, "shared/x.ts": text })).toEqual([
      "shared/x.ts:1 ending",
      "shared/x.ts:2 missing",
    ]);
  });

  it("finds what a pure file imports that is not pure, and lets zod and types pass", () => {
    const lines = [
      "// Pure.",
      'import { z } from "zod";',
      'import { a } from "./ids.ts";',
      'import { now } from "./clock.ts";',
      'import { readFileSync } from "node:fs";',
      'import pino from "pino";',
      'import type { Logger } from "pino";',
      'import { type now as Now } from "./clock.ts";',
      "export const x = [z, a, now, readFileSync, pino];",
    ];
    expect(found({ ...SHARED, ...CLOCK, "shared/x.ts": lines.join("\n") })).toEqual([
      "shared/x.ts:4 purity",
      "shared/x.ts:5 purity",
      "shared/x.ts:6 purity",
    ]);
  });

  it.each([
    "Date.now()",
    "new Date()",
    "new Date",
    "Date()",
    "Math.random()",
    "performance.now()",
    "process.env.HOME",
    "crypto.randomUUID()",
    "setTimeout(() => {}, 1)",
    "queueMicrotask(() => {})",
    'fetch("x")',
    'console.log("x")',
    "globalThis.x",
    "new Intl.DateTimeFormat()",
    "(1).toLocaleString()",
    "`at \u0024{Date.now()}`",
  ])("finds %s in a pure file, and not in another, a comment, a text or a pattern", (code) => {
    const pure = `// Pure.\nexport const x = () => ${code};\n`;
    expect(found({ "shared/x.ts": pure })).toEqual(["shared/x.ts:2 purity"]);
    expect(found({ "shared/x.ts": pure.replace("// Pure.", "// Owns x.") })).toEqual([]);
    const plain = code.replaceAll(/[`$"'{}]/g, "");
    const hidden = `// Pure.\n// ${code}\n/* ${code} */\nexport const x = ["${plain}", '${plain}', \`${plain}\`];\n`;
    expect(found({ "shared/x.ts": hidden })).toEqual([]);
  });

  it("leaves a date of a given time, own names and object keys alone", () => {
    const text =
      "// Pure.\nexport const x = (ms: number, o: { process: 1; console: 2 }) =>\n" +
      "  [new Date(ms), Date.UTC(1, 2), Date.parse('x'), o.process, o.console, /process|console/];\n";
    expect(found({ "shared/x.ts": text })).toEqual([]);
  });

  it("finds barrels", () => {
    expect(found({ ...SHARED, "shared/all.ts": 'export * from "./ids.ts";\n' })).toEqual([
      "shared/all.ts:1 barrel",
    ]);
    const passing =
      '// Owns nothing.\nexport { a } from "./ids.ts";\nexport type { B } from "./ids.ts";\n';
    expect(found({ ...SHARED, "shared/all.ts": passing })).toEqual(["shared/all.ts:1 barrel"]);
    expect(found({ ...SHARED, "shared/index.ts": "export const b = 1;\n" })).toEqual([
      "shared/index.ts:1 barrel",
    ]);
    const own = 'export { a } from "./ids.ts";\nexport const own = 1;\n';
    expect(found({ ...SHARED, "shared/some.ts": own })).toEqual([]);
  });

  it("finds files that are too long, but for tests, and names that are not snake_case", () => {
    const long = "export const a = 1;\n".repeat(LINES_MAX + 1);
    expect(found({ "shared/long.ts": long, "test/long.test.ts": long })).toEqual([
      `shared/long.ts:${LINES_MAX + 1} length`,
    ]);
    expect(found({ "shared/fine.ts": "export const a = 1;\n".repeat(LINES_MAX) })).toEqual([]);
    expect(found({ "shared/someThing.ts": "export const a = 1;\n" })).toEqual([
      "shared/someThing.ts:1 name",
    ]);
  });

  it("finds rings of imports", () => {
    expect(
      found({
        "shared/a.ts": '// a\nimport { b } from "./b.ts";\nexport const a = b;\n',
        "shared/b.ts": '// b\nimport { c } from "./c.ts";\nexport const b = c;\n',
        "shared/c.ts": '// c\nimport type { a } from "./a.ts";\nexport const c = 1;\n',
      }),
    ).toEqual(["shared/c.ts:2 cycle"]);
  });
});

describe("blank(), importsOf()", () => {
  it("are not misled by quotes in comments, slashes, and templates in templates", () => {
    const text = [
      "const a = 1 / 2; // don't",
      "const b = /['\"`/*]/.test(x) ? 'it\\'s' : `<\u0024{`in \u0024{c /* } */}`}>`;",
      "/* import { x } from './commented.ts' */",
      "const s = \"import { y } from './quoted.ts'\";",
      "import { real } from './real.ts';",
    ].join("\n");
    expect(importsOf(text).map((one) => [one.specifier, one.line])).toEqual([["./real.ts", 5]]);
    const code = blank(text);
    expect(code).not.toMatch(/don't|quoted|commented|test\(x\) \? 'it/);
    expect(code.split("\n").length).toBe(5);
    expect(code.split("\n")[1]).toContain("c");
  });
});

describe("architecture.ts", () => {
  const run = (root: string): { code: number; out: string } => {
    try {
      const args = [join(ROOT, "scripts/check/architecture.ts"), root];
      return { code: 0, out: execFileSync(process.execPath, args, { encoding: "utf8" }) };
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: string };
      return { code: status, out: stdout };
    }
  };

  it("exits 1 and names file and line of a planted fault, 0 without", () => {
    const root = privateDir("house");
    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    write("shared/ids.ts", "// Pure.\nexport const a = 1;\n");
    expect(run(root)).toMatchObject({ code: 0, out: expect.stringContaining("no faults") });
    write("http/x.ts", "// x\nexport const x = 1;\n");
    write("shared/y.ts", '// Pure.\nimport { x } from "../http/x.ts";\nexport const y = x;\n');
    const ran = run(root);
    expect(ran.code).toBe(1);
    expect(ran.out).toContain("shared/y.ts:2: direction: shared may not import http (http/x.ts)");
    expect(ran.out).toContain("shared/y.ts:2: purity: ");
  });

  it("reads the whole house", () => {
    const paths = readSources(ROOT).map((file) => file.path);
    expect(paths).toContain("streams/publisher.ts");
    expect(paths).toContain("test/scripts/check/architecture.test.ts");
    expect(paths.some((path) => path.includes("node_modules"))).toBe(false);
  });
});
