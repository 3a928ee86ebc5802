// Owns a simulated stock process: it opens the shards it is told to run, and opens them again when they
// fail, as the supervisor does. It may die, freeze and wake; two of them may run one shard.
import type { RunnerPorts } from "../../actors/runtime/ports.ts";
import type { RunningShard, ShardEnd } from "../../actors/runtime/shard_host.ts";
import { describeError } from "../../shared/errors.ts";
import { SimConnection } from "./log_port.ts";
import { SimProcess, type World } from "./process.ts";

/** What a node needs of the house. */
export type NodeHouse = {
  world: World;
  /** Opens a shard with the real runner on the ports of this node. */
  open(node: SimNode, shard: number, onEnd: (end: ShardEnd) => void): Promise<RunningShard>;
  onEnd(node: SimNode, end: ShardEnd): void;
  /** Whether the shard was given to this node last. */
  isOwner(node: SimNode, shard: number): boolean;
  note(text: string): void;
};

const REOPEN_MS = 200;

export class SimNode {
  readonly name: string;
  readonly process: SimProcess;
  readonly connection = new SimConnection();
  /** How far its wall clock is off, ms. */
  skewMs = 0;
  readonly wanted = new Set<number>();
  readonly running = new Map<number, RunningShard>();
  readonly #opening = new Set<number>();
  readonly #house: NodeHouse;

  constructor(name: string, house: NodeHouse) {
    this.name = name;
    this.#house = house;
    this.process = new SimProcess(name, house.world);
  }

  want(shard: number): void {
    if (this.wanted.has(shard)) return;
    this.wanted.add(shard);
    this.process.enter(() => this.#open(shard));
  }

  /** The lease is lost, or given back after draining. */
  unwant(shard: number, how: "drain" | "abandon"): void {
    if (!this.wanted.delete(shard)) return;
    this.process.enter(() => {
      const running = this.running.get(shard);
      this.running.delete(shard);
      running?.[how]().then(
        () => this.#house.note(`${this.name} ${how}ed shard ${shard}`),
        (error: unknown) =>
          this.#house.note(`${this.name} ${how} of shard ${shard}: ${describeError(error)}`),
      );
    });
  }

  crash(): void {
    this.process.kill();
    this.wanted.clear();
    this.running.clear();
  }

  #open(shard: number): void {
    if (!this.wanted.has(shard) || this.running.has(shard) || this.#opening.has(shard)) return;
    this.#opening.add(shard);
    const state: { end?: ShardEnd; running?: RunningShard } = {};
    const onEnd = (end: ShardEnd): void => {
      state.end = end;
      this.#onEnd(end, state.running);
    };
    this.#house.open(this, shard, onEnd).then(
      (running) => {
        this.#opening.delete(shard);
        state.running = running;
        if (state.end !== undefined) this.#again(shard);
        else if (this.wanted.has(shard)) {
          this.running.set(shard, running);
          this.#house.note(`${this.name} runs shard ${shard}`);
        } else void running.abandon().catch(() => {});
      },
      (error: unknown) => {
        this.#opening.delete(shard);
        this.#house.note(`${this.name} cannot open shard ${shard}: ${describeError(error)}`);
        this.#again(shard);
      },
    );
  }

  /** `ended`: what ran; undefined while it was opening. */
  #onEnd(end: ShardEnd, ended: RunningShard | undefined): void {
    this.#house.note(`${this.name} shard ${end.shard} ${end.reason}: ${end.detail}`);
    this.#house.onEnd(this, end);
    // One that was draining ends nothing for the one that runs since.
    if (this.running.get(end.shard) !== ended) return;
    this.running.delete(end.shard);
    // Who is fenced gives its lease back; it gets the shard again only if it is the owner after all.
    if (end.reason === "fenced" && !this.#house.isOwner(this, end.shard))
      this.wanted.delete(end.shard);
    if (end.reason !== "halted") this.#again(end.shard);
  }

  #again(shard: number): void {
    this.process.timer(REOPEN_MS, () => this.#open(shard));
  }
}

/** The ports of one node for one shard, made by the house. */
export type PortsOf = (node: SimNode, shard: number) => RunnerPorts;
