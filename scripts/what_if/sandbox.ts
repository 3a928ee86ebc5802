// Owns one run of the sandbox: the stock machine in memory, fed with what happened in the order in which it happened,
// under other policies. Nothing is sent and nothing is written.
//
// Time is the time things happened, so an imported year is a year. With supply `needs` every need becomes an order at
// once and its goods arrive after the lead time; deliveries, transfers, counts and corrections of the log, which tell of
// the stock there really was, are left out, and a key starts with the order-up-to level of its first plan.
import {
  emptyOutput,
  type LogEntry,
  lookupKey,
  type Machine,
} from "../../actors/runtime/machine.ts";
import { stockMachine } from "../../actors/stock/machine.ts";
import type { NeedMessage } from "../../shared/effects.ts";
import { commandIdFault } from "../../shared/ids.ts";
import { bundleSubject } from "../../streams/subjects.ts";
import { DueQueue } from "../demo/due_queue.ts";
import { type KeyFigures, KeyMeter } from "./figures.ts";
import type { Happened } from "./ledger_commands.ts";
import { KeyPlanner, type LoggedPlan } from "./planner.ts";
import type { PolicyFile, Rule } from "./policy_file.ts";

const DAY_MS = 86_400_000;
/** Long enough that every repeat and void is known, whatever the history. */
const IDENTITY_DAYS = 36_500;
/** What people did to demand and holds; everything else tells of the supply there really was. */
const DEMAND_TYPES = new Set([
  "sale",
  "return",
  "hold",
  "extend",
  "fulfill",
  "release",
  "seal",
  "void",
]);

export type SandboxOptions = Pick<PolicyFile, "supply" | "leadTimeDays" | "warmUpDays"> & {
  rules: readonly Rule[];
  topology: { epoch: number; shard: number; shards: number };
  categoryOf: (sku: string) => string;
  onProgress?: (done: number) => void;
};

export type KeyResult = { sku: string; location: string; figures: KeyFigures };

type Key = {
  sku: string;
  location: string;
  planner: KeyPlanner;
  meter: KeyMeter;
  started: boolean;
};
type Plan = { reorderPoint: number; orderUpTo: number };
type Place = { sku: string; location: string };
type Command = Record<string, unknown> & Place & { type: string };

const PROGRESS_EVERY = 20_000;
const encoder = new TextEncoder();

/** Runs one shard's history; figures by key. */
export function runSandbox(history: readonly Happened[], options: SandboxOptions): KeyResult[] {
  return new Sandbox(options, history).run();
}

class Sandbox {
  readonly #o: SandboxOptions;
  readonly #history: readonly Happened[];
  readonly #machine: Machine;
  readonly #out = emptyOutput();
  readonly #keys = new Map<string, Key>();
  readonly #due = new DueQueue<Command>();
  /** Keys just heard of, with the plan each starts with. */
  readonly #toStart: { key: Key; plan: Plan }[] = [];
  readonly #fromMs: number;
  #seq = 0;
  #ms = 0;
  #nextDayMs: number;
  #ids = 0;

  constructor(options: SandboxOptions, history: readonly Happened[]) {
    this.#o = options;
    this.#history = history;
    const startMs = history[0]?.ms ?? 0;
    this.#fromMs = startMs + options.warmUpDays * DAY_MS;
    this.#nextDayMs = (Math.floor(startMs / DAY_MS) + 1) * DAY_MS;
    this.#machine = stockMachine.create({
      ...options.topology,
      identityDays: IDENTITY_DAYS,
      recentIdsMax: Math.max(1_024, 4 * history.length),
    });
  }

  run(): KeyResult[] {
    for (const [i, { ms, command }] of this.#history.entries()) {
      this.#passTo(ms);
      this.#happen(ms, command);
      if (i % PROGRESS_EVERY === 0) this.#o.onProgress?.(i);
    }
    this.#o.onProgress?.(this.#history.length);
    const endMs = this.#ms;
    return [...this.#keys.values()].map(({ sku, location, meter }) => ({
      sku,
      location,
      figures: meter.end(endMs),
    }));
  }

  /** Goods arrive and days end, in the order of time, up to `ms`. */
  #passTo(ms: number): void {
    for (;;) {
      const dueMs = this.#due.nextMs() ?? Number.POSITIVE_INFINITY;
      const nextMs = Math.min(dueMs, this.#nextDayMs);
      if (nextMs > ms) return;
      if (dueMs <= this.#nextDayMs) this.#apply(dueMs, this.#due.take());
      else this.#dayOver();
    }
  }

  #dayOver(): void {
    const ms = this.#nextDayMs;
    this.#nextDayMs += DAY_MS;
    for (const key of this.#keys.values()) {
      const plan = key.planner.dayOver();
      if (plan !== undefined) this.#plan(ms, key, plan);
    }
  }

  #happen(ms: number, command: Command): void {
    const { at: _at, backfill: _backfill, ...plain } = asGiven(command);
    const [key] = placesOf(command).map((place) => this.#keyOf(place));
    this.#startKeys(ms);
    if (command.type === "policy") {
      const { plan, ...rest } = plain as Command & { plan?: LoggedPlan; ifVersion?: number };
      delete rest.ifVersion;
      if (Object.keys(rest).some((field) => field === "channels" || field === "backorderLimit"))
        this.#apply(ms, rest);
      const told = plan === undefined ? undefined : key?.planner.logged(plan);
      if (told !== undefined && key !== undefined) this.#plan(ms, key, told);
      return;
    }
    if (this.#o.supply === "needs" && !DEMAND_TYPES.has(command.type)) return;
    this.#apply(ms, plain as Command);
  }

  #startKeys(ms: number): void {
    for (const { key, plan } of this.#toStart.splice(0)) this.#plan(ms, key, plan);
  }

  /** A plan holds from now on; the first one fills the shelf of a key whose goods come from its needs. */
  #plan(ms: number, key: Key, plan: Plan): void {
    const { sku, location } = key;
    if (this.#o.supply === "needs" && !key.started) {
      key.started = true;
      const qty = Math.max(1, plan.orderUpTo - key.meter.onHand);
      this.#apply(ms, { type: "receipt", id: `start.${++this.#ids}`, sku, location, qty });
    }
    const { reorderPoint, orderUpTo } = plan;
    const told = { mode: "autopilot", reorderPoint, orderUpTo };
    this.#apply(ms, { type: "policy", id: `plan.${++this.#ids}`, sku, location, plan: told });
  }

  #apply(ms: number, command: Command): void {
    const { epoch, shard } = this.#o.topology;
    this.#ms = Math.max(this.#ms, ms);
    const entry: LogEntry = {
      seq: ++this.#seq,
      appendedAtMs: this.#ms,
      subject: bundleSubject(epoch, shard),
      payload: encoder.encode(JSON.stringify([command])),
    };
    const machine = this.#machine;
    const decoded = machine.decode(entry);
    // Every identity of the ledger is its own, and all are in memory: a hit of the filter is a false one.
    const found = new Map(machine.lookups(decoded).map((lookup) => [lookupKey(lookup), null]));
    machine.apply(decoded, found, this.#out);
    this.#read();
  }

  /** What the entry did: demand, levels, needs. */
  #read(): void {
    const { rows, effects, touched } = this.#out;
    for (const { sku, location, demand, lost } of rows) {
      if (demand === 0 && lost === 0) continue;
      const key = this.#keyOf({ sku, location });
      key?.planner.sold(demand + lost);
      key?.meter.demand(this.#ms, demand, lost);
    }
    for (const one of touched) {
      const level = this.#machine.level(one);
      this.#keyOf(level)?.meter.level(this.#ms, level);
    }
    const needs = effects.flatMap((effect) => (effect.kind === "need" ? [effect.message] : []));
    this.#out.decisions.length = 0;
    rows.length = 0;
    effects.length = 0;
    touched.clear();
    // Either applies what makes output of its own.
    this.#startKeys(this.#ms);
    for (const need of needs) this.#need(need);
  }

  /**
   * A need becomes an order as it opens; restated or withdrawn it is no other one. Its goods arrive after the lead time,
   * never late, so the order tells no `eta`: by that the goods would be late just before they are received.
   */
  #need({ need, rev, sku, location, qty }: NeedMessage): void {
    if (rev > 1) return;
    const ms = this.#ms;
    this.#keyOf({ sku, location })?.meter.order(ms, qty);
    if (this.#o.supply === "log") return;
    const order = { order: need, line: "1" };
    const common = { sku, location, ...order };
    const id = `order.${++this.#ids}`;
    this.#apply(ms, { type: "order", id, ...common, need, rev: 1, ordered: qty, status: "placed" });
    this.#due.add(Math.round(ms + this.#o.leadTimeDays * DAY_MS), {
      type: "receipt",
      id: `goods.${++this.#ids}`,
      ...common,
      qty,
    });
  }

  #keyOf({ sku, location }: Place): Key | undefined {
    if (location === "-") return undefined;
    const name = `${location}\n${sku}`;
    let key = this.#keys.get(name);
    if (key !== undefined) return key;
    const category = this.#o.categoryOf(sku);
    const planner = new KeyPlanner(
      this.#o.rules,
      { sku, location, category },
      this.#o.leadTimeDays,
    );
    key = { sku, location, planner, meter: new KeyMeter(this.#fromMs), started: false };
    this.#keys.set(name, key);
    const plan = planner.start();
    if (plan !== undefined) this.#toStart.push({ key, plan });
    return key;
  }
}

/** The places a command is about, the one it names first. */
function placesOf({ sku, location, ...rest }: Command): Place[] {
  const lines = (rest.lines ?? []) as readonly Partial<Place>[];
  const named = lines.map((line) => ({ sku: line.sku ?? sku, location: line.location ?? "-" }));
  return [{ sku, location }, ...named];
}

/** With an id that a client may give where the log gave it one, and likewise the one that a void names. */
function asGiven(command: Command): Command {
  const given: Command & { of?: unknown } = { ...command };
  if (typeof given.id === "string") given.id = givenId(given.id);
  if (given.type === "void" && typeof given.of === "string") given.of = givenId(given.of);
  return given;
}

const givenId = (id: string): string => (commandIdFault(id) === undefined ? id : `log${id}`);
