// Pure.
// The stock machine: state = fold(apply, log prefix). Owns nothing but the order in which the parts are called.
// S3: the same prefix under the same apply version gives the same state and answers. S11: entries are folded
// without gap or repeat. S16: `now` never goes back. S21: bad input changes nothing else.

import { broken } from "../../shared/assert.ts";
import type { Decision, Level } from "../../shared/decisions.ts";
import { hashIdentity, identityHash } from "../../shared/identity_hash.ts";
import type {
  CheckpointHead,
  CheckpointTable,
  DecodedEntry,
  FoundMap,
  LevelText,
  LogEntry,
  Lookup,
  Machine,
  MachineFactory,
  MachineOptions,
  MachinePosition,
  Output,
  Restore,
  TableChange,
} from "../runtime/machine.ts";
import { takeChanges, takeSnapshot } from "./changes.ts";
import { type Command, TICK, VOID } from "./command.ts";
import { decide, mintedId } from "./decide.ts";
import { type Decoded, EntryDecoder, Malformed } from "./decode.ts";
import { digestOf } from "./digest.ts";
import { passTime } from "./due_now.ts";
import { alert, printable, setAside } from "./effects.ts";
import type { Forgotten } from "./identity_filter.ts";
import { takeLevelJson } from "./level_text.ts";
import { APPLY_VERSION, DAY_MS } from "./limits.ts";
import { ShardRestore } from "./restore.ts";
import { NO_OUTPUT, NOTHING_FOUND, Shard } from "./shard.ts";
import type { KeyState } from "./state.ts";
import { TABLES } from "./tables.ts";
import { needsLookup } from "./voids.ts";

class StockMachine implements Machine {
  readonly applyVersion = APPLY_VERSION;
  readonly tables: readonly CheckpointTable[] = TABLES;
  private readonly s: Shard;
  private readonly decoder: EntryDecoder;

  constructor(s: Shard) {
    this.s = s;
    this.decoder = new EntryDecoder(s);
  }

  position(): MachinePosition {
    return { seq: this.s.seq, nowMs: this.s.now };
  }

  decode(entry: LogEntry): DecodedEntry {
    return this.decoder.decode(entry);
  }

  lookups(decoded: DecodedEntry): Lookup[] {
    const { s } = this;
    const { items } = decoded as Decoded;
    if (s.filter.generations.length === 0) return [];
    const wanted: Lookup[] = [];
    if (items.length > 1) readAhead(s, items);
    for (const item of items) {
      if (item instanceof Malformed || item.type === TICK) continue;
      if (item.id !== null) wantFirst(s, wanted, item);
      if (item.type === VOID) wantOriginal(s, wanted, item);
    }
    return wanted;
  }

  apply(decoded: DecodedEntry, found: FoundMap, out: Output): void {
    const { s } = this;
    const { entry, items } = decoded as Decoded;
    start(s, entry, out);
    s.found = found;
    passTime(s);
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as Decoded["items"][number];
      s.index = i;
      if (i > 0) s.ordinal = 0;
      s.begin();
      if (item instanceof Malformed) refuseMalformed(s, item, entry);
      else decide(s, item, decoded as Decoded);
    }
    s.recent.endEntry(s);
    if (s.filter.forgotten !== null) tellForgotten(s, s.filter.forgotten);
    this.decoder.release(items);
    s.out = NO_OUTPUT;
    s.found = NOTHING_FOUND;
  }

  skip(entry: LogEntry, out: Output): void {
    const { s } = this;
    const { now } = s;
    start(s, entry, out);
    // It changes nothing, not even the time.
    s.now = now;
    const item = new Malformed("poison: folding this entry failed, it was set aside");
    refuseMalformed(s, item, entry, "poison");
    s.out = NO_OUTPUT;
  }

  level(key: object): Level {
    return this.s.level(key as KeyState);
  }

  levelText(key: object): LevelText {
    const { s } = this;
    const state = key as KeyState;
    return {
      sku: state.sku.sku,
      location: state.location,
      version: s.versionOf(state),
      json: takeLevelJson(s, state),
    };
  }

  *keys(): IterableIterator<object> {
    for (const sku of this.s.skus.values()) {
      for (let key = sku.first; key !== null; key = key.next) yield key;
    }
  }

  nextDueMs(): number | undefined {
    return this.s.due.first()?.dueMs;
  }

  takeChanges(): TableChange[] {
    return takeChanges(this.s);
  }

  snapshot(): unknown {
    return takeSnapshot(this.s);
  }

  digest(): string {
    return digestOf(this.s);
  }
}

/** The machine of stock: design, section 4; docs/SPEC.md. */
export const stockMachine: MachineFactory = {
  applyVersion: APPLY_VERSION,
  tables: TABLES,
  create: (options: MachineOptions) => new StockMachine(new Shard(options)),
  restore(options: MachineOptions, head: CheckpointHead): Restore {
    const restore = new ShardRestore(options, head);
    return {
      add: (table, row) => restore.add(table, row),
      machine: () => new StockMachine(restore.shard()),
    };
  },
};

function start(s: Shard, entry: LogEntry, out: Output): void {
  const { seq, appendedAtMs } = entry;
  if (seq !== s.seq + 1) broken(`Cannot apply entry: seq is ${seq}, expected ${s.seq + 1}`);
  if (!Number.isSafeInteger(appendedAtMs)) {
    broken(`Cannot apply entry: append time is ${appendedAtMs}`);
  }
  s.seq = seq;
  s.now = Math.max(s.now, appendedAtMs);
  s.index = 0;
  s.ordinal = 0;
  s.effects = 0;
  s.minted = 0;
  s.out = out;
}

/** Reads what identities will be looked for in, so that memory answers for all of them at once. */
function readAhead(s: Shard, items: Decoded["items"]): void {
  let read = 0;
  for (const item of items) {
    if (item instanceof Malformed) continue;
    read ^= s.recent.touch(item.low) ^ s.filter.touch(item.high, item.low);
  }
  s.readAheadOf = read;
}

/** Notes that an identity is known nowhere as of now, or wants to have it looked up. */
function wantFirst(s: Shard, wanted: Lookup[], c: Command): void {
  c.fresh = !s.filter.has(c.high, c.low);
  if (!c.fresh && !s.recent.has(c.high, c.low)) wanted.push(lookupOf(c, c.id as string));
}

/** What a void undoes. */
function wantOriginal(s: Shard, wanted: Lookup[], c: Command): void {
  const lookup = lookupOf(c, c.raw.of as string);
  if (needsLookup(s, identityHash.high, identityHash.low)) wanted.push(lookup);
}

/** The look-up of an id at the key of `c`; leaves its hash in `identityHash`. */
function lookupOf({ sku, location }: Command, id: string): Lookup {
  hashIdentity(location, sku, id);
  const identityHigh = identityHash.high >>> 0;
  const identityLow = identityHash.low >>> 0;
  return { sku, location, id, identityHigh, identityLow };
}

/** More identities came than are remembered for the identity days: S2 is not kept for the oldest of them. */
function tellForgotten(s: Shard, { count, newestMs }: Forgotten): void {
  s.filter.forgotten = null;
  if (newestMs + s.identityMs <= s.now) return;
  const newest = s.formatMs(newestMs);
  const text = `Too many commands for their identities to be kept ${s.identityMs / DAY_MS} days: ${count} of ${newest} and before are forgotten`;
  const details = { identities: count, newest };
  alert(s, { sku: "", location: "" }, "identity_window", text, details);
}

/** Sets aside what is no command: answered, told, without any other effect. S1 S21 */
function refuseMalformed(s: Shard, item: Malformed, entry: LogEntry, reason = "malformed"): void {
  setAside(s, entry, item, { reason, detail: item.detail }, item.raw);
  if (item.alert !== null) {
    alert(s, item, item.alert, item.detail, { subject: printable(entry.subject) });
  }
  s.out.decided += 1;
  if (!s.out.isAsked) return;
  const decision: Decision = {
    id: item.id ?? mintedId(s),
    outcome: "malformed",
    reason: "malformed",
    detail: item.detail,
    epoch: s.epoch,
    shard: s.shard,
    seq: s.seq,
    index: s.index,
    at: s.formatMs(s.now),
  };
  s.out.decisions.push(JSON.stringify(decision));
}
