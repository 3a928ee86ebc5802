// `npm run check`, last part: reads every source file and tells each breach of the rules in rules.ts as
// path:line. Exits 1 when there is one.

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Fault, faultsOf, type SourceFile } from "./rules.ts";

const FOLDERS = ["actors", "streams", "http", "shared", "scripts", "test"];
const SKIPPED = new Set(["node_modules", ".data", ".cache", "coverage", "fixtures"]);

/** Every .ts file of the house below `root`. */
export function readSources(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  const read = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) read(path);
      } else if (entry.name.endsWith(".ts")) {
        files.push({ path, text: readFileSync(join(root, path), "utf8") });
      }
    }
  };
  const there = new Set(readdirSync(root));
  for (const folder of FOLDERS) if (there.has(folder)) read(folder);
  return files;
}

/** One fault as editors understand it. */
export function describeFault(fault: Fault): string {
  return `${fault.path}:${fault.line}: ${fault.rule}: ${fault.text}`;
}

if (import.meta.main) {
  const root = resolve(process.argv[2] ?? join(import.meta.dirname, "..", ".."));
  const files = readSources(root);
  const faults = faultsOf(files);
  for (const fault of faults) process.stdout.write(`${describeFault(fault)}\n`);
  const pure = files.filter((file) => file.text.startsWith("// Pure.")).length;
  const result = faults.length === 0 ? "no faults" : `${faults.length} faults`;
  process.stdout.write(`architecture: ${files.length} files, ${pure} pure, ${result}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
