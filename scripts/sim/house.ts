// Owns the simulated house: logs, store, registry, effect streams, the services between, and the stock
// processes. Who breaks what is chaos.ts; who checks what is checks.ts.
import type { MachineFactory } from "../../actors/runtime/machine.ts";
import type { RunnerPorts } from "../../actors/runtime/ports.ts";
import type { RunningShard, ShardEnd } from "../../actors/runtime/shard_host.ts";
import { partition } from "../../streams/partition.ts";
import { REPLY_PREFIX, toToken } from "../../streams/subjects.ts";
import type { CallerHouse } from "./clients.ts";
import { SimEffects } from "./effects.ts";
import type { Fault } from "./faults.ts";
import { makeLogPort, type ReadFaults } from "./log_port.ts";
import { type NodeHouse, SimNode } from "./node.ts";
import { openRunner } from "./open_runner.ts";
import { SimService, type World } from "./process.ts";
import { SimRegistry } from "./registry.ts";
import { SimStore } from "./store.ts";
import { makeStorePort, type StoreWatch } from "./store_port.ts";
import { SimStream } from "./stream.ts";
import type { Trace } from "./trace.ts";

/** What is told to the checkers as it happens. */
export type HouseWatch = {
  store(shard: number): StoreWatch;
  onSent(node: string, subject: string, text: string): void;
  /** What a runner tells as an error. */
  onError(shard: number, text: string): void;
  /** The registry shows everything of a shard up to `watermark`. */
  onShown(shard: number, watermark: number): void;
  onHalted(node: string, end: ShardEnd): void;
};

export type HouseOptions = {
  world: World;
  trace: Trace;
  faults: readonly Fault[];
  shards: number;
  factory: MachineFactory;
  machine: { identityDays: number; recentIdsMax: number };
  runner: { commitIntervalMs: number; checkpointIntervalMs: number; keepLogDays: number };
  watch: HouseWatch;
};

const SKUS = ["SKU-1094-MD", "A", "b.c", "two words", "*", "ünï🧦", "%2E", "Z9"];
const LOCATIONS = ["store-3", "web shop", "wh.1"];

export class House implements CallerHouse, NodeHouse {
  readonly world: World;
  readonly epoch = 1;
  readonly streams: readonly SimStream[];
  readonly store: SimStore;
  readonly registry = new SimRegistry();
  readonly effects = new SimEffects();
  readonly log = new SimService("log", [0, 4]);
  readonly database = new SimService("store", [0, 12], 3_000);
  readonly redis = new SimService("registry", [0, 3]);
  readonly streamsOut = new SimService("effects", [0, 4]);
  readonly readFaults: ReadFaults = { skip: 0, repeat: 0, lose: 0 };
  readonly skus: readonly string[];
  readonly locations: readonly string[];
  /** All stock processes there ever were. */
  readonly nodes: SimNode[] = [];
  readonly options: HouseOptions;
  /** How far log time has run ahead of simulated time: months pass in one step. */
  wallOffsetMs = 0;
  readonly #listeners = new Map<string, (decisions: unknown) => void>();

  constructor(options: HouseOptions) {
    this.options = options;
    this.world = options.world;
    const { chance, clock } = this.world;
    this.streams = Array.from({ length: options.shards }, () => new SimStream(clock));
    this.store = new SimStore(options.shards);
    this.skus = pickSome(chance.fork("skus"), SKUS, chance.int(2, 6));
    this.locations = LOCATIONS.slice(0, chance.int(1, 3));
  }

  get services(): readonly SimService[] {
    return [this.log, this.database, this.redis, this.streamsOut];
  }

  wallMs = (): number => Math.floor(this.world.clock.nowMs + this.wallOffsetMs);

  has = (fault: Fault): boolean => this.options.faults.includes(fault);

  note(text: string): void {
    this.options.trace.add(text);
  }

  /** Months go by at once: the log's time is what counts. */
  jump(ms: number): void {
    this.wallOffsetMs += ms;
    for (const stream of this.streams) stream.skewMs += ms;
  }

  /** Where each shard stands, for a run that does not go on. */
  describe(): string {
    const parts = this.streams.map((stream, shard) => {
      const { row, outbox } = this.store.shards[shard] as SimStore["shards"][number];
      const owner = this.owners[shard] as SimNode;
      const status = owner.running.get(shard)?.status();
      const watermark = this.registry.watermarks.get(shard);
      return `shard ${shard} by ${owner.name}: log ${stream.lastSeq}, applied ${status?.appliedSeq}, committed ${row.committedSeq}, outbox ${outbox.length}, watermark ${watermark}`;
    });
    return parts.join("; ");
  }

  // ---------------------------------------------------------------- callers

  onReply = (replyTo: string, take: (decisions: unknown) => void): (() => void) => {
    this.#listeners.set(replyTo, take);
    return () => this.#listeners.delete(replyTo);
  };

  #deliver(subject: string, text: string): void {
    const take = this.#listeners.get(subject);
    if (take === undefined) return;
    this.#listeners.delete(subject);
    take(JSON.parse(text));
  }

  shardOf(sku: string): number {
    return partition(toToken(sku), this.streams.length);
  }

  #skuOf(shard: number): string {
    for (let n = 0; ; n++) if (this.shardOf(`tick-${n}`) === shard) return `tick-${n}`;
  }

  // ---------------------------------------------------------------- stock processes

  newNode(): SimNode {
    const node = new SimNode(`node ${this.nodes.length}`, this);
    this.nodes.push(node);
    return node;
  }

  open(node: SimNode, shard: number, onEnd: (end: ShardEnd) => void): Promise<RunningShard> {
    const { factory, machine, runner, shards } = this.options;
    return openRunner({
      ...runner,
      ports: this.#ports(node, shard),
      factory,
      machine: { epoch: this.epoch, shard, shards, ...machine },
      owner: `${node.name}.${this.world.clock.events}`,
      onEnd,
    });
  }

  /** Who each shard was given to last; others may still run it. */
  readonly owners: SimNode[] = [];

  isOwner(node: SimNode, shard: number): boolean {
    return this.owners[shard] === node;
  }

  onEnd(node: SimNode, end: ShardEnd): void {
    this.world.faults.count(`outcome: shard ${end.reason}`);
    if (end.reason === "halted") this.options.watch.onHalted(node.name, end);
  }

  #ports(node: SimNode, shard: number): RunnerPorts {
    const { world } = this;
    const { clock, chance, faults } = world;
    const { process, connection } = node;
    const stream = this.streams[shard] as SimStream;
    const { factory, watch } = this.options;
    const shardStore = this.store.shards[shard] as SimStore["shards"][number];
    return {
      clock: {
        nowMs: () => this.wallMs() + node.skewMs,
        monotonicMs: () => clock.nowMs,
        after: (ms, run) => ({ cancel: process.timer(ms, run) }),
        soon: (run) => {
          process.timer(0, run);
        },
      },
      log: makeLogPort({
        world,
        process,
        connection,
        service: this.log,
        stream,
        faults: this.readFaults,
        epoch: this.epoch,
        shard,
        anySku: this.#skuOf(shard),
      }),
      store: makeStorePort(process, this.database, shardStore, factory.tables, watch.store(shard)),
      registry: {
        write: (levels, watermark, standing) => {
          const sent = structuredClone(levels);
          return process.call(this.redis, () => {
            const before = this.registry.write(shard, sent, watermark, standing);
            watch.onShown(shard, this.registry.watermarks.get(shard) ?? 0);
            return before;
          });
        },
        watermark: () => process.call(this.redis, () => this.registry.watermarks.get(shard) ?? 0),
      },
      sender: {
        send: (subject, text) => {
          watch.onSent(node.name, subject, text);
          if (!subject.startsWith(REPLY_PREFIX)) return;
          if (this.log.isDown || chance.is(this.log.answerLoss)) {
            faults.count("decision lost on its way");
            return;
          }
          clock.after(chance.int(...this.log.latencyMs), () => this.#deliver(subject, text));
        },
      },
      effects: {
        publish: (row) => this.#publish(node, shard, row),
      },
      journal: {
        info: () => {},
        warn: (fields, text) => this.note(`${node.name}/${shard} warns: ${text} ${brief(fields)}`),
        error: (fields, text) => {
          this.note(`${node.name}/${shard} tells: ${text} ${brief(fields)}`);
          watch.onError(shard, `${text} ${brief(fields)}`);
        },
      },
    };
  }

  /** Commands that home decided go into the log of their shard, everything else to its effect stream. */
  async #publish(
    node: SimNode,
    shard: number,
    row: Parameters<RunnerPorts["effects"]["publish"]>[0],
  ): Promise<void> {
    const sent = structuredClone(row);
    if (row.kind !== "command")
      return node.process.call(this.streamsOut, () => this.effects.publish(shard, sent));
    const message = JSON.parse(row.payload) as { commands: unknown[] };
    const target = Number(row.subject.split(".")[3]);
    const stream = this.streams[target] as SimStream;
    const payload = new TextEncoder().encode(JSON.stringify(message.commands));
    await node.process.call(this.log, () => {
      stream.append(row.subject, payload);
      this.effects.publish(shard, sent);
    });
  }
}

function brief(fields: Record<string, unknown>): string {
  return JSON.stringify(fields, (_, value) =>
    value instanceof Error ? value.message : (value as unknown),
  ).slice(0, 200);
}

function pickSome(chance: World["chance"], items: readonly string[], count: number): string[] {
  const left = [...items];
  return Array.from({ length: count }, () => left.splice(chance.int(0, left.length - 1), 1)[0]!);
}
