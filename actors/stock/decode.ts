// Pure.
// An entry of the log into commands. Never throws on bad input: what is malformed becomes an item with its
// reason, and the rest of a bundle goes on. S19 S21
//
//   single subject   {"type": …} without or with the subject's sku and location; the till's {"qty": -2};
//                    the brief's {"sku", "qtyChange", "warehouseId", "timestamp"}
//   bundle           a JSON list of 1 to 256 whole commands

import { idFault } from "../../shared/ids.ts";
import { parseLogSubject } from "../../streams/subjects.ts";
import type { DecodedEntry, LogEntry } from "../runtime/machine.ts";
import { Command, LINES, ORDER, POLICY, SEAL, TICK, typeName } from "./command.ts";
import { decodeCommand, shown } from "./decode_command.ts";
import { FastDecoder } from "./decode_fast.ts";
import { BUNDLE_COMMANDS_MAX, ENTRY_BYTES_MAX } from "./limits.ts";
import { type Name, NameCache } from "./name_cache.ts";
import { nameOf, shardOf } from "./names.ts";
import { Scanner } from "./scanner.ts";

/** A command that is none. `raw` is its JSON when it came in a bundle, else the entry's payload is meant. */
export class Malformed {
  readonly detail: string;
  readonly alert: "wrong_shard" | null;
  sku = "";
  location = "";
  id: string | null = null;
  raw: unknown = undefined;
  constructor(detail: string, alert: "wrong_shard" | null = null) {
    this.detail = detail;
    this.alert = alert;
  }
}

export type Decoded = DecodedEntry & { items: (Command | Malformed)[]; bundle: boolean };
/** The command at `index` of an entry as it was written, for a dead letter. */
export function rawAt(decoded: { entry: LogEntry; bundle: boolean }, index: number): unknown {
  if (!decoded.bundle) return undefined;
  const body = parseBody(decoded.entry.payload);
  return Array.isArray(body) ? (body as unknown[])[index] : undefined;
}

/** Which log the entries are of. */
export type LogName = { epoch: number; shard: number; shards: number };

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Decodes the entries of one log. What it remembers are caches: each entry decodes to the same at any time. */
export class EntryDecoder {
  private readonly log: LogName;
  private readonly prefix: string;
  private readonly scanner = new Scanner();
  private readonly names = new NameCache();
  private readonly fast: FastDecoder;

  constructor(log: LogName) {
    this.log = log;
    this.prefix = `inv.log.${log.epoch}.${log.shard}.`;
    this.fast = new FastDecoder(this.scanner, this.names, log.shard, log.shards);
  }

  /** Takes back commands nobody will look at again. */
  release(items: readonly (Command | Malformed)[]): void {
    this.fast.release(items);
  }

  decode(entry: LogEntry): Decoded {
    const { subject } = entry;
    if (subject.endsWith(".bundle") && parseLogSubject(subject)?.kind === "bundle") {
      return { entry, bundle: true, items: this.bundle(entry) };
    }
    return { entry, bundle: false, items: [this.single(entry)] };
  }

  private bundle(entry: LogEntry): (Command | Malformed)[] {
    const text = textOf(entry.payload);
    if (text.length === entry.payload.byteLength) {
      const commands = this.fast.bundle(entry.payload, text, BUNDLE_COMMANDS_MAX);
      if (commands !== null) return commands;
    }
    return decodeBundle(entry, this.log);
  }

  private single(entry: LogEntry): Command | Malformed {
    const { subject, payload } = entry;
    if (subject.startsWith(this.prefix)) {
      const dot = subject.indexOf(".", this.prefix.length);
      const location = this.plainName(subject, this.prefix.length, dot);
      const sku = this.plainName(subject, dot + 1, subject.length);
      if (location !== null && sku !== null) {
        const text = textOf(payload);
        const isAscii = text.length === payload.byteLength;
        const command = isAscii ? this.fast.single(payload, text, sku, location) : null;
        if (command !== null) return command;
      }
    }
    return decodeSingle(entry, this.log);
  }

  /** The name of a plain token, or null when it is not one. */
  private plainName(text: string, start: number, end: number): Name | null {
    if (!this.scanner.plainName(text, start, end)) return null;
    return this.names.get(this.scanner, text, start);
  }
}

/** The payload as text; empty when it is no UTF-8 or too long, which the slow way tells. */
function textOf(payload: Uint8Array): string {
  if (payload.byteLength > ENTRY_BYTES_MAX) return "";
  try {
    return utf8.decode(payload);
  } catch {
    return "";
  }
}

// ---------------------------------------------------------------- one command on its own subject

function decodeSingle(entry: LogEntry, log: LogName): Command | Malformed {
  const subject = parseLogSubject(entry.subject);
  if (subject === undefined || subject.kind !== "single") {
    return new Malformed(`subject: expected inv.log.<epoch>.<shard>.<location>.<sku>`);
  }
  const location = nameOf(subject.locationToken);
  const sku = nameOf(subject.skuToken);
  if (sku === undefined || location === undefined) {
    const token = sku === undefined ? subject.skuToken : subject.locationToken;
    return new Malformed(`subject: ${shown(token)} is no canonical token of a name`, "wrong_shard");
  }
  const item = decodeBody(entry, log, sku, location);
  if (item instanceof Malformed) {
    item.sku = sku;
    item.location = location;
  }
  return item;
}

function decodeBody(
  entry: LogEntry,
  log: LogName,
  sku: string,
  location: string,
): Command | Malformed {
  const shard = shardOf(sku, log.shards);
  if (shard !== log.shard) {
    return new Malformed(
      `sku: ${shown(sku)} is of shard ${shard}, not ${log.shard}`,
      "wrong_shard",
    );
  }
  const body = parseBody(entry.payload);
  if (body instanceof Malformed) return body;
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return new Malformed(`payload: expected an object, found ${shown(body)}`);
  }
  const c = new Command();
  c.sku = sku;
  c.location = location;
  const fields = body as Record<string, unknown>;
  const fault = fields.type !== undefined ? decodeCommand(fields, c, true) : decodeShort(fields, c);
  if (fault !== undefined) return named(new Malformed(fault), fields);
  if (c.type === POLICY || c.type === ORDER || c.type === SEAL || c.type === TICK) {
    return named(new Malformed(`type: ${typeName(c.type)} is valid only in bundles`), fields);
  }
  if (c.type === LINES) return named(new Malformed("lines: valid only in bundles"), fields);
  return c;
}

/** The till's and the brief's forms, told in full: negative is a sale, positive a receipt. */
function decodeShort(fields: Record<string, unknown>, c: Command): string | undefined {
  const brief = fields.qtyChange !== undefined;
  const known = brief ? BRIEF_FIELDS : SHORT_FIELDS;
  for (const name in fields)
    if (!known.includes(name)) return `${name.slice(0, 60)}: unknown field`;
  const name = brief ? "qtyChange" : "qty";
  const qty = fields[name];
  if (qty === undefined) return "type: expected, found nothing";
  if (typeof qty !== "number" || qty === 0) {
    return `${name}: expected a whole number other than 0, found ${shown(qty)}`;
  }
  const full: Record<string, unknown> = { type: qty < 0 ? "sale" : "receipt", qty: Math.abs(qty) };
  if (fields.id !== undefined) full.id = fields.id;
  if (brief) {
    if (fields.sku !== c.sku) return contradiction("sku", fields.sku, c.sku);
    if (fields.warehouseId !== c.location) {
      return contradiction("warehouseId", fields.warehouseId, c.location);
    }
    if (fields.timestamp !== undefined) full.at = fields.timestamp;
  }
  const fault = decodeCommand(full, c, true);
  if (fault === undefined) return undefined;
  return fault.replace(/^qty:/, `${name}:`).replace(/^at:/, "timestamp:");
}

const SHORT_FIELDS = ["id", "qty"];
const BRIEF_FIELDS = ["id", "sku", "qtyChange", "warehouseId", "timestamp"];

function contradiction(name: string, found: unknown, expected: string): string {
  return `${name}: ${shown(found)} contradicts the subject, ${shown(expected)}`;
}

// ---------------------------------------------------------------- bundles

function decodeBundle(entry: LogEntry, log: LogName): (Command | Malformed)[] {
  const body = parseBody(entry.payload);
  if (body instanceof Malformed) return [body];
  if (!Array.isArray(body)) {
    return [new Malformed(`payload: expected a list of commands, found ${shown(body)}`)];
  }
  if (body.length === 0 || body.length > BUNDLE_COMMANDS_MAX) {
    return [new Malformed(`payload: expected 1 to 256 commands, found ${body.length}`)];
  }
  const items = new Array<Command | Malformed>(body.length);
  for (let i = 0; i < body.length; i++) items[i] = decodeItem(body[i], log);
  return items;
}

function decodeItem(raw: unknown, log: LogName): Command | Malformed {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return withRaw(new Malformed(`command: expected an object, found ${shown(raw)}`), raw);
  }
  const c = new Command();
  const fault = decodeCommand(raw, c, false);
  if (fault !== undefined) return named(withRaw(new Malformed(fault), raw), raw);
  const foreign = c.type === LINES ? foreignLine(c, log) : foreignSku(c.sku, log);
  if (foreign !== undefined) return named(withRaw(new Malformed(foreign, "wrong_shard"), raw), raw);
  return c;
}

function foreignSku(sku: string, log: LogName): string | undefined {
  const shard = shardOf(sku, log.shards);
  return shard === log.shard
    ? undefined
    : `sku: ${shown(sku)} is of shard ${shard}, not ${log.shard}`;
}

function foreignLine(c: Command, log: LogName): string | undefined {
  for (const line of c.raw.lines ?? []) {
    const fault = foreignSku(line.sku, log);
    if (fault !== undefined) return `lines.${fault}`;
  }
  return foreignSku(c.sku, log);
}

function withRaw(item: Malformed, raw: unknown): Malformed {
  item.raw = raw;
  return item;
}

/** Keeps of a malformed command what its answer and its dead letter name. */
function named(item: Malformed, raw: object): Malformed {
  const fields = raw as Record<string, unknown>;
  if (idFault(fields.id) === undefined) item.id = fields.id as string;
  if (item.sku === "" && typeof fields.sku === "string") item.sku = safeName(fields.sku);
  if (item.location === "" && typeof fields.location === "string") {
    item.location = safeName(fields.location);
  }
  return item;
}

function safeName(name: string): string {
  return name.isWellFormed() && !name.includes("\u0000") ? name.slice(0, 200) : "";
}

// ---------------------------------------------------------------- bytes

function parseBody(payload: Uint8Array): unknown {
  if (payload.byteLength === 0) return new Malformed("payload: expected JSON, found nothing");
  if (payload.byteLength > ENTRY_BYTES_MAX) {
    return new Malformed(
      `payload: expected at most ${ENTRY_BYTES_MAX} bytes, found ${payload.byteLength}`,
    );
  }
  let text: string;
  try {
    text = utf8.decode(payload);
  } catch {
    return new Malformed("payload: expected UTF-8");
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return new Malformed(`payload: expected JSON, found ${shown(text)}`);
  }
}
