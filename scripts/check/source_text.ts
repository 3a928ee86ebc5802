// Pure.
// Source text as the checks need it: which files it imports, and its code without comments, strings
// and regular expressions, line by line where it was.

export type Import = {
  specifier: string;
  line: number;
  /** `import type`, `export type … from`: gone when the file runs. */
  typeOnly: boolean;
  /** `export … from`. */
  reExport: boolean;
  /** `export * from`. */
  all: boolean;
};

/** The text with everything inside comments, strings and regular expressions blanked out. */
export function blank(text: string, keep: "nothing" | "strings" = "nothing"): string {
  const out: string[] = [];
  let i = 0;
  // Open braces of `${` inside templates: at depth 0 of the last one the template goes on.
  const templates: number[] = [];
  const put = (from: number, to: number, visible: boolean) => {
    for (let at = from; at < to; at++) {
      const character = text[at] as string;
      out.push(visible || character === "\n" ? character : " ");
    }
  };
  while (i < text.length) {
    const character = text[i] as string;
    const end = endOfToken(text, i, out);
    if (character === "`" || (character === "}" && templates.at(-1) === 0)) {
      if (character === "}") templates.pop();
      const stop = endOfTemplate(text, i + 1);
      put(i, stop, keep === "strings");
      if (text[stop - 1] === "{") templates.push(0);
      i = stop;
    } else if (end > i) {
      const isString = character === '"' || character === "'";
      put(i, end, isString && keep === "strings");
      i = end;
    } else {
      const top = templates.length - 1;
      if (top >= 0 && character === "{") templates[top] = (templates[top] as number) + 1;
      if (top >= 0 && character === "}") templates[top] = (templates[top] as number) - 1;
      out.push(character);
      i++;
    }
  }
  return out.join("");
}

/** Where the comment, string or regular expression that begins at `start` ends; `start` if none does. */
function endOfToken(text: string, start: number, before: readonly string[]): number {
  const two = text.slice(start, start + 2);
  if (two === "//") return orEnd(text.indexOf("\n", start), text);
  if (two === "/*") return orEnd(text.indexOf("*/", start + 2) + 2, text, 1);
  const character = text[start];
  if (character === '"' || character === "'") return endOfQuoted(text, start, character);
  if (character === "/" && mayBeginRegExp(before)) return endOfRegExp(text, start);
  return start;
}

const orEnd = (index: number, text: string, least = -1): number =>
  index <= least ? text.length : index;

function endOfQuoted(text: string, start: number, quote: string): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === quote || text[i] === "\n") return i + 1;
  }
  return text.length;
}

/** After the closing backtick, or after the `${` that opens an expression. */
function endOfTemplate(text: string, start: number): number {
  for (let i = start; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "`") return i + 1;
    else if (text[i] === "$" && text[i + 1] === "{") return i + 2;
  }
  return text.length;
}

function endOfRegExp(text: string, start: number): number {
  let inClass = false;
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\n") return start; // a division after all
    if (text[i] === "\\") i++;
    else if (text[i] === "[") inClass = true;
    else if (text[i] === "]") inClass = false;
    else if (text[i] === "/" && !inClass) return i + 1;
  }
  return start;
}

/** A slash divides after a value and begins a regular expression elsewhere. */
function mayBeginRegExp(before: readonly string[]): boolean {
  let i = before.length - 1;
  while (i >= 0 && /\s/.test(before[i] as string)) i--;
  if (i < 0) return true;
  const last = before[i] as string;
  if (!/[\w$)\]}"'`]/.test(last)) return true;
  let word = "";
  while (i >= 0 && /\w/.test(before[i] as string)) word = (before[i--] as string) + word;
  return ["return", "typeof", "case", "in", "of", "throw", "yield", "await"].includes(word);
}

const STATEMENT =
  /(?:^|[;\n}])\s*(import|export)\s+(type\s+)?((?:[\w$*{},\s]|\bas\b)*?)\s*\bfrom\s*(["'])([^"'\n]+)\4/g;
const BARE = /(?:^|[;\n}])\s*import\s*(["'])([^"'\n]+)\1/g;
const DYNAMIC = /\bimport\s*\(\s*(["'])([^"'\n]+)\1\s*\)/g;

/** Everything a file imports, in no order. */
export function importsOf(text: string): Import[] {
  const code = blank(text, "strings");
  const list: Import[] = [];
  for (const match of code.matchAll(STATEMENT)) {
    const [whole, verb, type, names, , specifier] = match as unknown as string[];
    const at = match.index + (whole as string).lastIndexOf(specifier as string);
    list.push({
      specifier: specifier as string,
      line: lineOf(code, at),
      typeOnly: type !== undefined || onlyTypes(names as string),
      reExport: verb === "export",
      all: verb === "export" && /^\*/.test((names as string).trim()),
    });
  }
  for (const pattern of [BARE, DYNAMIC]) {
    for (const match of code.matchAll(pattern)) {
      const specifier = match[2] as string;
      const line = lineOf(code, match.index + match[0].lastIndexOf(specifier));
      list.push({ specifier, line, typeOnly: false, reExport: false, all: false });
    }
  }
  return list;
}

/** `{ type A, type B }`. */
function onlyTypes(names: string): boolean {
  const inner = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
  if (inner === undefined) return false;
  const parts = inner.split(",").map((part) => part.trim());
  return parts.filter((part) => part !== "").every((part) => part.startsWith("type "));
}

/** Line, from 1, of a place in the text. */
export function lineOf(text: string, index: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < index; i = text.indexOf("\n", i + 1)) line++;
  return line;
}
