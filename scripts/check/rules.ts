// Pure.
// The rules of the house that a compiler does not hold: who may import whom, what a `// Pure.` file
// may touch, no barrels, no cycles, no file too long, names in snake_case.

import { blank, type Import, importsOf, lineOf } from "./source_text.ts";

/** Paths are relative to the root, with forward slashes. */
export type SourceFile = { path: string; text: string };
export type Fault = { path: string; line: number; rule: string; text: string };

export const LINES_MAX = 400;

/** What each part of the house may import besides itself. `test` may import anything. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  shared: [],
  streams: ["shared"],
  "actors/runtime": ["streams", "shared"],
  "actors/stock": ["actors/runtime", "streams", "shared"],
  "actors/forecast": ["actors/runtime", "streams", "shared"],
  "actors/erp": ["actors/runtime", "streams", "shared"],
  http: ["streams", "shared"],
  scripts: [
    "http",
    "actors/erp",
    "actors/forecast",
    "actors/stock",
    "actors/runtime",
    "streams",
    "shared",
  ],
};

/** Packages that are pure themselves. */
const PURE_PACKAGES = new Set(["zod"]);

/** Each with why it is not for pure files: clock, chance, timers, input and output, the machine. */
const IMPURE: readonly [RegExp, string][] = [
  [/\bDate\s*\.\s*now\b/, "Date.now is a clock"],
  [/\bnew\s+Date\s*(?:\(\s*\)|(?!\s*\())/, "new Date() without a time is a clock"],
  [/(?<!\bnew\s+)(?<![.\w])Date\s*\(/, "Date() is a clock"],
  [/\bMath\s*\.\s*random\b/, "Math.random is chance"],
  [/(?<![.\w])performance\b(?!\s*\??\s*:)/, "performance is a clock"],
  [/(?<![.\w])process\b(?!\s*\??\s*[:(])/, "process is the machine"],
  [/(?<![.\w])crypto\s*\./, "crypto is chance"],
  [/(?<![.\w])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/, "timers are time"],
  [/(?<![.\w])(?:fetch|WebSocket|EventSource)\s*\(/, "the network is input"],
  [/(?<![.\w])console\b(?!\s*\??\s*:)/, "console is output"],
  [/(?<![.\w])(?:globalThis|Deno|Temporal)\b/, "globals of the runtime are the machine"],
  [/(?<![.\w])Intl\b|\.toLocale\w*\s*\(/, "locale and time-zone data change under us"],
];

/** All faults of a set of files, in order of path and line. `all` are the source files there are. */
export function faultsOf(files: readonly SourceFile[]): Fault[] {
  const imports = new Map(files.map((file) => [file.path, importsOf(file.text)]));
  const pure = new Set(files.filter(isPure).map((file) => file.path));
  const known = new Set(files.map((file) => file.path));
  const faults: Fault[] = [];
  for (const file of files) {
    const own = imports.get(file.path) ?? [];
    faults.push(
      ...nameFaults(file),
      ...directionFaults(file, own, known),
      ...barrelFaults(file, own),
    );
    if (!isTest(file.path)) faults.push(...lengthFaults(file));
    if (pure.has(file.path)) faults.push(...purityFaults(file, own, pure));
  }
  faults.push(...cycleFaults(imports, known));
  return faults.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line));
}

const isPure = (file: SourceFile): boolean => /^\/\/ Pure\.\s*(?:\n|$)/.test(file.text);
const isTest = (path: string): boolean => path.startsWith("test/");

function partOf(path: string): string {
  const [first, second] = path.split("/");
  return first === "actors" ? `${first}/${second}` : (first ?? "");
}

/** The path an import means, or undefined when it is a package. */
export function target(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function directionFaults(
  file: SourceFile,
  imports: readonly Import[],
  known: ReadonlySet<string>,
): Fault[] {
  const faults: Fault[] = [];
  const part = partOf(file.path);
  const allowed = MAY_IMPORT[part];
  for (const { specifier, line } of imports) {
    const path = target(file.path, specifier);
    if (path === undefined) continue;
    const at = { path: file.path, line };
    if (!/\.(?:ts|mjs|json)$/.test(specifier))
      faults.push({ ...at, rule: "ending", text: `import of ${specifier} without its .ts ending` });
    else if (specifier.endsWith(".ts") && !known.has(path))
      faults.push({ ...at, rule: "missing", text: `import of ${path}, which is not there` });
    const other = partOf(path);
    if (allowed === undefined || other === part || allowed.includes(other)) continue;
    faults.push({ ...at, rule: "direction", text: `${part} may not import ${other} (${path})` });
  }
  return faults;
}

function purityFaults(
  file: SourceFile,
  imports: readonly Import[],
  pure: ReadonlySet<string>,
): Fault[] {
  const faults: Fault[] = [];
  for (const { specifier, line, typeOnly } of imports) {
    const path = target(file.path, specifier);
    // A type is gone when the file runs.
    if (typeOnly || (path === undefined ? PURE_PACKAGES.has(specifier) : pure.has(path))) continue;
    const what = path ?? specifier;
    const text = `a pure file imports ${what}, which is not pure`;
    faults.push({ path: file.path, line, rule: "purity", text });
  }
  const code = blank(file.text);
  for (const [pattern, why] of IMPURE) {
    for (const match of code.matchAll(new RegExp(pattern, "g"))) {
      const line = lineOf(code, match.index);
      faults.push({ path: file.path, line, rule: "purity", text: `in a pure file: ${why}` });
    }
  }
  return faults;
}

function barrelFaults(file: SourceFile, imports: readonly Import[]): Fault[] {
  const fault = (line: number, text: string): Fault[] => [
    { path: file.path, line, rule: "barrel", text },
  ];
  if (/(?:^|\/)(?:index|mod)\.ts$/.test(file.path))
    return fault(1, "a file named for what it collects");
  const all = imports.find((one) => one.all);
  if (all !== undefined) return fault(all.line, `export * from ${all.specifier}`);
  if (!imports.some((one) => one.reExport)) return [];
  const rest = blank(file.text).replaceAll(
    /\b(?:import|export)\s+(?:type\s+)?[\w$*{},\s]*?\bfrom\s*;?/g,
    "",
  );
  return rest.trim() === "" ? fault(1, "a file that only passes on what others define") : [];
}

function lengthFaults(file: SourceFile): Fault[] {
  const lines = file.text.replace(/\n$/, "").split("\n").length;
  if (lines <= LINES_MAX) return [];
  const text = `${lines} lines, at most ${LINES_MAX}`;
  return [{ path: file.path, line: LINES_MAX + 1, rule: "length", text }];
}

function nameFaults(file: SourceFile): Fault[] {
  const name = file.path.split("/").at(-1) ?? "";
  if (/^[a-z0-9]+(?:_[a-z0-9]+)*(?:\.test|\.config)?\.ts$/.test(name)) return [];
  return [{ path: file.path, line: 1, rule: "name", text: `${name} is not snake_case.ts` }];
}

/** Files that need each other: told once for each ring, at its first file. */
function cycleFaults(
  imports: ReadonlyMap<string, readonly Import[]>,
  known: ReadonlySet<string>,
): Fault[] {
  const faults: Fault[] = [];
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const visit = (path: string): void => {
    state.set(path, "open");
    trail.push(path);
    for (const { specifier, line } of imports.get(path) ?? []) {
      const next = target(path, specifier);
      if (next === undefined || !known.has(next)) continue;
      if (state.get(next) === "open") {
        const ring = [...trail.slice(trail.indexOf(next)), next];
        faults.push({ path, line, rule: "cycle", text: `imports in a ring: ${ring.join(" -> ")}` });
      } else if (state.get(next) === undefined) visit(next);
    }
    trail.pop();
    state.set(path, "done");
  };
  for (const path of [...imports.keys()].sort()) if (!state.has(path)) visit(path);
  return faults;
}
