// Memory of the stock machine: bytes for each SKU-location, each recent identity, each movement. The
// real machine is fed the same receipts in processes of their own, once with next to no room for
// recent identities and movements, once with room for all identities, once for all movements; the
// differences are what each takes. Without room the identities are in the filter, so the filter's
// bytes are taken from the first figure and given to none. Garbage is collected before each reading, and what a checkpoint
// would take is taken, as the runner does.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { emptyOutput } from "../../actors/runtime/machine.ts";
import { IdentityFilter } from "../../actors/stock/identity_filter.ts";
import { stockMachine } from "../../actors/stock/machine.ts";
import { bundleSubject } from "../../streams/subjects.ts";
import { seededRandom } from "../demo/random.ts";
import type { Measured } from "./firehose.ts";
import type { TargetName } from "./targets.ts";

const LOCATIONS_PER_SKU = 4;
const BUNDLE = 250;
const NONE = 1_024;

export type MemoryOptions = {
  /** SKU-locations, one receipt each. */
  keys: number;
  say: (line: string) => void;
};

type Probe = { keys: number; recentIdsMax: number; movementsMax: number };
type Reading = { bytes: number; keys: number; applied: number };

/** Bytes per SKU-location, recent identity and movement, one run each: they are not noisy. */
export async function benchMemory({
  keys,
  say,
}: MemoryOptions): Promise<Partial<Record<TargetName, Measured>>> {
  const bare = await probe({ keys, recentIdsMax: NONE, movementsMax: NONE });
  const ids = await probe({ keys, recentIdsMax: keys, movementsMax: NONE });
  const moves = await probe({ keys, recentIdsMax: NONE, movementsMax: 2 * keys });
  const filter = filterBytes(keys);
  const readings = [bare, ids, moves];
  const ok = readings.every((one) => one.keys === keys && one.applied === keys);
  const correct = { ok, what: ok ? `${keys} receipts applied` : JSON.stringify(readings) };
  const measured = (bytes: number): Measured => ({ runs: [bytes], correct });
  const results = {
    "memory per SKU-location": measured((bare.bytes - filter) / keys),
    "memory per recent id": measured((ids.bytes - bare.bytes + filter) / keys),
    "memory per recent movement": measured((moves.bytes - bare.bytes) / keys),
  };
  for (const [name, { runs }] of Object.entries(results)) say(`${name}: ${runs[0]?.toFixed(1)} B`);
  return results;
}

/** What the filter of older identities takes for as many identities as there are keys. */
function filterBytes(keys: number): number {
  const filter = new IdentityFilter();
  const random = seededRandom(1);
  for (let i = 0; i < keys; i++) filter.add(word(random), word(random), 0);
  return filter.bytes;
}

const word = (random: () => number): number => Math.floor(random() * 2 ** 32);

async function probe(options: Probe): Promise<Reading> {
  const script = fileURLToPath(import.meta.url);
  const args = ["--expose-gc", "--max-old-space-size=6144", script, JSON.stringify(options)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Reading;
}

/** In the child: feeds a machine and reads its memory before and after. */
function feed(options: Probe): Reading {
  const machine = stockMachine.create({
    epoch: 1,
    shard: 0,
    shards: 1,
    identityDays: 90,
    recentIdsMax: options.recentIdsMax,
    movementsMax: options.movementsMax,
  });
  const out = emptyOutput();
  const startMs = Date.UTC(2026, 0, 1);
  let applied = 0;
  const fold = (seq: number, from: number, to: number) => {
    const commands = [];
    for (let key = from; key < to; key++) commands.push(receiptOf(key));
    const payload = new TextEncoder().encode(JSON.stringify(commands));
    const subject = bundleSubject(1, 0);
    const entry = { seq, appendedAtMs: startMs + seq * 10, subject, payload };
    machine.apply(machine.decode(entry), new Map(), out);
    applied += out.rows.filter((row) => row.outcome === "applied").length;
    for (const list of [out.rows, out.effects]) list.length = 0;
    out.touched.clear();
    if (seq % 100 === 0) machine.takeChanges();
  };
  fold(1, 0, 1);
  const before = settledBytes();
  let seq = 2;
  for (let key = 1; key < options.keys; key += BUNDLE)
    fold(seq++, key, Math.min(options.keys, key + BUNDLE));
  machine.takeChanges();
  const bytes = settledBytes() - before;
  let keys = 0;
  for (const _ of machine.keys()) keys++;
  return { bytes, keys, applied };
}

function receiptOf(key: number) {
  const sku = `SKU-${100_000 + Math.floor(key / LOCATIONS_PER_SKU)}`;
  const location = `store-${key % LOCATIONS_PER_SKU}`;
  return { type: "receipt", id: `01JD7Q8Z${key.toString(36)}`, sku, location, qty: 12 };
}

function settledBytes(): number {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

if (import.meta.main) console.log(JSON.stringify(feed(JSON.parse(process.argv[2] ?? "{}"))));
