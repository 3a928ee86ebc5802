// Owns the queues between callers and the wire: which shard a command goes to, what is bundled, and how
// much may be under way.
//
// L1. A lane has at most its number of unacked entries; each settled entry makes room for the next.
// L2. Nothing is made into an entry while the connection is down: what waits was surely not sent.
// L3. While several bundles are out, small ones wait for each other and leave together, in one write: what
//     is paid for each write and wake-up on the way is then paid once for all of them.

import { setImmediate } from "node:timers";
import {
  BUNDLE_BYTES_MAX,
  BUNDLE_COMMANDS_MAX,
  BUNDLE_OVERLAP_COMMANDS,
  BUNDLES_EAGER,
  BUNDLES_IN_FLIGHT_MAX,
  PAYLOAD_BYTES_MAX,
  SINGLES_IN_FLIGHT_MAX,
} from "../shared/limits.ts";
import type { NatsConnection } from "./connection.ts";
import { onConnection } from "./connection.ts";
import type { Topology } from "./declarations.ts";
import { type Entry, EntrySender } from "./entry_sender.ts";
import { LaneEntry } from "./lane_entry.ts";
import { PublishError } from "./publish_error.ts";
import type { Job } from "./publish_job.ts";
import { Routes } from "./routes.ts";
import { type Batch, SkuQueues } from "./sku_queues.ts";
import { bundleSubject } from "./subjects.ts";

export type LaneOptions = {
  mode: "bundle" | "single";
  via: "log" | "cmd";
  keepOrder: boolean;
  ackTimeoutMs?: number;
  giveUpMs?: number;
  bundlesInFlightMax?: number;
  singlesInFlightMax?: number;
};

/** `shard` -1: the lane of single entries. `out`: unacked entries. */
type Lane = { shard: number; queues: SkuQueues<Job>; out: number };

export class Lanes {
  /** Commands and their bytes that are queued or unacked. */
  commands = 0;
  bytes = 0;
  readonly sender: EntrySender;
  /** Called whenever `commands` or `bytes` fell. */
  onRoom: () => void = () => {};
  /** Called with the jobs of an entry and the decisions that came for it. */
  onDecisions: (jobs: readonly Job[], decisions: unknown) => void = () => {};

  readonly #options: LaneOptions;
  readonly #bundlesMax: number;
  readonly #singlesMax: number;
  readonly #payloadMax: () => number;
  readonly #stopListening: () => void;
  readonly #routes: Routes;
  readonly #lanes: readonly Lane[];
  readonly #singles: Lane = { shard: -1, queues: new SkuQueues(), out: 0 };
  #unordered: Job[] = [];
  #unorderedHead = 0;
  #unorderedOut = 0;
  #isWindowFull = false;
  #isPumping = false;
  #dirty = new Set<Lane>();
  #kickArmed = false;
  /** Bundles that hold a slot, over all lanes. */
  #bundlesOut = 0;

  constructor(nc: NatsConnection, topology: Topology, options: LaneOptions) {
    this.#options = options;
    this.#routes = new Routes(topology);
    this.#lanes = Array.from({ length: topology.shards }, (_, shard) => ({
      shard,
      queues: new SkuQueues<Job>(),
      out: 0,
    }));
    this.#bundlesMax = options.bundlesInFlightMax ?? BUNDLES_IN_FLIGHT_MAX;
    this.#singlesMax = options.singlesInFlightMax ?? SINGLES_IN_FLIGHT_MAX;
    this.#payloadMax = () => nc.info?.max_payload ?? PAYLOAD_BYTES_MAX;
    this.sender = new EntrySender(nc, options);
    // After the sender's own listener: what was under way is repeated before anything new leaves.
    this.#stopListening = onConnection(nc, { onReconnect: () => this.#kickAll() });
  }

  /** Takes a command in; it is settled later. @throws PublishError when it can never be sent. */
  add(job: Job, single: boolean): void {
    const bytesMax = this.#payloadMax() - 512; // the header and the brackets
    if (job.bytes > bytesMax)
      throw new PublishError(
        "command_too_large",
        `Cannot publish command ${job.id}: ${job.bytes} bytes, expected at most ${bytesMax}`,
        { sent: false, retryable: false },
      );
    requireNames(job);
    this.#requireOneShard(job);
    this.commands++;
    this.bytes += job.bytes;
    this.#enqueue(job, single);
  }

  /** Takes a command out again unless it has left; true = it surely was not sent. */
  remove(job: Job): boolean {
    if (job.out !== undefined) return false;
    let removed = this.#singles.queues.remove(job);
    if (!removed) {
      const index = this.#unordered.indexOf(job, this.#unorderedHead);
      if (index >= 0) this.#unordered.splice(index, 1);
      removed = index >= 0;
    }
    for (let i = 0; !removed && i < this.#lanes.length; i++)
      removed = (this.#lanes[i] as Lane).queues.remove(job);
    if (!removed) return false;
    this.#settled(job);
    this.onRoom();
    return true;
  }

  /** Nobody waits for the decision of this command any more. */
  waiterGone(job: Job): void {
    const entry = job.out;
    if (entry?.jobs.every((other) => other.waiter === undefined))
      this.sender.forgetDecisions(entry);
  }

  close(): void {
    this.#stopListening();
    // First what waits: an entry that fails makes room, and nothing may leave any more.
    const waiting = this.#drainQueues();
    this.sender.close();
    for (const job of waiting)
      this.#fail(
        job,
        new PublishError("publisher_closed", "Cannot publish: the publisher is closed", {
          sent: false,
        }),
      );
  }

  #requireOneShard(job: Job): void {
    if (job.otherSkus === undefined) return;
    const shard = this.#routes.shardOf(job.sku);
    const other = job.otherSkus.find((sku) => this.#routes.shardOf(sku) !== shard);
    if (other === undefined) return;
    throw new PublishError(
      "command_of_several_shards",
      `Cannot publish hold ${job.id} as one command: ${other} lives in another shard than ${job.sku}`,
      { sent: false, retryable: false },
    );
  }

  // ---------------------------------------------------------------- queues

  #enqueue(job: Job, single: boolean): void {
    if (single && !this.#options.keepOrder) {
      this.#unordered.push(job);
      this.#pumpUnordered();
      return;
    }
    const lane = single ? this.#singles : (this.#lanes[this.#routes.shardOf(job.sku)] as Lane);
    lane.queues.push(job);
    this.#kickSoon(lane);
  }

  #kickSoon(lane: Lane): void {
    this.#dirty.add(lane);
    if (this.#kickArmed) return;
    this.#kickArmed = true;
    // At the end of this turn: whatever the turn brings travels together.
    setImmediate(() => {
      this.#kickArmed = false;
      const lanes = [...this.#dirty].filter((lane) => this.#isItsTime(lane));
      for (const lane of lanes) {
        this.#dirty.delete(lane);
        this.#kick(lane);
      }
    });
  }

  /** L3. What must wait is asked again when the next bundle is settled. */
  #isItsTime(lane: Lane): boolean {
    if (lane.shard < 0 || this.#bundlesOut < BUNDLES_EAGER) return true;
    return lane.queues.size >= BUNDLE_OVERLAP_COMMANDS;
  }

  #kickAll(): void {
    for (const lane of this.#lanes) this.#kick(lane);
    this.#kick(this.#singles);
    this.#pumpUnordered();
  }

  #kick(lane: Lane): void {
    const isBundles = lane.shard >= 0;
    const outMax = isBundles ? this.#bundlesMax : this.#singlesMax;
    while (lane.out < outMax && this.sender.connected) {
      // What waits for the ack of one bundle is the next: an entry costs more than a command.
      if (isBundles && lane.out > 0 && lane.queues.size < BUNDLE_OVERLAP_COMMANDS) return;
      const batch = lane.queues.take(isBundles ? BUNDLE_COMMANDS_MAX : 1, BUNDLE_BYTES_MAX);
      if (batch === undefined) return;
      lane.out++;
      if (isBundles) this.#bundlesOut++;
      this.sender.send(
        isBundles ? this.#bundle(lane, batch) : this.#single(batch.jobs[0] as Job, lane, batch),
      );
    }
  }

  #pumpUnordered(): void {
    // An entry that fails at once makes room for the next while the last is still being sent.
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#pumpWhatMay();
    this.#isPumping = false;
  }

  #pumpWhatMay(): void {
    // A full window is refilled by the quarter: one write for many, not one for each ack.
    if (this.#isWindowFull && this.#unorderedOut > this.#singlesMax * 0.75) return;
    this.#isWindowFull = false;
    while (this.#unorderedHead < this.#unordered.length) {
      if (!this.sender.connected) return;
      if (this.#unorderedOut >= this.#singlesMax) {
        this.#isWindowFull = true;
        return;
      }
      const job = this.#unordered[this.#unorderedHead++] as Job;
      if (this.#unorderedHead === this.#unordered.length) {
        this.#unordered = [];
        this.#unorderedHead = 0;
      }
      this.#unorderedOut++;
      this.sender.send(this.#single(job, undefined, undefined));
    }
  }

  // ---------------------------------------------------------------- entries

  #bundle(lane: Lane, batch: Batch<Job>): Entry {
    let json = "[";
    let wantsDecisions = false;
    for (const job of batch.jobs) {
      json += json.length === 1 ? job.json : `,${job.json}`;
      wantsDecisions ||= job.waiter !== undefined;
    }
    const stream = this.#routes.streams[lane.shard];
    const subject = bundleSubject(this.#routes.topology.epoch, lane.shard);
    return new LaneEntry(
      this,
      subject,
      `${json}]`,
      wantsDecisions,
      batch.jobs,
      stream,
      lane,
      batch,
    );
  }

  #single(job: Job, lane: Lane | undefined, batch: Batch<Job> | undefined): Entry {
    const wantsDecision = job.waiter !== undefined;
    const { via } = this.#options;
    const stream = via === "cmd" ? undefined : this.#routes.streams[this.#routes.shardOf(job.sku)];
    const subject = this.#routes.subject(job.location, job.sku, via);
    const jobs = batch?.jobs ?? [job];
    return new LaneEntry(this, subject, job.json, wantsDecision, jobs, stream, lane, batch);
  }

  /** Of an entry: all its commands are stored. */
  entryAcked(jobs: readonly Job[], seq: number, stream: string): void {
    for (const job of jobs) {
      this.#settled(job);
      tell(job, undefined, seq, stream);
    }
    this.onRoom();
  }

  /** Of an entry: none of its commands got an ack. */
  entryFailed(jobs: readonly Job[], error: PublishError): void {
    for (const job of jobs) this.#fail(job, error);
    this.onRoom();
  }

  /** Of an entry: its slot is free. */
  entrySettled(lane: Lane | undefined, batch: Batch<Job> | undefined): void {
    if (lane === undefined || batch === undefined) this.#unorderedOut--;
    else {
      lane.out--;
      if (lane.shard >= 0) this.#bundlesOut--;
      lane.queues.release(batch);
    }
    if (lane === undefined) this.#pumpUnordered();
    else this.#kickSoon(lane);
  }

  #settled(job: Job): void {
    this.commands--;
    this.bytes -= job.bytes;
  }

  #fail(job: Job, error: PublishError): void {
    this.#settled(job);
    tellFailed(job, error);
  }

  #drainQueues(): Job[] {
    const jobs = this.#lanes.flatMap((lane) => lane.queues.drain());
    jobs.push(...this.#singles.queues.drain(), ...this.#unordered.slice(this.#unorderedHead));
    this.#unordered = [];
    this.#unorderedHead = 0;
    return jobs;
  }
}

/** Subjects are made of them, long after the caller could be told. */
function requireNames({ id, sku, location, otherSkus = [] }: Job): void {
  const fault = [sku, location, ...otherSkus].find((name) => name === "" || !name.isWellFormed());
  if (fault === undefined) return;
  throw new PublishError(
    "command_nameless",
    `Cannot publish command ${id}: its SKU or location is ${JSON.stringify(fault)}, expected a name`,
    { sent: false, retryable: false },
  );
}

/** Tells whoever asked for this command that it failed. */
export function tellFailed(job: Job, error: PublishError): void {
  const { waiter } = job;
  job.waiter = undefined;
  waiter?.reject(error);
  tell(job, error, 0, "");
}

/** A throw of the caller's must not end the reading of acks: it surfaces as an uncaught exception. */
function tell(job: Job, error: PublishError | undefined, seq: number, stream: string): void {
  if (job.onSettled === undefined) return;
  try {
    job.onSettled(error, seq, stream);
  } catch (fault) {
    setImmediate(() => {
      throw fault;
    });
  }
}
