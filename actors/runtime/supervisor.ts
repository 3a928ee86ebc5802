// Owns which shards this process runs: joins the members, takes the leases that rendezvous hashing gives
// it, opens and drains shards, and starts again what failed.
//
// A lease is for economy: should two processes run one shard for a while, the commit's guard lets one
// of them through (S3, S12), and the other stands down.
//
//   wanted and free -> lease -> open -> running
//   not wanted any more -> drain (checkpoint) -> release      lease lost -> abandon
//   failed, fenced -> abandon, release, again after a pause   halted -> kept, told, not touched: until a start
//
// Pauses grow with each failure until a shard has run for a while: one that ends its thread soon after each opening takes
// the others of that thread along, and must not do so all the time.

import { describeError } from "../../shared/errors.ts";
import { type Lease, type LeaseStore, shardKey } from "../../streams/lease.ts";
import { shardsOf } from "../../streams/rendezvous.ts";
import type { Journal } from "./ports.ts";
import type { ShardEnd, ShardHost, ShardStatus } from "./shard_host.ts";

export type SupervisorOptions = {
  /** This process among the members. */
  name: string;
  epoch: number;
  shards: number;
  leases: LeaseStore;
  host: ShardHost;
  journal: Journal;
};

export type Supervisor = {
  /** Shards of this process, and how they do. */
  status(): ShardStatus[];
  /** Drains every shard, releases the leases, leaves the members. */
  stop(): Promise<void>;
};

/** Pause before a shard that failed is opened again: first, and at most, in ms. */
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 10_000;
/** What a shard must run for before its failures are forgotten, in ms. */
const STEADY_MS = 60_000;

/** Joins and begins; resolves once this process is a member. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const supervisor = new ShardSupervisor(options);
  await supervisor.join();
  return supervisor;
}

class ShardSupervisor implements Supervisor {
  readonly #o: SupervisorOptions;
  readonly #leases = new Map<number, Lease>();
  readonly #busy = new Map<number, Promise<void>>();
  readonly #opening = new Set<number>();
  readonly #retryAtMs = new Map<number, number>();
  readonly #failures = new Map<number, number>();
  /** When a shard began to run here. */
  readonly #since = new Map<number, number>();
  #member: Lease | undefined;
  #members: string[] = [];
  #unwatch: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SupervisorOptions) {
    this.#o = options;
    options.host.onEnd = (end) => this.#onEnd(end);
  }

  async join(): Promise<void> {
    const { leases, name, journal } = this.#o;
    this.#member = await leases.join(name, () =>
      journal.error({ name }, "another process took this member's name: give each its own"),
    );
    this.#members = [name];
    this.#unwatch = leases.watchMembers((members) => {
      // A moment's absence of our own (an outage) does not empty the house.
      this.#members = members.includes(name) ? members : [...members, name];
      this.#reconcile();
    });
    this.#timer = setInterval(() => this.#reconcile(), leases.ttlMs / 4);
  }

  status(): ShardStatus[] {
    return this.#o.host.status().sort((a, b) => a.shard - b.shard);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#unwatch();
    // What is being opened may wait for a store that is away.
    for (const shard of this.#opening) void this.#o.host.abandon(shard).catch(() => {});
    await Promise.allSettled(this.#busy.values());
    await Promise.allSettled(
      [...this.#leases.keys()].map((shard) => this.#giveBack(shard, "drain")),
    );
    await this.#member?.release();
  }

  #reconcile(): void {
    if (this.#stopped) return;
    const { name, shards } = this.#o;
    const wanted = new Set(shardsOf(name, this.#members, shards));
    for (const shard of this.#leases.keys())
      if (!wanted.has(shard)) this.#work(shard, () => this.#giveBack(shard, "drain"));
    const nowMs = performance.now();
    for (const shard of wanted)
      if (!this.#leases.has(shard) && (this.#retryAtMs.get(shard) ?? 0) <= nowMs)
        this.#work(shard, () => this.#take(shard));
  }

  /** One thing at a time for each shard. */
  #work(shard: number, work: () => Promise<void>): void {
    if (this.#busy.has(shard)) return;
    const done = work()
      .catch((error: unknown) => {
        if (this.#stopped) return;
        this.#o.journal.warn({ shard, error: describeError(error) }, "shard: will try again");
      })
      .finally(() => this.#busy.delete(shard));
    this.#busy.set(shard, done);
  }

  async #take(shard: number): Promise<void> {
    const { leases, epoch, name, host, journal } = this.#o;
    const lease = await leases.acquire(shardKey(epoch, shard, leases.role), {
      holder: name,
      onLost: (by) => {
        journal.warn({ shard, by }, "lease lost: standing down");
        this.#leases.delete(shard);
        void host.abandon(shard).catch(() => {});
      },
    });
    if (lease === undefined) return;
    this.#leases.set(shard, lease);
    // Told to stop while it asked for the lease.
    if (this.#stopped) return;
    this.#opening.add(shard);
    try {
      const startedMs = performance.now();
      await host.open(shard);
      if (!lease.held) {
        await host.abandon(shard);
        return;
      }
      this.#since.set(shard, performance.now());
      const ms = Math.round(performance.now() - startedMs);
      journal.info({ shard, epoch, ms }, "shard runs here");
    } catch (error) {
      this.#pause(shard);
      await this.#giveBack(shard, "abandon");
      throw error;
    } finally {
      this.#opening.delete(shard);
    }
  }

  #onEnd(end: ShardEnd): void {
    const { journal } = this.#o;
    const { shard, reason, detail } = end;
    if (reason === "halted") {
      // The next owner would halt as well: keep it, so that it is seen and nobody churns.
      journal.error({ shard, detail }, "shard halted");
      return;
    }
    journal.warn({ shard, reason, detail }, "shard stopped");
    this.#pause(shard);
    this.#standDown(shard, this.#leases.get(shard));
  }

  /** After what is under way for the shard: it may end while it is opened. Not what was taken anew since. */
  #standDown(shard: number, lease: Lease | undefined): void {
    if (this.#stopped || this.#leases.get(shard) !== lease) return;
    const busy = this.#busy.get(shard);
    if (busy === undefined) this.#work(shard, () => this.#giveBack(shard, "abandon"));
    else void busy.then(() => this.#standDown(shard, lease));
  }

  async #giveBack(shard: number, how: "drain" | "abandon"): Promise<void> {
    const lease = this.#leases.get(shard);
    try {
      await this.#o.host[how](shard);
    } finally {
      this.#leases.delete(shard);
      await lease?.release();
    }
  }

  #pause(shard: number): void {
    const nowMs = performance.now();
    const isSteady = nowMs - (this.#since.get(shard) ?? nowMs) >= STEADY_MS;
    this.#since.delete(shard);
    const failures = (isSteady ? 0 : (this.#failures.get(shard) ?? 0)) + 1;
    this.#failures.set(shard, failures);
    const pauseMs = Math.min(RETRY_MS_MIN * 2 ** (failures - 1), RETRY_MS_MAX);
    this.#retryAtMs.set(shard, nowMs + pauseMs);
  }
}
