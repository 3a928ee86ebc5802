// The machine alone: what one thread folds when nothing else is asked of it. Zipf over 10,000 SKUs;
// three of five commands are sales, one a hold, one what becomes of a hold, all with identities.
// Decoding is in it, as it is part of the fold; making the entries is not. Each run is a process of
// its own. Decisions are told as JSON text when somebody waits for them, as in the runner: `asked` waits
// for every one, and for the level message of every key touched.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  emptyOutput,
  type LogEntry,
  type Machine,
  type Output,
} from "../../actors/runtime/machine.ts";
import { stockMachine } from "../../actors/stock/machine.ts";
import { type Random, seededRandom } from "../demo/random.ts";
import { allCorrect } from "./correctness.ts";
import type { Measured } from "./firehose.ts";
import type { Correctness } from "./result.ts";
import { LOCATION, SKUS, skuName, zipfSequence } from "./workload.ts";

export type MachineOptions = {
  runs: number;
  commands: number;
  /** Also as single entries, and asked. */
  detailed: boolean;
  say: (line: string) => void;
};

type Job = { commands: number; bundle: number; asked?: boolean };
type Reading = { perSecond: number; perCpuSecond: number; correct: Correctness };

/** Commands of a bundle: what a busy publisher makes of them. */
const BUNDLE = 64;
const SUBJECT = "inv.log.1.0";
const START_MS = Date.UTC(2026, 0, 1);
const UNITS = 1_000_000;
/** Log time passes as at 30,000 commands a second. */
const PER_MS = 30;
const HOLDS_OPEN_MIN = 20;

/** Commands a second, each run; in the detail by processor time, and where wanted as single entries and asked. */
export async function benchMachineAlone(options: MachineOptions): Promise<Measured> {
  const { commands, say } = options;
  const runs: number[] = [];
  const checks: Correctness[] = [];
  const cpu: number[] = [];
  for (let run = 1; run <= options.runs; run++) {
    const reading = await inChild({ commands, bundle: BUNDLE });
    runs.push(reading.perSecond);
    cpu.push(reading.perCpuSecond);
    checks.push(reading.correct);
    say(`machine alone, run ${run}: ${reading.perSecond}/s, ${reading.perCpuSecond} a CPU second`);
  }
  const detail: Record<string, number> = { perCpuSecond: cpu.at(-1) ?? 0 };
  if (options.detailed) {
    const single = await inChild({ commands, bundle: 1 });
    const asked = await inChild({ commands, bundle: BUNDLE, asked: true });
    checks.push(single.correct, asked.correct);
    detail.singlyPerSecond = single.perSecond;
    detail.singlyPerCpuSecond = single.perCpuSecond;
    detail.askedPerSecond = asked.perSecond;
    detail.askedPerCpuSecond = asked.perCpuSecond;
  }
  return { runs, correct: allCorrect(checks), detail };
}

/** Commands of a reading of the machine's speed: some seconds with the making of its entries. */
const SPEED_COMMANDS = 300_000;

/**
 * How fast the processor is at this moment, in commands that the machine alone folds in a second of processor time:
 * on virtual processors the same work takes twice as long in one hour as in another.
 */
export async function machineSpeed(): Promise<number> {
  return (await inChild({ commands: SPEED_COMMANDS, bundle: BUNDLE })).perCpuSecond;
}

async function inChild(job: Job): Promise<Reading> {
  const script = fileURLToPath(import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(job)]);
  return JSON.parse(stdout) as Reading;
}

/** In the child: makes the entries, folds them by the clock, folds them again to compare. */
function measure(job: Job): Reading {
  const { entries, first, sold } = makeEntries(job);
  const machine = newMachine();
  fold(machine, entries.slice(0, first), {});
  const startedCpu = process.threadCpuUsage();
  const startMs = performance.now();
  const folded = fold(machine, entries.slice(first), {
    takeEvery: 250_000,
    asked: job.asked === true,
  });
  const tookMs = performance.now() - startMs;
  const { user, system } = process.threadCpuUsage(startedCpu);
  return {
    perSecond: Math.round((folded.decisions * 1000) / tookMs),
    perCpuSecond: Math.round((folded.decisions * 1e6) / (user + system)),
    correct: check(machine, entries, folded, job, sold),
  };
}

function check(
  machine: Machine,
  entries: readonly LogEntry[],
  folded: Folded,
  job: Job,
  sold: number,
): Correctness {
  const { decisions, applied } = folded;
  let left = 0;
  let negative = 0;
  for (const key of machine.keys()) {
    const level = machine.level(key);
    left += level.sellable;
    if (level.available < 0) negative++;
  }
  const again = newMachine();
  fold(again, entries, {});
  const isTold = folded.told > 0 ? 1 : 0;
  const found = [decisions, applied, SKUS * UNITS - left, negative, isTold];
  const wanted = [job.commands, job.commands, sold, 0, job.asked === true ? 1 : 0];
  const same = again.digest() === machine.digest();
  const ok = same && found.every((n, i) => n === wanted[i]);
  if (ok) return { ok, what: `${decisions} applied, units as sold, a second fold has the digest` };
  return {
    ok,
    what: `decided, applied, sold, oversold, told ${found}, wanted ${wanted}; digest ${same}`,
  };
}

function newMachine(): Machine {
  return stockMachine.create({ epoch: 1, shard: 0, shards: 1, identityDays: 90 });
}

/** `told`: bytes of decisions and levels. */
type Folded = { decisions: number; applied: number; told: number };
type FoldOptions = { takeEvery?: number; asked?: boolean };

/** Folds as the runner does: output emptied in batches, changed rows taken now and then. */
function fold(machine: Machine, entries: readonly LogEntry[], options: FoldOptions): Folded {
  const { takeEvery = Number.POSITIVE_INFINITY, asked = false } = options;
  const out = { ...emptyOutput(), isAsked: asked };
  const nothing = new Map();
  const folded = { decisions: 0, applied: 0, told: 0 };
  let mark = takeEvery;
  for (const entry of entries) {
    out.decisions.length = 0;
    const decoded = machine.decode(entry);
    if (machine.lookups(decoded).length > 0) throw new Error("found a look-up, expected none");
    machine.apply(decoded, nothing, out);
    for (const text of out.decisions) tell(folded, text);
    if (out.rows.length > 2_000) empty(machine, out, folded);
    if (out.decided >= mark) {
      machine.takeChanges();
      mark += takeEvery;
    }
  }
  empty(machine, out, folded);
  folded.decisions = out.decided;
  return folded;
}

const told = new Uint8Array(65_536);
const encoder = new TextEncoder();

/** To bytes, as on its way to a socket. */
function tell(folded: Folded, text: string): void {
  folded.told += encoder.encodeInto(text, told).written;
}

/** Does with output what the runner does now and then, and counts what was applied. */
function empty(machine: Machine, out: Output, folded: Folded): void {
  for (const row of out.rows) {
    if (row.cause === "command" && row.outcome === "applied") folded.applied++;
  }
  if (out.isAsked) for (const key of out.touched) tell(folded, machine.levelText(key).json);
  out.rows.length = 0;
  out.effects.length = 0;
  out.touched.clear();
}

type Entries = { entries: LogEntry[]; first: number; sold: number };

/** Receipts of all SKUs first (`first` entries), then the mix; `sold` units leave sellable in all. */
function makeEntries({ commands, bundle }: Job): Entries {
  const random = seededRandom(3);
  const skus = zipfSequence(3, commands);
  const writer = new EntryWriter(bundle);
  for (let sku = 0; sku < SKUS; sku++)
    writer.add({ type: "receipt", id: `r-${sku}`, ...keyOf(sku), qty: UNITS });
  writer.close();
  const first = writer.entries.length;
  const open: { sku: number; hold: string }[] = [];
  let sold = 0;
  for (let n = 0; n < commands; n++) {
    const id = `c0ffee-${n.toString(36)}-7f3a`;
    const sku = skus[n] as number;
    const kind = open.length < HOLDS_OPEN_MIN ? random() * 0.8 : random();
    if (kind < 0.6) {
      const qty = 1 + (n % 3);
      sold += qty;
      writer.add({ type: "sale", id, ...keyOf(sku), qty, channel: "pos", ref: `T${n}` });
    } else if (kind < 0.8) {
      open.push({ sku, hold: `h-${n}` });
      const hold = { hold: `h-${n}`, qty: 1, ttlMs: 900_000, channel: "web" };
      writer.add({ type: "hold", id, ...keyOf(sku), ...hold });
    } else {
      const held = takeOne(open, random);
      const type = kind < 0.95 ? "fulfill" : "release";
      if (type === "fulfill") sold++;
      writer.add({ type, id, ...keyOf(held.sku), hold: held.hold });
    }
  }
  writer.close();
  return { entries: writer.entries, first, sold };
}

const keyOf = (sku: number) => ({ sku: skuName(sku), location: LOCATION });

function takeOne<T>(list: T[], random: Random): T {
  const index = Math.floor(random() * Math.min(list.length, HOLDS_OPEN_MIN));
  return list.splice(index, 1)[0] as T;
}

type Keyed = { sku: string; location: string; [field: string]: unknown };

/** Commands to entries as publishers write them: bundles, or one by one with the names in the subject. */
class EntryWriter {
  readonly entries: LogEntry[] = [];
  readonly #bundle: number;
  readonly #encoder = new TextEncoder();
  #waiting: Keyed[] = [];
  #commands = 0;

  constructor(bundle: number) {
    this.#bundle = bundle;
  }

  add(command: Keyed): void {
    this.#commands++;
    if (this.#bundle === 1) {
      const { sku, location, ...rest } = command;
      this.#write(`${SUBJECT}.${location}.${sku}`, rest);
      return;
    }
    this.#waiting.push(command);
    if (this.#waiting.length === this.#bundle) this.close();
  }

  close(): void {
    if (this.#waiting.length > 0) this.#write(`${SUBJECT}.bundle`, this.#waiting);
    this.#waiting = [];
  }

  #write(subject: string, body: unknown): void {
    this.entries.push({
      seq: this.entries.length + 1,
      appendedAtMs: START_MS + Math.floor(this.#commands / PER_MS),
      subject,
      payload: this.#encoder.encode(JSON.stringify(body)),
    });
  }
}

if (import.meta.main) console.log(JSON.stringify(measure(JSON.parse(process.argv[2] ?? "{}"))));
