// Pure.
// One command, from parsed JSON to `Command`, by hand because it is hot. Accepts exactly what the schemas of
// shared/messages.ts accept, with the same values (a property test holds the two equal), and makes the content
// digest: a sum of hashes of the fields, so that their order does not matter; what is spelt but means nothing
// (`backfill: false`, the bucket `sellable`, a null eta) does not count. S21

import { SELLABLE } from "../../shared/fields.ts";
import { hashIdentity, identityHash, mix, textHash } from "../../shared/identity_hash.ts";
import { ANY_LOCATION, commandIdFault, idFault } from "../../shared/ids.ts";
import { HOLD_TTL_MS_MAX } from "../../shared/messages.ts";
import { isQuantity } from "../../shared/quantities.ts";
import {
  ARRIVE,
  type Command,
  EXTEND,
  FIRM,
  FULFILL,
  HOLD,
  LINES,
  MOVE,
  ORDER,
  type RawFields,
  RELEASE,
  SEAL,
  TYPES,
} from "./command.ts";
import { ALLOWED, BITS, REQUIRED } from "./command_fields.ts";
import {
  channelsFault,
  elsewhereFault,
  linesFault,
  placingFault,
  planFault,
} from "./decode_parts.ts";
import { FIELD } from "./digest_seeds.ts";
import { fieldNumberHash, fieldTextHash } from "./hash.ts";
import { quickNameFault } from "./names.ts";
import { quickTime } from "./quick_time.ts";

const TYPE_NUMBERS = new Map<unknown, number>(
  TYPES.filter((name) => name !== "lines").map((name) => [name, TYPES.indexOf(name)]),
);

/** Types that may be told of the location `-`. */
const ANYWHERE = new Set([HOLD, LINES, EXTEND, FULFILL, RELEASE, SEAL, TYPES.indexOf("tick")]);

const bit = (name: string) => BITS.get(name) as number;
const B_QTY = bit("qty");
const B_HOLD = bit("hold");
const B_TTL = bit("ttlMs");
const B_BUCKET = bit("bucket");

const STATUSES = ["placed", "confirmed", "delayed", "shipped", "received", "closed", "cancelled"];
const BUCKET_NAME = /^[a-z][A-Za-z0-9]{0,39}$/;
const CURRENCY = /^[A-Z]{3}$/;

/** Why a value is refused, thrown and caught within this file's two functions. */
class Fault extends Error {}

/**
 * Fills `c` from `raw`. `sku` and `location` of the subject stand in `c` when there is one (`named`).
 * Returns why it is malformed, naming the field, or undefined.
 */
export function decodeCommand(raw: object, c: Command, named: boolean): string | undefined {
  try {
    fill(raw as Record<string, unknown>, c, named);
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

function fill(raw: Record<string, unknown>, c: Command, named: boolean): void {
  let type = TYPE_NUMBERS.get(raw.type);
  if (type === undefined) refuse("type", "a type of command", raw.type);
  if (type === HOLD && raw.lines !== undefined) type = LINES;
  c.type = type as number;
  c.raw = raw as RawFields;
  let digest = fieldNumberHash(FIELD.type, c.type);
  let seen = 0;
  let hasSku = named;
  let hasLocation = named;
  for (const name in raw) {
    const value = raw[name];
    switch (name) {
      case "type":
        break;
      case "qty":
        seen |= B_QTY;
        c.qty = quantity(name, value, type === ARRIVE ? 0 : 1);
        digest = (digest + fieldNumberHash(FIELD.qty, c.qty)) | 0;
        break;
      case "id":
        c.id = commandId(name, value);
        break;
      case "sku":
        if (named ? value !== c.sku : quickNameFault(value) !== undefined)
          key(name, value, c.sku, named);
        hasSku = true;
        c.sku = value as string;
        break;
      case "location":
        if (named ? value !== c.location : quickNameFault(value) !== undefined) {
          key(name, value, c.location, named);
        }
        hasLocation = true;
        c.location = value as string;
        break;
      case "at":
        c.givenAtMs = time(name, value);
        digest = (digest + fieldNumberHash(FIELD.at, c.givenAtMs)) | 0;
        break;
      case "hold":
        seen |= B_HOLD;
        c.hold = id(name, value);
        digest = (digest + fieldTextHash(FIELD.hold, c.hold)) | 0;
        c.holdHash = textHash.a;
        break;
      case "ttlMs":
        seen |= B_TTL;
        c.ttlMs = ttl(name, value);
        digest = (digest + fieldNumberHash(FIELD.ttlMs, c.ttlMs)) | 0;
        break;
      case "channel":
        c.channel = text(name, value);
        digest = (digest + fieldTextHash(FIELD.channel, c.channel)) | 0;
        break;
      case "ref":
        c.ref = text(name, value);
        digest = (digest + fieldTextHash(FIELD.ref, c.ref)) | 0;
        break;
      case "price":
        c.price = whole(name, value);
        digest = (digest + fieldNumberHash(FIELD.price, c.price)) | 0;
        break;
      case "cost":
        c.cost = whole(name, value);
        digest = (digest + fieldNumberHash(FIELD.cost, c.cost)) | 0;
        break;
      case "currency":
        if (typeof value !== "string" || !CURRENCY.test(value)) {
          refuse(name, "a currency code of three capitals", value);
        }
        c.currency = value as string;
        digest = (digest + fieldTextHash(FIELD.currency, c.currency)) | 0;
        break;
      case "backfill":
        c.backfill = flag(name, value);
        if (c.backfill) digest = (digest + FIELD.backfill) | 0;
        break;
      case "bucket":
        seen |= B_BUCKET;
        c.bucket = bucket(name, value);
        if (c.bucket === SELLABLE) c.bucket = null;
        else digest = (digest + fieldTextHash(FIELD.bucket, c.bucket)) | 0;
        break;
      default:
        c.hasMore = true;
        seen |= rareBit(name);
        digest = (digest + rare(name, value, c)) | 0;
    }
  }
  if ((seen & ~(ALLOWED[c.type] as number)) !== 0) refuseExtra(raw, c.type);
  const missing = (REQUIRED[c.type] as number) & ~seen;
  if (missing !== 0) refuseMissing(missing);
  if (!hasSku) refuse("sku", "a SKU", undefined);
  if (!hasLocation) refuse("location", "a location", undefined);
  if (c.location === ANY_LOCATION && !ANYWHERE.has(c.type)) {
    refuse("location", "a location", ANY_LOCATION);
  }
  c.digest = mix(digest);
  if (c.id === null) return;
  hashIdentity(c.location, c.sku, c.id);
  c.high = identityHash.high;
  c.low = identityHash.low;
}

/** Fields of all types that are rarely there; they have no bit. */
const COMMON_RARE = new Set(["lot", "serials", "expires"]);

function rareBit(name: string): number {
  const bits = BITS.get(name);
  if (bits !== undefined) return bits;
  if (COMMON_RARE.has(name)) return 0;
  throw new Fault(`${shown(name)}: unknown field`);
}

/** Checks a rare field, keeps what the fold reads often, and returns its share of the digest. */
function rare(name: string, value: unknown, c: Command): number {
  const seed = FIELD[name as keyof typeof FIELD];
  switch (name) {
    case "lot":
      return fieldTextHash(seed, text(name, value));
    case "reason":
      c.reason = text(name, value);
      return fieldTextHash(seed, c.reason);
    case "shopper":
      c.shopper = text(name, value);
      return fieldTextHash(seed, c.shopper);
    case "expires":
      return fieldNumberHash(seed, time(name, value));
    case "eta":
    case "quietUntil":
      if (value === null && c.type === ORDER) return 0;
      return fieldNumberHash(seed, time(name, value));
    case "order":
    case "line":
    case "transfer":
    case "of":
    case "need":
      return fieldTextHash(seed, id(name, value));
    case "delta":
      c.qty = whole(name, value);
      if (c.qty === 0) refuse(name, "a whole number other than 0", value);
      return fieldNumberHash(seed, c.qty);
    case "counted":
    case "ordered":
      c.qty = quantity(name, value, 0);
      return fieldNumberHash(seed, c.qty);
    case "rev":
    case "backorderLimit":
    case "ifVersion":
      return fieldNumberHash(seed, quantity(name, value, 0));
    case "backorder":
    case "final":
      return flag(name, value) ? seed : 0;
    case "from":
    case "to":
      return fieldTextHash(seed, c.type === MOVE ? bucket(name, value) : place(name, value));
    case "status":
      return fieldTextHash(seed, oneOf(name, value, STATUSES));
    case "outcome":
      return fieldTextHash(seed, oneOf(name, value, ["held", "aborted", "fulfilled"]));
    case "home":
      return fieldTextHash(seed, place(name, value, true));
    default:
      return fieldTextHash(seed, parts(name, value));
  }
}

/** Fields with parts of their own; returns them spelt canonically. */
function parts(name: string, value: unknown): string {
  let fault: string | undefined;
  if (name === "serials") list(name, value, 0, 1000, (item, at) => text(at, item));
  else if (name === "locations") list(name, value, 1, 100, (item, at) => place(at, item));
  else if (name === "lines") fault = linesFault(value);
  else if (name === "elsewhere") fault = elsewhereFault(value);
  else if (name === "placing") fault = placingFault(value);
  else if (name === "plan") fault = planFault(value);
  else if (name === "channels") fault = channelsFault(value);
  else throw new Fault(`${shown(name)}: unknown field`);
  if (fault !== undefined) throw new Fault(fault);
  return canonical(value);
}

/** JSON with the names of every object in code unit order. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = value as Record<string, unknown>;
  const names = Object.keys(fields).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(fields[name])}`).join(",")}}`;
}

// ---------------------------------------------------------------- values

function refuse(name: string, wanted: string, value: unknown): never {
  throw new Fault(`${name}: expected ${wanted}, found ${shown(value)}`);
}

/** A value as a message shows it: JSON, cut to 60 characters, of lists and objects what is near their surface. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const isLong = typeof value === "string" && value.length > 60;
  const text = JSON.stringify(isLong ? value.slice(0, 60) : shallow(value, SHOWN_DEPTH));
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

const SHOWN_DEPTH = 3;
const SHOWN_ITEMS = 30;

/**
 * A value of JSON without what lies deeper than `depth`: how deep JSON.stringify can go before the stack ends differs
 * from process to process, and nothing of a decision may depend on it.
 */
export function shallow(value: unknown, depth: number, items = SHOWN_ITEMS): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "(deeper)";
  if (Array.isArray(value))
    return value.slice(0, items).map((one) => shallow(one, depth - 1, items));
  const entries = Object.entries(value).slice(0, items);
  return Object.fromEntries(entries.map(([name, one]) => [name, shallow(one, depth - 1, items)]));
}

function key(name: string, value: unknown, expected: string, named: boolean): never {
  if (named)
    throw new Fault(`${name}: ${shown(value)} contradicts the subject, ${shown(expected)}`);
  throw new Fault(`${name}: ${quickNameFault(value)}`);
}

function refuseExtra(raw: Record<string, unknown>, type: number): never {
  const allowed = ALLOWED[type] as number;
  const name = Object.keys(raw).find((field) => ((BITS.get(field) ?? 0) & ~allowed) !== 0);
  throw new Fault(`${name}: unknown field of ${TYPES[type]}`);
}

function refuseMissing(missing: number): never {
  const name = [...BITS.keys()].find((field) => ((BITS.get(field) as number) & missing) !== 0);
  throw new Fault(`${name}: expected, found nothing`);
}

function whole(name: string, value: unknown): number {
  if (!isQuantity(value)) refuse(name, "a whole number of at most 2^50", value);
  return value as number;
}

function quantity(name: string, value: unknown, least: 0 | 1): number {
  if (!isQuantity(value) || (value as number) < least) {
    refuse(name, `a whole number of at least ${least}, at most 2^50`, value);
  }
  return value as number;
}

function ttl(name: string, value: unknown): number {
  if (value === null) return FIRM;
  const ms = quantity(name, value, 1);
  if (ms > HOLD_TTL_MS_MAX) refuse(name, "at most 31 days", value);
  return ms;
}

function id(name: string, value: unknown): string {
  const fault = idFault(value);
  if (fault !== undefined) throw new Fault(`${name}: ${fault}`);
  return value as string;
}

function commandId(name: string, value: unknown): string {
  const fault = commandIdFault(value);
  if (fault !== undefined) throw new Fault(`${name}: ${fault}`);
  return value as string;
}

function text(name: string, value: unknown): string {
  if (typeof value !== "string" || value.length > 200)
    refuse(name, "at most 200 characters", value);
  const found = value as string;
  if (!found.isWellFormed() || found.includes("\u0000")) refuse(name, "well-formed text", value);
  return found;
}

function time(name: string, value: unknown): number {
  const ms = typeof value === "string" ? quickTime(value) : undefined;
  if (ms === undefined) refuse(name, "RFC 3339 with an offset", value);
  return ms as number;
}

function flag(name: string, value: unknown): boolean {
  if (typeof value !== "boolean") refuse(name, "true or false", value);
  return value as boolean;
}

function bucket(name: string, value: unknown): string {
  if (typeof value !== "string" || !BUCKET_NAME.test(value)) refuse(name, "a bucket name", value);
  return value as string;
}

function place(name: string, value: unknown, sku = false): string {
  const fault = quickNameFault(value);
  if (fault !== undefined) throw new Fault(`${name}: ${fault}`);
  if (!sku && value === ANY_LOCATION) refuse(name, "a location", value);
  return value as string;
}

function oneOf(name: string, value: unknown, names: readonly string[]): string {
  if (!names.includes(value as string)) refuse(name, `one of ${names.join(", ")}`, value);
  return value as string;
}

function list(
  name: string,
  value: unknown,
  least: number,
  most: number,
  check: (item: unknown, name: string) => void,
): void {
  if (!Array.isArray(value)) refuse(name, "a list", value);
  const items = value as unknown[];
  if (items.length < least || items.length > most) {
    refuse(name, `${least} to ${most} items`, items.length);
  }
  items.forEach((item, i) => {
    check(item, `${name}[${i}]`);
  });
}
