// Owns parts of documents that are made from the code: between `<!-- name: … -->` and `<!-- end -->`.
import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";

/** Expects these parts, by name, in the document; with UPDATE_SPEC=1 makes them so. */
export function expectMadeParts(file: string, parts: Readonly<Record<string, string>>): void {
  const found = readFileSync(file, "utf8");
  let wanted = found;
  for (const [name, part] of Object.entries(parts)) wanted = replaced(wanted, name, part);
  if (process.env.UPDATE_SPEC === "1") writeFileSync(file, wanted);
  else expect(found).toBe(wanted);
}

/** The text with another part between the marks of that name. */
function replaced(text: string, name: string, part: string): string {
  const pattern = new RegExp(`(<!-- ${name}: [^>]+-->\n)[^]*?(<!-- end -->)`);
  expect(text).toMatch(pattern);
  return text.replace(pattern, (_, start: string, end: string) => `${start}\n${part}\n\n${end}`);
}
