// Commands as anybody might write them: mostly right, each field now and then missing, wrong or strange. For holding
// the decoders of the fold equal to the schemas of the edges.
import fc from "fast-check";

const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    0,
    -0,
    -1,
    1.5,
    2 ** 50,
    2 ** 50 + 1,
    1e300,
    true,
    false,
    "",
    "-",
    [],
    {},
  ),
  fc.string({ maxLength: 5 }),
  fc.constantFrom(
    "\ud800",
    "a\u0000b",
    "x".repeat(201),
    "é".repeat(101),
    "\u2028",
    "store 3",
    "日本",
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
/** `good`, now and then something else. */
const field = (good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: good, weight: 24 }, { arbitrary: strange, weight: 1 });

const id = fc.constantFrom("1042", "c-1", "x".repeat(128), "é", "a b");
const name = fc.constantFrom("SKU-1", "a.b*c", "store-3", "naïve", "-", "-");
const place = fc.constantFrom("store-3", "wh", "store-3", "Zürich");
const text = fc.constantFrom("web", "pos", "T-42", "", "ß", "x".repeat(200));
const qty = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.constantFrom(2 ** 50, 999_999_999_999_999),
);
const count = fc.oneof(qty, fc.constant(0));
const time = fc.constantFrom(
  "2026-03-02T08:00:00.000Z",
  "2026-03-02T08:00:00Z",
  "2026-03-02T10:00:00+02:00",
  "2024-02-29T23:59:60Z",
  "2026-02-30T00:00:00Z",
  "1969-12-31T00:00:00Z",
  "2026-03-31 08:00:00.123456Z",
  "yesterday",
);
const flag = fc.boolean();
const bucket = fc.constantFrom("sellable", "damaged", "qualityControl", "Bad");
const ttl = fc.constantFrom(null, 1, 900_000, 31 * 86_400_000, 31 * 86_400_000 + 1);
const lines = fc.array(
  fc.record(
    { sku: field(name), location: field(name), qty: field(qty) },
    { requiredKeys: ["sku", "qty"] },
  ),
  { maxLength: 3 },
);
const plan = fc.record(
  {
    mode: field(fc.constantFrom("observe", "recommend", "autopilot")),
    reorderPoint: field(count),
    orderUpTo: field(count),
    safetyStock: field(count),
    max: field(count),
    coverDays: field(count),
    lateGraceDays: field(count),
    cause: field(text),
  },
  { requiredKeys: ["mode", "reorderPoint", "orderUpTo"] },
);
const rule = fc.record(
  { buffer: field(count), max: field(count), closed: field(flag), priority: field(count) },
  { requiredKeys: [] },
);

const common = {
  id: field(id),
  sku: field(name),
  location: field(place),
  at: field(time),
  channel: field(text),
  ref: field(text),
  price: field(fc.integer({ min: -5, max: 5000 })),
  cost: field(count),
  currency: field(fc.constantFrom("EUR", "eur", "EURO")),
  backfill: field(flag),
  lot: field(text),
  serials: field(fc.array(field(text), { maxLength: 2 })),
  expires: field(time),
};
const own = {
  qty: field(qty),
  hold: field(id),
  bucket: field(bucket),
  order: field(id),
  line: field(id),
  delta: field(fc.integer({ min: -9, max: 9 })),
  reason: field(text),
  from: field(fc.oneof(bucket, place)),
  to: field(fc.oneof(bucket, place)),
  counted: field(count),
  transfer: field(id),
  eta: field(fc.oneof(time, fc.constant(null))),
  final: field(flag),
  of: field(id),
  ttlMs: field(ttl),
  backorder: field(flag),
  shopper: field(text),
  locations: field(fc.array(field(place), { maxLength: 2 })),
  lines: field(lines),
  home: field(name),
  elsewhere: field(
    fc.array(fc.record({ sku: field(name), location: field(name) }), { maxLength: 2 }),
  ),
  plan: field(plan),
  channels: field(
    fc.dictionary(fc.constantFrom("web", "default", "7"), field(rule), { maxKeys: 2 }),
  ),
  backorderLimit: field(count),
  ifVersion: field(count),
  need: field(id),
  rev: field(count),
  ordered: field(count),
  status: field(fc.constantFrom("placed", "confirmed", "delayed", "received", "lost")),
  quietUntil: field(fc.oneof(time, fc.constant(null))),
  placing: field(fc.record({ by: field(id), at: field(time) }, { requiredKeys: [] })),
  outcome: field(fc.constantFrom("held", "aborted", "fulfilled", "broken")),
};

/** Fields by type: needed ones, and ones that may be there. */
const TYPES: Record<string, [(keyof typeof own)[], (keyof typeof own)[]]> = {
  sale: [["qty"], ["hold"]],
  return: [["qty"], ["bucket"]],
  receipt: [["qty"], ["order", "line", "bucket"]],
  adjust: [["delta", "reason"], ["bucket"]],
  move: [["qty", "from", "to"], []],
  count: [["counted"], ["bucket"]],
  ship: [
    ["qty", "transfer", "to"],
    ["eta", "final"],
  ],
  arrive: [["qty", "transfer", "from"], ["final"]],
  void: [["of", "reason"], ["qty"]],
  hold: [
    ["hold", "qty", "ttlMs"],
    ["backorder", "shopper", "locations"],
  ],
  "hold ": [
    ["hold", "lines", "ttlMs"],
    ["home", "elsewhere", "backorder", "shopper"],
  ],
  extend: [["hold", "ttlMs"], ["placing"]],
  fulfill: [["hold"], ["qty", "final", "placing"]],
  release: [["hold"], ["reason", "placing"]],
  policy: [[], ["plan", "channels", "backorderLimit", "ifVersion"]],
  order: [
    ["order", "line", "rev", "ordered", "status"],
    ["need", "eta", "quietUntil"],
  ],
  seal: [["hold", "outcome"], ["placing"]],
  tick: [[], []],
  steal: [["qty"], []],
};

function ofType(type: string): fc.Arbitrary<Record<string, unknown>> {
  const [needed, allowed] = TYPES[type] as [(keyof typeof own)[], (keyof typeof own)[]];
  const pick = (names: readonly (keyof typeof own)[]) =>
    Object.fromEntries(names.map((one) => [one, own[one]]));
  const record = fc.record(
    { type: fc.constant(type.trim()), ...common, ...pick([...needed, ...allowed]) },
    { requiredKeys: ["type", "sku", "location", ...needed] as never[] },
  ) as fc.Arbitrary<Record<string, unknown>>;
  const lean = fc.record(
    {
      type: fc.constant(type.trim()),
      id: field(id),
      sku: field(name),
      location: field(place),
      ...pick(needed),
    },
    { requiredKeys: ["type", "sku", "location", ...needed] as never[] },
  ) as fc.Arbitrary<Record<string, unknown>>;
  return fc.oneof(record, lean);
}

/** A command, its fields in any order; seldom with a field too few or too many. */
export const rawCommand: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(
    fc.constantFrom(...Object.keys(TYPES)).chain(ofType),
    fc.infiniteStream(fc.nat()),
    fc.oneof(
      { arbitrary: fc.constant(""), weight: 15 },
      { arbitrary: fc.constantFrom("drop", "add"), weight: 1 },
    ),
    fc.constantFrom(...Object.keys(own), "colour"),
  )
  .map(([command, order, change, other]) => {
    const entries = Object.entries(command)
      .map((entry) => [order.next().value as number, entry] as const)
      .sort(([a], [b]) => a - b)
      .map(([, entry]) => entry);
    if (change === "drop") entries.pop();
    if (change === "add") entries.push([other, 1]);
    return Object.fromEntries(entries);
  });
