// Pure.
// The fast way from bytes to commands: the common types with the common fields, as our publishers and tills write
// them (scanner.ts). It makes what decode_command.ts makes; on anything else it gives up, and the whole is decoded
// the other way. One pass finds and hashes the texts.

import { combineIdentity, identityHash, mix } from "../../shared/identity_hash.ts";
import { ID_LENGTH_MAX } from "../../shared/ids.ts";
import { HOLD_TTL_MS_MAX } from "../../shared/messages.ts";
import { Command, EXTEND, FIRM, FULFILL, HOLD, RECEIPT, RELEASE, RETURN, SALE } from "./command.ts";
import { FIELD } from "./digest_seeds.ts";
import { fieldHash, fieldNumberHash } from "./hash.ts";
import type { Name, NameCache } from "./name_cache.ts";
import { quickTime } from "./quick_time.ts";
import type { Scanner } from "./scanner.ts";
import { Words } from "./words.ts";

const COMMA = 44;
const OPEN = 123;
const CLOSE = 125;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const QUOTE = 34;
const AT_SIGN = 64;
const TEXT_LENGTH_MAX = 200;
/** Commands kept for later: those of one entry. */
const FREE_MAX = 256;

const FIELD_NAMES = [
  "type",
  "id",
  "sku",
  "location",
  "qty",
  "hold",
  "ttlMs",
  "at",
  "channel",
  "ref",
  "price",
  "cost",
  "currency",
  "backfill",
];
/** Their numbers. */
const [TYPE, ID, SKU, LOCATION, QTY, HOLD_ID, TTL] = [0, 1, 2, 3, 4, 5, 6] as const;
const [AT, CHANNEL, REF, PRICE, COST, CURRENCY, BACKFILL] = [7, 8, 9, 10, 11, 12, 13] as const;
const FIELDS = new Words(FIELD_NAMES, '":');

const TYPE_NAMES = ["sale", "return", "receipt", "hold", "extend", "fulfill", "release"];
const TYPE_NUMBERS = [SALE, RETURN, RECEIPT, HOLD, EXTEND, FULFILL, RELEASE];
const TYPES = new Words(TYPE_NAMES, '"');

const bits = (...fields: number[]) => fields.reduce((sum, field) => sum | (1 << field), 0);
const NEEDED = bits(TYPE, SKU, LOCATION);
const ANY = bits(TYPE, ID, SKU, LOCATION, AT, CHANNEL, REF, PRICE, COST, CURRENCY, BACKFILL);

/** What a type must have, and what it may. */
const NEEDS = new Int32Array(32);
const MAY = new Int32Array(32);
function type(number: number, needs: number, may: number): void {
  NEEDS[number] = needs | NEEDED;
  MAY[number] = needs | may | ANY;
}
type(SALE, bits(QTY), bits(HOLD_ID));
type(RETURN, bits(QTY), 0);
type(RECEIPT, bits(QTY), 0);
type(HOLD, bits(QTY, HOLD_ID, TTL), 0);
type(EXTEND, bits(HOLD_ID, TTL), 0);
type(FULFILL, bits(HOLD_ID), bits(QTY));
type(RELEASE, bits(HOLD_ID), 0);

export class FastDecoder {
  private readonly scanner: Scanner;
  private readonly names: NameCache;
  private readonly shard: number;
  private readonly shards: number;
  private text = "";
  /** Commands to be used again. */
  private readonly free: Command[] = [];
  // Of the object being read: its names, the hash of its id, its digest so far; whether it is as expected.
  private sku: Name | null = null;
  private location: Name | null = null;
  private idA = 0;
  private idB = 0;
  private digest = 0;

  constructor(scanner: Scanner, names: NameCache, shard: number, shards: number) {
    this.scanner = scanner;
    this.names = names;
    this.shard = shard;
    this.shards = shards;
  }

  /** Takes back commands nobody will look at again. */
  release(items: readonly unknown[]): void {
    for (let i = items.length - 1; i >= 0; i--) {
      const item = items[i];
      // Those decoded the other way keep their JSON: not worth keeping.
      if (!(item instanceof Command) || item.name === null || this.free.length >= FREE_MAX)
        continue;
      item.reset();
      this.free.push(item);
    }
  }

  /** The commands of a bundle, or null to decode it the other way. `text` is the payload decoded, ASCII only. */
  bundle(payload: Uint8Array, text: string, countMax: number): Command[] | null {
    const { scanner } = this;
    const { bytes } = scanner;
    scanner.load(payload);
    this.text = text;
    if (bytes[scanner.at++] !== OPEN_LIST) return null;
    const commands: Command[] = [];
    for (;;) {
      const command = this.command(null, null);
      if (command === null || commands.push(command) > countMax) return null;
      const next = bytes[scanner.at++];
      if (next === COMMA) continue;
      return next === CLOSE_LIST && scanner.at === scanner.length ? commands : null;
    }
  }

  /** The command of a single subject, or null to decode it the other way. */
  single(payload: Uint8Array, text: string, sku: Name, location: Name): Command | null {
    const { scanner } = this;
    scanner.load(payload);
    this.text = text;
    const command = this.command(sku, location);
    return command !== null && scanner.at === scanner.length ? command : null;
  }

  /** One object. `sku` and `location` are those of the subject, if it names them. */
  private command(sku: Name | null, location: Name | null): Command | null {
    const { scanner } = this;
    const { bytes } = scanner;
    if (bytes[scanner.at++] !== OPEN) return null;
    const c = this.free.pop() ?? new Command();
    this.sku = sku;
    this.location = location;
    this.digest = 0;
    let given = 0;
    for (;;) {
      const field = this.field();
      if (field < 0 || (given & (1 << field)) !== 0 || !this.value(field, c)) return null;
      given |= 1 << field;
      const next = bytes[scanner.at++];
      if (next === COMMA) continue;
      if (next !== CLOSE) return null;
      break;
    }
    // What contradicts the subject is told the other way.
    if (sku !== null && (this.sku !== sku || this.location !== location)) return null;
    return this.finish(c, given) ? c : null;
  }

  /** Number of the field whose name and colon come next, or -1. */
  private field(): number {
    const { scanner } = this;
    const { at } = scanner;
    if (scanner.bytes[at] !== QUOTE) return -1;
    const field = FIELDS.find(scanner.view, at + 1);
    if (field >= 0) scanner.at = at + 1 + (FIELDS.lengths[field] as number);
    return field;
  }

  /** Checks what all fields together must be, and fills in what follows from them. */
  private finish(c: Command, given: number): boolean {
    const { sku, location } = this;
    if (sku === null || location === null || (given & (1 << TYPE)) === 0) return false;
    const seen = given | (1 << SKU) | (1 << LOCATION);
    const needs = NEEDS[c.type] as number;
    if ((seen & needs) !== needs || (seen & ~(MAY[c.type] as number)) !== 0) return false;
    if ((given & (1 << QTY)) !== 0 && c.qty < 1) return false;
    if (location.text === "-" && c.type <= RECEIPT) return false;
    if (sku.shardAmong(this.shards) !== this.shard) return false;
    c.sku = sku.text;
    c.name = sku;
    c.location = location.text;
    c.digest = mix((this.digest + fieldNumberHash(FIELD.type, c.type)) | 0);
    if (c.id === null) return true;
    combineIdentity(location.a, location.b, sku.a, sku.b, this.idA, this.idB);
    c.high = identityHash.high;
    c.low = identityHash.low;
    return true;
  }

  // ---------------------------------------------------------------- values

  /** Reads the value of a field into `c`; false when it is not what is read here. */
  private value(field: number, c: Command): boolean {
    switch (field) {
      case TYPE:
        return this.type(c);
      case QTY:
        c.qty = this.scanner.number();
        return this.counted(FIELD.qty, c.qty);
      case PRICE:
        c.price = this.scanner.number();
        return this.counted(FIELD.price, c.price);
      case COST:
        c.cost = this.scanner.number();
        return this.counted(FIELD.cost, c.cost);
      case TTL:
        return this.ttl(c);
      case BACKFILL:
        return this.backfill(c);
      default:
        return this.scanner.text() && this.textValue(field, c);
    }
  }

  private counted(seed: number, n: number): boolean {
    if (n < 0) return false;
    this.digest = (this.digest + fieldNumberHash(seed, n)) | 0;
    return true;
  }

  private textValue(field: number, c: Command): boolean {
    const { scanner } = this;
    const length = scanner.end - scanner.start;
    // Before anything of it is kept: names are, and none may hold a whole entry.
    if (length > TEXT_LENGTH_MAX) return false;
    switch (field) {
      case ID:
        c.id = this.slice();
        this.idA = scanner.a;
        this.idB = scanner.b;
        // The slow way knows which of these the log gives itself.
        return length <= ID_LENGTH_MAX && scanner.bytes[scanner.start] !== AT_SIGN;
      case SKU:
        this.sku = this.name();
        return true;
      case LOCATION:
        this.location = this.name();
        return true;
      case HOLD_ID:
        c.hold = this.slice();
        c.holdHash = scanner.a;
        return this.hashed(FIELD.hold) && length <= ID_LENGTH_MAX;
      case CHANNEL:
        // Of few names.
        c.channel = this.name().text;
        return this.hashed(FIELD.channel);
      case REF:
        c.ref = this.slice();
        return this.hashed(FIELD.ref);
      case CURRENCY:
        c.currency = this.slice();
        return this.hashed(FIELD.currency) && length === 3 && this.isCapitals();
      default:
        return this.time(c);
    }
  }

  private slice(): string {
    return this.text.slice(this.scanner.start, this.scanner.end);
  }

  private name(): Name {
    return this.names.get(this.scanner, this.text, this.scanner.start);
  }

  private hashed(seed: number): boolean {
    this.digest = (this.digest + fieldHash(seed, this.scanner.a)) | 0;
    return true;
  }

  private type(c: Command): boolean {
    const { scanner } = this;
    const { at } = scanner;
    if (scanner.bytes[at] !== QUOTE) return false;
    const found = TYPES.find(scanner.view, at + 1);
    if (found < 0) return false;
    c.type = TYPE_NUMBERS[found] as number;
    scanner.at = at + 1 + (TYPES.lengths[found] as number);
    return true;
  }

  private time(c: Command): boolean {
    const ms = quickTime(this.slice());
    if (ms === undefined) return false;
    c.givenAtMs = ms;
    this.digest = (this.digest + fieldNumberHash(FIELD.at, ms)) | 0;
    return true;
  }

  private ttl(c: Command): boolean {
    if (this.word("null")) c.ttlMs = FIRM;
    else {
      c.ttlMs = this.scanner.number();
      if (c.ttlMs < 1 || c.ttlMs > HOLD_TTL_MS_MAX) return false;
    }
    this.digest = (this.digest + fieldNumberHash(FIELD.ttlMs, c.ttlMs)) | 0;
    return true;
  }

  private backfill(c: Command): boolean {
    if (this.word("false")) return true;
    if (!this.word("true")) return false;
    c.backfill = true;
    this.digest = (this.digest + FIELD.backfill) | 0;
    return true;
  }

  private word(word: string): boolean {
    const { scanner } = this;
    if (scanner.bytes[scanner.at] !== word.charCodeAt(0)) return false;
    if (!this.text.startsWith(word, scanner.at)) return false;
    scanner.at += word.length;
    return true;
  }

  private isCapitals(): boolean {
    const { bytes, start, end } = this.scanner;
    for (let i = start; i < end; i++) {
      const c = bytes[i] as number;
      if (c < 65 || c > 90) return false;
    }
    return true;
  }
}
