// A machine small enough to be obviously right, for tests of the shell: sales and receipts, identities, one
// checkpoint table. `{"type":"boom"}` throws, always or (`{"type":"boom","times":1}`) so often. `{"type":"need"}`
// makes an urgent effect, `{"type":"due","ms":…}` asks for a tick. `{"type":"old","id":…}` needs a look-up.
import { createHash } from "node:crypto";
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import {
  type CheckpointTable,
  type DecodedEntry,
  type FoundMap,
  type LevelText,
  type LogEntry,
  lookupKey,
  type Machine,
  type MachineFactory,
  type MachineOptions,
  type Output,
  type TableChange,
  type TableRow,
} from "../../actors/runtime/machine.ts";
import type { Decision, Level } from "../../shared/decisions.ts";
import { formatTime } from "../../shared/time.ts";
import { formatVersion } from "../../shared/version.ts";
import { fromToken, parseLogSubject } from "../../streams/subjects.ts";

type Key = { sku: string; location: string; sellable: number; seq: number; index: number };
type Raw = {
  type?: string;
  id?: string;
  sku?: string;
  location?: string;
  qty?: number;
  ms?: number;
  ref?: string;
  times?: number;
};

const int8 = ["on_hand", "sellable", "unavailable", "reserved", "available", "backordered"];
const more = ["in_transit", "on_order", "inventory_position"];
const TABLE: CheckpointTable = {
  name: "stock_level",
  key: ["sku", "location"],
  columns: [
    { name: "sku", type: "text" },
    { name: "location", type: "text" },
    { name: "epoch", type: "int4" },
    { name: "shard", type: "int2" },
    ...[...int8, ...more].map((name) => ({ name, type: "int8" as const })),
    { name: "firm", type: "int8" },
    { name: "supplied", type: "bool" },
    { name: "movement", type: "int8" },
    { name: "version", type: "text" },
    { name: "updated_at", type: "timestamptz" },
  ],
};

/** Throws so often for an entry, over all machines of the process. */
const boomsLeft = new Map<string, number>();

export const countingMachine: MachineFactory = {
  applyVersion: 1,
  tables: [TABLE],
  create: (options) => new CountingMachine(options),
  restore(options, head) {
    const machine = new CountingMachine(options);
    machine.seq = head.position.seq;
    machine.nowMs = head.position.nowMs;
    machine.seen = new Map((head.snapshot as { seen: [string, number][] }).seen);
    return { add: (_table, row) => machine.load(row), machine: () => machine };
  },
};

class CountingMachine implements Machine {
  readonly applyVersion = 1;
  readonly tables = [TABLE];
  private readonly options: MachineOptions;
  private readonly byName = new Map<string, Key>();
  private readonly dirty = new Set<Key>();
  private dueMs: number | undefined;
  seen = new Map<string, number>();
  seq = 0;
  nowMs = 0;

  constructor(options: MachineOptions) {
    this.options = options;
  }

  load(row: TableRow): void {
    const [, seq, index] = String(row.version).split(".").map(Number);
    this.byName.set(`${row.location}/${row.sku}`, {
      sku: String(row.sku),
      location: String(row.location),
      sellable: Number(row.sellable),
      seq: seq ?? 0,
      index: index ?? 0,
    });
  }

  position() {
    return { seq: this.seq, nowMs: this.nowMs };
  }

  decode(entry: LogEntry): DecodedEntry & { items: Raw[] } {
    let items: Raw[] = [];
    try {
      const parsed = JSON.parse(new TextDecoder().decode(entry.payload)) as Raw | Raw[];
      items = Array.isArray(parsed) ? parsed : [parsed];
    } catch {
      // Malformed: no items.
    }
    const subject = parseLogSubject(entry.subject);
    if (subject?.kind === "single")
      for (const item of items) {
        item.sku = fromToken(subject.skuToken) ?? "";
        item.location = fromToken(subject.locationToken) ?? "";
      }
    return { entry, items };
  }

  lookups(decoded: DecodedEntry) {
    return (decoded as DecodedEntry & { items: Raw[] }).items
      .filter((item) => item.type === "old")
      .map((item) => ({
        sku: item.sku ?? "",
        location: item.location ?? "",
        id: item.id ?? "",
        identityHigh: identityOf(item.id ?? ""),
        identityLow: 7,
      }));
  }

  apply(decoded: DecodedEntry, found: FoundMap, out: Output): void {
    const { entry, items } = decoded as DecodedEntry & { items: Raw[] };
    this.pass(entry);
    items.forEach((item, index) => {
      this.one(entry, item, index, found, out);
    });
  }

  skip(entry: LogEntry, out: Output): void {
    this.pass(entry);
    const { epoch, shard } = this.options;
    out.effects.push({
      kind: "dead",
      subject: "inv.dead.test",
      message: {
        id: `dead.${epoch}.${shard}.${entry.seq}`,
        epoch,
        shard,
        seq: entry.seq,
        index: 0,
        sku: "",
        location: "",
        at: formatTime(this.nowMs),
        source: "test",
        reason: "poison",
        detail: "apply threw",
        subject: entry.subject,
        payloadBytes: entry.payload.length,
      },
      urgent: false,
    });
  }

  private pass(entry: LogEntry): void {
    if (entry.seq !== this.seq + 1) throw new Error(`gap: ${entry.seq} after ${this.seq}`);
    this.seq = entry.seq;
    this.nowMs = Math.max(this.nowMs, entry.appendedAtMs);
    if (this.dueMs !== undefined && this.dueMs <= this.nowMs) this.dueMs = undefined;
  }

  private one(entry: LogEntry, item: Raw, index: number, found: FoundMap, out: Output): void {
    const decision = this.decide(entry, item, index, found, out);
    out.decided += 1;
    if (out.isAsked) out.decisions.push(JSON.stringify(decision));
  }

  private decide(
    entry: LogEntry,
    item: Raw,
    index: number,
    found: FoundMap,
    out: Output,
  ): Decision {
    const { epoch, shard } = this.options;
    const { sku = "", location = "", type = "sale", qty = 1 } = item;
    const id = item.id ?? `${epoch}.${shard}.${entry.seq}.${index}`;
    if (type === "boom") this.boom(entry, item);
    const place = { epoch, shard, seq: entry.seq, index, at: formatTime(this.nowMs) };
    const decision: Decision = { id, outcome: "applied", ...place };
    if (type === "tick") return decision;
    if (type === "due") {
      this.dueMs = item.ms;
      return decision;
    }
    if (type === "old") {
      const known = found.get(lookupKey({ sku, location, id }));
      decision.outcome = known ? "duplicate" : "applied";
      return decision;
    }
    const identity = `${location}/${sku}/${id}`;
    if (this.seen.has(identity)) {
      decision.outcome = "duplicate";
      return decision;
    }
    this.seen.set(identity, entry.seq);
    const key = this.keyOf(sku, location);
    const delta = type === "receipt" ? qty : -qty;
    key.sellable += delta;
    key.seq = entry.seq;
    key.index = index;
    this.dirty.add(key);
    out.touched.add(key);
    out.rows.push(this.row(entry, key, { ...item, type, id, qty }, delta, index));
    decision.level = this.level(key);
    if (type === "need") this.need(entry, key, index, out);
    return decision;
  }

  private boom(entry: LogEntry, item: Raw): void {
    const name = `${this.options.epoch}/${this.options.shard}/${entry.seq}/${item.id ?? ""}`;
    const left = boomsLeft.get(name) ?? item.times ?? Number.POSITIVE_INFINITY;
    if (left <= 0) return;
    boomsLeft.set(name, left - 1);
    throw new Error(`boom at ${entry.seq}`);
  }

  private need(entry: LogEntry, key: Key, index: number, out: Output): void {
    const { epoch, shard } = this.options;
    const id = `need.${key.location}.${key.sku}.${epoch}.${shard}.${entry.seq}.${index}`;
    out.effects.push({
      kind: "need",
      subject: `inv.need.${key.location}.${key.sku}`,
      message: {
        id,
        epoch,
        shard,
        seq: entry.seq,
        index,
        sku: key.sku,
        location: key.location,
        at: formatTime(this.nowMs),
        need: id,
        rev: 1,
        qty: 1,
        mode: "observe",
        cause: "reorderPoint",
        inventoryPosition: 0,
        reorderPoint: 0,
        orderUpTo: 0,
      },
      urgent: true,
    });
  }

  private keyOf(sku: string, location: string): Key {
    const name = `${location}/${sku}`;
    let key = this.byName.get(name);
    if (key === undefined) {
      key = { sku, location, sellable: 0, seq: 0, index: 0 };
      this.byName.set(name, key);
    }
    return key;
  }

  private row(
    entry: LogEntry,
    key: Key,
    item: Raw & { type: string; id: string; qty: number },
    delta: number,
    index: number,
  ): LedgerRow {
    const { epoch, shard } = this.options;
    return {
      epoch,
      shard,
      seq: entry.seq,
      index,
      ordinal: 0,
      sku: key.sku,
      location: key.location,
      id: item.id,
      identityHigh: identityOf(item.id),
      identityLow: 7,
      digest: 1,
      type: item.type,
      cause: "command",
      outcome: "applied",
      reason: null,
      at: this.nowMs,
      appendedAt: this.nowMs,
      qty: item.qty,
      deltaSellable: delta,
      deltaReserved: 0,
      bucket: null,
      deltaBucket: 0,
      deltaBackordered: 0,
      deltaInTransit: 0,
      deltaOnOrder: 0,
      sellable: key.sellable,
      unavailable: 0,
      reserved: 0,
      backordered: 0,
      inTransit: 0,
      onOrder: 0,
      channel: null,
      ref: item.ref ?? null,
      price: null,
      cost: null,
      currency: null,
      hold: null,
      backfill: false,
      lost: 0,
      demand: item.type === "sale" ? item.qty : 0,
      extra: null,
    };
  }

  level(object: object): Level {
    const { sku, location, sellable, seq, index } = object as Key;
    return {
      sku,
      location,
      onHand: sellable,
      sellable,
      unavailable: {},
      reserved: 0,
      available: sellable,
      oversold: Math.max(0, -sellable),
      backordered: 0,
      inTransit: 0,
      onOrder: 0,
      atp: { default: Math.max(0, sellable) },
      inventoryPosition: Math.max(0, sellable),
      version: formatVersion(this.options.epoch, seq, index),
      updatedAt: formatTime(this.nowMs),
    };
  }

  levelText(object: object): LevelText {
    const level = this.level(object);
    const { sku, location, version } = level;
    return { sku, location, version, json: JSON.stringify(level) };
  }

  keys(): Iterable<object> {
    return this.byName.values();
  }

  nextDueMs(): number | undefined {
    return this.dueMs;
  }

  takeChanges(): TableChange[] {
    const { epoch, shard } = this.options;
    const upserts = [...this.dirty].map((key): TableRow => {
      const zeros = Object.fromEntries([...int8, ...more].map((name) => [name, 0]));
      const { sku, location, sellable, seq, index } = key;
      return {
        ...zeros,
        sku,
        location,
        epoch,
        shard,
        sellable,
        on_hand: sellable,
        available: sellable,
        firm: 0,
        supplied: true,
        movement: 0,
        version: formatVersion(epoch, seq, index),
        updated_at: this.nowMs,
      };
    });
    this.dirty.clear();
    return [{ table: "stock_level", upserts, deletes: [] }];
  }

  snapshot(): unknown {
    return { seen: [...this.seen] };
  }

  digest(): string {
    const state = [...this.byName.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    const text = JSON.stringify([this.seq, this.nowMs, state, [...this.seen].sort()]);
    return createHash("sha256").update(text).digest("hex");
  }
}

/** A hash for tests, unsigned. */
export function identityOf(id: string): number {
  return createHash("sha256").update(id).digest().readUInt32BE(0);
}
