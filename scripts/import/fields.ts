// Pure.
// Which column of a sales file is which field of a command. Without a `--map` the usual names are
// known; a map names columns of this file, the rest keep their usual meaning.

/** Fields a column may fill. */
export const FIELDS = [
  "at",
  "ref",
  "sku",
  "location",
  "qty",
  "price",
  "id",
  "type",
  "channel",
  "reason",
] as const;
export type Field = (typeof FIELDS)[number];

/** Names of columns known without a map, lower case. */
const KNOWN: Readonly<Record<string, Field>> = {
  at: "at",
  timestamp: "at",
  time: "at",
  ref: "ref",
  invoice: "ref",
  receipt: "ref",
  sku: "sku",
  location: "location",
  qty: "qty",
  quantity: "qty",
  price: "price",
  unit_price: "price",
  id: "id",
  type: "type",
  channel: "channel",
  reason: "reason",
};

/** Column number of each field that the file has, and how many columns a row must have. */
export type Layout = { columns: number; at: Partial<Record<Field, number>> };

export type LayoutOptions = {
  /** Column name to field, from `--map`. */
  map: ReadonlyMap<string, string>;
  /** One location for every row, instead of a column. */
  location?: string;
};

/** `timestamp=at,invoice=ref` to a map of column to field, or what is wrong with it. */
export function parseMap(text: string): ReadonlyMap<string, string> | { fault: string } {
  const map = new Map<string, string>();
  for (const part of text.split(",")) {
    const cut = part.lastIndexOf("=");
    const column = part.slice(0, cut).trim();
    const field = part.slice(cut + 1).trim();
    if (cut < 1 || column === "" || field === "")
      return { fault: `found "${part}", expected column=field` };
    if (!isField(field) && field !== "none")
      return { fault: `found field "${field}", expected one of ${FIELDS.join(", ")} or none` };
    if (map.has(column)) return { fault: `column "${column}" stands twice` };
    map.set(column, field);
  }
  return map;
}

/** What is wrong: with the file's header, or with the map, when that names a column the file has not. */
export type LayoutFault = { fault: string; ofMap: boolean };

/** Finds the fields in a header row, or tells what is missing, doubled or unknown. */
export function layoutOf(header: readonly string[], options: LayoutOptions): Layout | LayoutFault {
  const names = header.map((name) => name.trim());
  for (const column of options.map.keys())
    if (!names.includes(column))
      return {
        fault: `no column "${column}" (of --map); the file has ${names.join(", ")}`,
        ofMap: true,
      };
  const at: Partial<Record<Field, number>> = {};
  const taken = new Set(options.map.values());
  for (const [index, name] of names.entries()) {
    const mapped = options.map.get(name);
    const field = mapped ?? unlessTaken(KNOWN[name.toLowerCase()], taken);
    if (field === undefined || !isField(field)) continue;
    const before = at[field];
    if (before !== undefined)
      return {
        fault: `columns "${names[before]}" and "${name}" are both ${field}; say with --map`,
        ofMap: false,
      };
    at[field] = index;
  }
  const missing = requiredFields(options).filter((field) => at[field] === undefined);
  if (missing.length > 0)
    return {
      fault:
        `no column for ${missing.join(", ")}; the file has ${names.join(", ")}` +
        ` (say which with --map column=${missing[0]})`,
      ofMap: false,
    };
  return { columns: names.length, at };
}

function requiredFields(options: LayoutOptions): Field[] {
  return options.location === undefined ? ["at", "sku", "location", "qty"] : ["at", "sku", "qty"];
}

function unlessTaken(field: Field | undefined, taken: ReadonlySet<string>): Field | undefined {
  return field !== undefined && taken.has(field) ? undefined : field;
}

function isField(text: string): text is Field {
  return (FIELDS as readonly string[]).includes(text);
}
