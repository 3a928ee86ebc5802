// Decoder of the oracle: what an entry of the log says, read by the zod schemas of the edges and the words of
// the specification. Slow and simple on purpose; shares nothing with the machine's decoder.
import type { LogEntry } from "../../actors/runtime/machine.ts";
import {
  BriefFormSchema,
  FactSchemas,
  RequestSchemas,
  ShortFormSchema,
} from "../../shared/messages.ts";
import { partition } from "../../streams/partition.ts";
import { fromToken, parseLogSubject, toToken } from "../../streams/subjects.ts";

/** A command as the oracle reads it; `body` holds everything, sku and location included. */
export type OracleCommand = {
  index: number;
  sku: string;
  location: string;
  id: string | undefined;
  type: string;
  body: Record<string, unknown>;
};
export type OracleItem = OracleCommand | { index: number; malformed: string };

export type OracleShard = { epoch: number; shard: number; shards: number };

const SCHEMAS: Record<
  string,
  { safeParse(value: unknown): { success: boolean; error?: unknown } }
> = {
  ...FactSchemas,
  ...RequestSchemas,
};
const BUNDLE_ONLY = new Set(["policy", "order", "seal", "tick"]);
const BUNDLE_MAX = 256;

/** The commands of an entry, or what is wrong with it. */
export function oracleDecode(entry: LogEntry, where: OracleShard): OracleItem[] {
  const subject = parseLogSubject(entry.subject);
  if (subject === undefined) return [{ index: 0, malformed: "subject" }];
  if (subject.epoch !== where.epoch || subject.shard !== where.shard)
    return [{ index: 0, malformed: "subject of another shard" }];
  let value: unknown;
  try {
    // One byte order mark before the text is dropped by the decoder.
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(entry.payload));
  } catch {
    return [{ index: 0, malformed: "no JSON" }];
  }
  if (subject.kind === "bundle") {
    if (!Array.isArray(value) || value.length === 0 || value.length > BUNDLE_MAX)
      return [{ index: 0, malformed: "no bundle" }];
    return value.map((item, index) => readCommand(item, index, where));
  }
  const sku = fromToken(subject.skuToken);
  const location = fromToken(subject.locationToken);
  if (sku === undefined || location === undefined) return [{ index: 0, malformed: "token" }];
  return [readSingle(value, sku, location, where)];
}

function readSingle(value: unknown, sku: string, location: string, where: OracleShard): OracleItem {
  const malformed = (why: string): OracleItem => ({ index: 0, malformed: why });
  if (!isRecord(value)) return malformed("no object");
  const { type } = value;
  if (typeof type === "string" && (BUNDLE_ONLY.has(type) || "lines" in value))
    return malformed("only in bundles");
  for (const [field, name] of [
    ["sku", sku],
    ["location", location],
    ["warehouseId", location],
  ] as const) {
    if (field === "warehouseId" && "type" in value) continue;
    if (field in value && value[field] !== name) return malformed(`${field} is not the subject's`);
  }
  if (!("type" in value) && "warehouseId" in value) return readCommand({ ...value, sku }, 0, where);
  if (!("type" in value)) {
    const { sku: _sku, location: _location, ...short } = value;
    return shortForm(short, sku, location, where);
  }
  return readCommand({ ...value, sku, location }, 0, where);
}

function shortForm(
  value: Record<string, unknown>,
  sku: string,
  location: string,
  where: OracleShard,
): OracleItem {
  const parsed = ShortFormSchema.safeParse(value);
  if (!parsed.success) return { index: 0, malformed: "short form" };
  const { qty, id } = parsed.data;
  return readCommand(
    { ...signed(qty), sku, location, ...(id === undefined ? {} : { id }) },
    0,
    where,
  );
}

const signed = (n: number) => (n < 0 ? { type: "sale", qty: -n } : { type: "receipt", qty: n });

function readCommand(value: unknown, index: number, where: OracleShard): OracleItem {
  const malformed = (why: string): OracleItem => ({ index, malformed: why });
  if (!isRecord(value)) return malformed("no object");
  if (!("type" in value) && "warehouseId" in value) {
    const brief = BriefFormSchema.safeParse(value);
    if (!brief.success) return malformed("brief form");
    const { sku, warehouseId, qtyChange, timestamp, id } = brief.data;
    const command = {
      ...signed(qtyChange),
      sku,
      location: warehouseId,
      ...(timestamp === undefined ? {} : { at: timestamp }),
      ...(id === undefined ? {} : { id }),
    };
    return readCommand(command, index, where);
  }
  const { type } = value;
  if (typeof type !== "string" || !Object.hasOwn(SCHEMAS, type) || type === "holdLines")
    return malformed("type");
  const schema = SCHEMAS[type === "hold" && "lines" in value ? "holdLines" : type];
  if (schema === undefined || !schema.safeParse(value).success) return malformed(`no ${type}`);
  const body = value as OracleCommand["body"] & { sku: string; location: string; id?: string };
  if (!skusOf(body).every((sku) => partition(toToken(sku), where.shards) === where.shard))
    return malformed("sku of another shard");
  return { index, sku: body.sku, location: body.location, id: body.id, type, body };
}

function skusOf(body: Record<string, unknown>): string[] {
  const lines = (body.lines ?? []) as { sku: string }[];
  return [body.sku as string, ...lines.map((line) => line.sku)];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
