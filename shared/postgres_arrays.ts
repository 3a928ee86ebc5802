// Pure.
// Owns arrays as Postgres writes them in text, for the client library to use. Its own way is to ask each new connection for
// its array types: when that connection closes before the answer, nobody waits for the failed promise and the
// process ends. Built-in types have fixed numbers, and ours are all of those.
// Source: PostgreSQL 18, pg_type.dat; documentation section 8.15, "Array Input and Output Syntax".

export type ArrayItem = string | number | boolean | Date | null;

type ArrayType = {
  to: number;
  from: number[];
  serialize: (items: readonly ArrayItem[]) => string;
  parse: (text: string) => ArrayItem[];
};

/** Array types by name, as the library takes them. Nested arrays are not of ours. */
export const ARRAY_TYPES: Readonly<Record<string, ArrayType>> = {
  boolArray: arrayType(1000, (text) => text === "t"),
  int2Array: arrayType(1005, Number),
  int4Array: arrayType(1007, Number),
  textArray: arrayType(1009, String),
  int8Array: arrayType(1016, Number),
  float4Array: arrayType(1021, Number),
  float8Array: arrayType(1022, Number),
  dateArray: arrayType(1182, (text) => new Date(text)),
  timestamptzArray: arrayType(1185, (text) => new Date(text)),
};

function arrayType(number: number, item: (text: string) => ArrayItem): ArrayType {
  const parse = (text: string) => parseArray(text).map((one) => (one === null ? null : item(one)));
  return { to: number, from: [number], serialize: writeArray, parse };
}

/** `{"a","b",NULL}` */
export function writeArray(items: readonly ArrayItem[]): string {
  return `{${items.map(writeItem).join(",")}}`;
}

function writeItem(item: ArrayItem): string {
  if (item === null) return "NULL";
  const text = item instanceof Date ? item.toISOString() : String(item);
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

const ITEM = /"((?:[^"\\]|\\.)*)"|([^,{}]+)/gs;

/** The texts of a one-dimensional array; null for NULL. */
export function parseArray(text: string): (string | null)[] {
  return Array.from(text.matchAll(ITEM), ([, quoted, plain]) => {
    if (quoted !== undefined) return quoted.replaceAll(/\\(.)/gs, "$1");
    return plain === "NULL" ? null : (plain as string);
  });
}
