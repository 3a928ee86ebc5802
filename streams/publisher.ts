// Owns the way of commands into the log, for whoever writes many: edge, importer, bench, tills.
//
//     const publisher = createPublisher(nc, { epoch: 1, shards: 8 });
//     const decision = await publisher.decide({ type: "sale", sku, location, qty: 1 });
//     const { stream, seq } = await publisher.post(command);        // stored, decided later
//     while (publisher.trySend(command, onSettled)) …               // no promise per command
//     await publisher.ready(); … ; await publisher.close();
//
// P1. Every command has an id before it is first sent (minted here if need be), so a repeat after a
//     lost ack is known again by the fold. A decision may then say `duplicate`: `first` counts.
// P2. Bundles are group commit: at most two unacked entries a shard, what comes meanwhile travels
//     together. Slots are freed by the ack, not by the decision: a dead actor stops nobody.
// P3. One SKU never stands in two unacked entries of one publisher, so its order is the order of
//     the calls (not with `keepOrder: false`, nor between publishSingle and bundles).
// P4. Commands and bytes not yet acked are bounded: trySend says false, the others wait.
// P5. A failure says whether the command may stand in the log (`PublishError.sent`).
//
// `mode: "single"` sends one entry per command, as tills must; `via: "cmd"` leaves the choice of the
// shard to the server's mapping, and then neither epoch nor shard count matters.

import {
  DECISION_TIMEOUT_MS,
  DECISIONS_WAITING_MAX,
  PUBLISHER_BYTES_MAX,
  PUBLISHER_COMMANDS_MAX,
  SWEEP_INTERVAL_MS,
} from "../shared/limits.ts";
import type { Command, Decision } from "../shared/messages.ts";
import type { NatsConnection } from "./connection.ts";
import type { Topology } from "./declarations.ts";
import { PublishError } from "./publish_error.ts";
import {
  type DecisionWaiter,
  type Encoded,
  type Job,
  jobOfCommand,
  jobOfEncoded,
  type OnSettled,
  type Pending,
} from "./publish_job.ts";
import { Lanes } from "./publish_lanes.ts";

export type { Encoded, OnSettled, Pending } from "./publish_job.ts";

/** Where a command is stored. */
export type Stored = { stream: string; seq: number };

export type PublisherOptions = Topology & {
  /** Default `bundle`. Tills are denied bundles. */
  mode?: "bundle" | "single";
  /** Single entries: to the shard's log (default), or to inv.cmd for the server to map. */
  via?: "log" | "cmd";
  /** Single entries: wait for the ack of a SKU's command before its next leaves; default true. */
  keepOrder?: boolean;
  /** Bounds of what is not yet acked; default 32,768 commands, 32 MiB. */
  commandsMax?: number;
  bytesMax?: number;
  /** First wait for an ack, ms (doubled at each repeat), default 1000; and when to give up, default 30,000. */
  ackTimeoutMs?: number;
  giveUpMs?: number;
  bundlesInFlightMax?: number;
  singlesInFlightMax?: number;
};

export type PublisherStats = {
  /** Commands queued or unacked, and their bytes. */
  commands: number;
  bytes: number;
  /** Entries unacked now. */
  unacked: number;
  /** Commands whose decision is waited for. */
  waiting: number;
  /** Entries since the start. */
  sent: number;
  repeated: number;
  acked: number;
  failed: number;
  connected: boolean;
};

export type Publisher = {
  /**
   * Sends and waits for the decision.
   * @throws PublishError; after 30 s without a decision `decision_timeout` with `sent` true.
   */
  decide(command: Command): Promise<Decision>;
  /**
   * The same with a deadline: `{ status: "pending", id }` when it passes and the command is or may be
   * in the log. @throws PublishError `publish_not_sent` when it passes before anything was sent.
   */
  decide(command: Command, options: { deadlineMs: number }): Promise<Decision | Pending>;
  /** Sends and waits for the ack only; waits for room first. @throws PublishError. */
  post(command: Command | Encoded): Promise<Stored>;
  /** The same as one entry of its own, whatever the mode. @throws PublishError. */
  publishSingle(command: Command | Encoded): Promise<Stored>;
  /** Sends without a promise; false = full: await ready(). @throws PublishError if it never can be sent. */
  trySend(command: Command | Encoded, onSettled?: OnSettled): boolean;
  /** Resolves when there is room again: at once below the bounds, else below three quarters of them. */
  ready(): Promise<void>;
  /** Publishes into this epoch from now on, once what is under way is settled. */
  update(topology: Topology): void;
  /** Takes nothing more, waits for acks and decisions up to `timeoutMs` (default 5000), then stops. */
  close(timeoutMs?: number): Promise<void>;
  stats(): PublisherStats;
};

/** A publisher on a connection of the caller's; close() leaves the connection open. */
export function createPublisher(nc: NatsConnection, options: PublisherOptions): Publisher {
  return new PublisherShell(nc, options);
}

class PublisherShell implements Publisher {
  readonly #lanes: Lanes;
  readonly #single: boolean;
  readonly #commandsMax: number;
  readonly #bytesMax: number;
  readonly #waiting = new Set<Job>();
  #roomWaiters: (() => void)[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(nc: NatsConnection, options: PublisherOptions) {
    this.#single = options.mode === "single";
    this.#commandsMax = options.commandsMax ?? PUBLISHER_COMMANDS_MAX;
    this.#bytesMax = options.bytesMax ?? PUBLISHER_BYTES_MAX;
    this.#lanes = new Lanes(
      nc,
      { epoch: options.epoch, shards: options.shards },
      { mode: "bundle", via: "log", keepOrder: true, ...options },
    );
    this.#lanes.onRoom = () => this.#wakeWaiters();
    this.#lanes.onDecisions = (jobs, decisions) => this.#onDecisions(jobs, decisions);
  }

  decide(command: Command): Promise<Decision>;
  decide(command: Command, options: { deadlineMs: number }): Promise<Decision | Pending>;
  async decide(command: Command, options?: { deadlineMs: number }): Promise<Decision | Pending> {
    if (this.#waiting.size >= DECISIONS_WAITING_MAX)
      throw new PublishError(
        "publisher_full",
        `Cannot publish: ${this.#waiting.size} commands wait for their decision already`,
        { sent: false },
      );
    const deadlineAtMs = performance.now() + (options?.deadlineMs ?? DECISION_TIMEOUT_MS);
    if (!this.#hasRoom()) await this.#room(deadlineAtMs);
    return new Promise((resolve, reject) => {
      const mayPend = options !== undefined;
      const waiter: DecisionWaiter = { resolve, reject, deadlineAtMs, mayPend };
      const job = jobOfCommand(command, undefined, waiter);
      waiter.reject = (error) => {
        this.#waiting.delete(job);
        reject(error);
      };
      this.#add(job, this.#single);
      this.#waiting.add(job);
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    });
  }

  post(command: Command | Encoded): Promise<Stored> {
    return this.#post(command, this.#single);
  }

  publishSingle(command: Command | Encoded): Promise<Stored> {
    return this.#post(command, true);
  }

  trySend(command: Command | Encoded, onSettled?: OnSettled): boolean {
    if (!this.#hasRoom() && !this.#closed) return false;
    this.#add(jobOf(command, onSettled), this.#single);
    return true;
  }

  async ready(): Promise<void> {
    while (!this.#hasRoom() && !this.#closed) await this.#room(undefined);
  }

  update(topology: Topology): void {
    this.#lanes.update(topology);
  }

  async close(timeoutMs = 5_000): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const until = performance.now() + timeoutMs;
    const isBusy = () => this.#lanes.commands > 0 || this.#waiting.size > 0;
    while (isBusy() && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 2));
    clearInterval(this.#sweeper);
    this.#lanes.close();
    for (const job of [...this.#waiting]) this.#expire(job);
    for (const wake of this.#roomWaiters.splice(0)) wake();
  }

  stats(): PublisherStats {
    const { commands, bytes, sender } = this.#lanes;
    return {
      commands,
      bytes,
      unacked: sender.unacked,
      waiting: this.#waiting.size,
      ...sender.stats,
      connected: sender.connected,
    };
  }

  async #post(command: Command | Encoded, single: boolean): Promise<Stored> {
    while (!this.#hasRoom() && !this.#closed) await this.#room(undefined);
    return new Promise((resolve, reject) => {
      const onSettled: OnSettled = (error, seq, stream) => {
        if (error === undefined) resolve({ stream, seq });
        else reject(error);
      };
      this.#add(jobOf(command, onSettled), single);
    });
  }

  #add(job: Job, single: boolean): void {
    if (this.#closed)
      throw new PublishError("publisher_closed", "Cannot publish: the publisher is closed", {
        sent: false,
        retryable: false,
      });
    this.#lanes.add(job, single);
  }

  // ---------------------------------------------------------------- room

  #hasRoom(): boolean {
    return this.#lanes.commands < this.#commandsMax && this.#lanes.bytes < this.#bytesMax;
  }

  /** Waits for room until the deadline. @throws PublishError `publish_not_sent`. */
  async #room(deadlineAtMs: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const woken = new Promise<boolean>((resolve) => {
      const wake = () => resolve(true);
      this.#roomWaiters.push(wake);
      if (deadlineAtMs === undefined) return;
      timer = setTimeout(
        () => {
          this.#roomWaiters = this.#roomWaiters.filter((waiter) => waiter !== wake);
          resolve(false);
        },
        Math.max(0, deadlineAtMs - performance.now()),
      );
    });
    const isRoom = await woken;
    clearTimeout(timer);
    if (isRoom) return;
    throw new PublishError(
      "publish_not_sent",
      `Cannot publish: ${this.#lanes.commands} commands wait to be stored already`,
      { sent: false },
    );
  }

  #wakeWaiters(): void {
    if (this.#roomWaiters.length === 0) return;
    const { commands, bytes } = this.#lanes;
    if (commands > this.#commandsMax * 0.75 || bytes > this.#bytesMax * 0.75) return;
    for (const wake of this.#roomWaiters.splice(0, this.#commandsMax - commands)) wake();
  }

  // ---------------------------------------------------------------- decisions

  #onDecisions(jobs: readonly Job[], decisions: unknown): void {
    // An entry that is no command at all is answered by one decision for all of it.
    const list = Array.isArray(decisions) ? decisions : jobs.map(() => decisions);
    for (let i = 0; i < jobs.length; i++) {
      const job = jobs[i] as Job;
      const { waiter } = job;
      const decision: unknown = list[i];
      if (waiter === undefined || typeof decision !== "object" || decision === null) continue;
      job.waiter = undefined;
      this.#waiting.delete(job);
      waiter.resolve(decision as Decision);
    }
  }

  #sweep(): void {
    if (this.#waiting.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      return;
    }
    const nowMs = performance.now();
    for (const job of this.#waiting)
      if (job.waiter !== undefined && job.waiter.deadlineAtMs <= nowMs) this.#expire(job);
  }

  #expire(job: Job): void {
    const { waiter } = job;
    this.#waiting.delete(job);
    if (waiter === undefined) return;
    job.waiter = undefined;
    this.#lanes.waiterGone(job);
    if (this.#lanes.remove(job)) {
      const why = this.#lanes.sender.connected ? "its turn did not come" : "no connection to NATS";
      waiter.reject(
        new PublishError("publish_not_sent", `Cannot publish ${job.id} in time: ${why}`, {
          sent: false,
        }),
      );
    } else if (waiter.mayPend) waiter.resolve({ status: "pending", id: job.id });
    else
      waiter.reject(
        new PublishError("decision_timeout", `Cannot tell the decision of ${job.id}: none came`, {
          sent: true,
          fields: { id: job.id },
        }),
      );
  }
}

function jobOf(command: Command | Encoded, onSettled: OnSettled | undefined): Job {
  return "json" in command ? jobOfEncoded(command, onSettled) : jobOfCommand(command, onSettled);
}
