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
// P4. Commands and bytes not yet acked are bounded: trySend says false, the others wait in the order they
//     came, and whoever comes meanwhile waits behind them. How many wait is bounded too, and how long.
// P5. A failure says whether the command may stand in the log (`PublishError.sent`).
//
// `mode: "single"` sends one entry per command, as tills must; `via: "cmd"` leaves the choice of the
// shard to the server's mapping, and then neither epoch nor shard count matters.

import type { Decision } from "../shared/decisions.ts";
import {
  DECISION_TIMEOUT_MS,
  GIVE_UP_MS,
  PUBLISHER_BYTES_MAX,
  PUBLISHER_CALLS_MAX,
  PUBLISHER_COMMANDS_MAX,
  SWEEP_INTERVAL_MS,
} from "../shared/limits.ts";
import type { Command } from "../shared/messages.ts";
import type { NatsConnection } from "./connection.ts";
import type { Topology } from "./declarations.ts";
import { PublishError } from "./publish_error.ts";
import {
  type Encoded,
  type Job,
  jobOfCommand,
  jobOfEncoded,
  type OnSettled,
  type Pending,
} from "./publish_job.ts";
import { Lanes, tellFailed } from "./publish_lanes.ts";

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
  /** Calls (decide, post) not yet answered; one more fails with `publisher_full`. Default 65,536. */
  callsMax?: number;
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
  /** Calls (decide, post) not yet answered. */
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
  /**
   * Sends and waits for the ack only; waits for room first.
   * @throws PublishError; `publish_not_sent` when it could not leave within `giveUpMs`.
   */
  post(command: Command | Encoded): Promise<Stored>;
  /** The same as one entry of its own, whatever the mode. @throws PublishError. */
  publishSingle(command: Command | Encoded): Promise<Stored>;
  /** Sends without a promise; false = full: await ready(). @throws PublishError if it never can be sent. */
  trySend(command: Command | Encoded, onSettled?: OnSettled): boolean;
  /** Resolves when trySend may send: at once below the bounds, else after the calls that wait for room. */
  ready(): Promise<void>;
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
  readonly #callsMax: number;
  readonly #giveUpMs: number;
  /** Commands of decide and post not yet answered, in the order of the calls. */
  readonly #calls = new Set<Job>();
  /** Those of them that wait for room, the first first, and whether each is to go as an entry of its own. */
  readonly #roomWaiters = new Map<Job, boolean>();
  #readyWaiters: (() => void)[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(nc: NatsConnection, options: PublisherOptions) {
    this.#single = options.mode === "single";
    this.#commandsMax = options.commandsMax ?? PUBLISHER_COMMANDS_MAX;
    this.#bytesMax = options.bytesMax ?? PUBLISHER_BYTES_MAX;
    this.#callsMax = options.callsMax ?? PUBLISHER_CALLS_MAX;
    this.#giveUpMs = options.giveUpMs ?? GIVE_UP_MS;
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
  decide(command: Command, options?: { deadlineMs: number }): Promise<Decision | Pending> {
    return new Promise((resolve, reject) => {
      const mayPend = options !== undefined;
      const job = jobOfCommand(command, undefined, {
        resolve,
        reject: (error) => {
          this.#calls.delete(job);
          reject(error);
        },
        mayPend,
      });
      this.#call(job, this.#single, options?.deadlineMs ?? DECISION_TIMEOUT_MS);
    });
  }

  post(command: Command | Encoded): Promise<Stored> {
    return this.#post(command, this.#single);
  }

  publishSingle(command: Command | Encoded): Promise<Stored> {
    return this.#post(command, true);
  }

  trySend(command: Command | Encoded, onSettled?: OnSettled): boolean {
    this.#requireOpen();
    if (!this.#hasRoom()) return false;
    this.#lanes.add(jobOf(command, onSettled), this.#single);
    return true;
  }

  async ready(): Promise<void> {
    while (!this.#hasRoom() && !this.#closed)
      await new Promise<void>((resolve) => this.#readyWaiters.push(resolve));
  }

  async close(timeoutMs = 5_000): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const until = performance.now() + timeoutMs;
    const isBusy = () => this.#lanes.commands > 0 || this.#calls.size > 0;
    while (isBusy() && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 2));
    clearInterval(this.#sweeper);
    const unsent = [...this.#roomWaiters.keys()];
    this.#roomWaiters.clear();
    for (const job of unsent) tellFailed(job, closedError());
    this.#lanes.close();
    for (const job of [...this.#calls]) this.#expire(job);
    for (const wake of this.#readyWaiters.splice(0)) wake();
  }

  stats(): PublisherStats {
    const { commands, bytes, sender } = this.#lanes;
    return {
      commands,
      bytes,
      unacked: sender.unacked,
      waiting: this.#calls.size,
      ...sender.stats,
      connected: sender.connected,
    };
  }

  #post(command: Command | Encoded, single: boolean): Promise<Stored> {
    return new Promise((resolve, reject) => {
      const job = jobOf(command, (error, seq, stream) => {
        this.#calls.delete(job);
        if (error === undefined) resolve({ stream, seq });
        else reject(error);
      });
      this.#call(job, single, this.#giveUpMs);
    });
  }

  /** @throws PublishError when it is not even taken. */
  #call(job: Job, single: boolean, deadlineMs: number): void {
    this.#requireOpen();
    if (this.#calls.size >= this.#callsMax)
      throw new PublishError(
        "publisher_full",
        `Cannot publish ${job.id}: ${this.#calls.size} calls wait for their answer already`,
        { sent: false },
      );
    if (this.#hasRoom()) this.#lanes.add(job, single);
    else this.#roomWaiters.set(job, single);
    job.deadlineAtMs = performance.now() + deadlineMs;
    this.#calls.add(job);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError();
  }

  // ---------------------------------------------------------------- room

  /** P3, P4: what comes while others wait must not overtake them. */
  #hasRoom(): boolean {
    return this.#roomWaiters.size === 0 && this.#isBelowBounds();
  }

  #isBelowBounds(): boolean {
    return this.#lanes.commands < this.#commandsMax && this.#lanes.bytes < this.#bytesMax;
  }

  /** Refills by the quarter: many then leave together, not one for each ack. */
  #wakeWaiters(): void {
    if (this.#roomWaiters.size === 0 && this.#readyWaiters.length === 0) return;
    const { commands, bytes } = this.#lanes;
    if (commands > this.#commandsMax * 0.75 || bytes > this.#bytesMax * 0.75) return;
    for (const [job, single] of this.#roomWaiters) {
      if (!this.#isBelowBounds()) return;
      this.#roomWaiters.delete(job);
      try {
        this.#lanes.add(job, single);
      } catch (error) {
        tellFailed(job, error as PublishError);
      }
    }
    for (const wake of this.#readyWaiters.splice(0)) wake();
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
      this.#calls.delete(job);
      waiter.resolve(decision as Decision);
    }
  }

  #sweep(): void {
    if (this.#calls.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      return;
    }
    const nowMs = performance.now();
    for (const job of this.#calls) if (job.deadlineAtMs <= nowMs) this.#expire(job);
  }

  #expire(job: Job): void {
    const { waiter } = job;
    if (this.#roomWaiters.delete(job) || this.#lanes.remove(job)) {
      const why = this.#lanes.sender.connected ? "its turn did not come" : "no connection to NATS";
      tellFailed(
        job,
        new PublishError("publish_not_sent", `Cannot publish ${job.id} in time: ${why}`, {
          sent: false,
        }),
      );
      return;
    }
    this.#calls.delete(job); // of a post that has left its entry tells
    if (waiter === undefined) return;
    job.waiter = undefined;
    this.#lanes.waiterGone(job);
    if (waiter.mayPend) waiter.resolve({ status: "pending", id: job.id });
    else
      waiter.reject(
        new PublishError("decision_timeout", `Cannot tell the decision of ${job.id}: none came`, {
          sent: true,
          fields: { id: job.id },
        }),
      );
  }
}

function closedError(): PublishError {
  return new PublishError("publisher_closed", "Cannot publish: the publisher is closed", {
    sent: false,
    retryable: false,
  });
}

function jobOf(command: Command | Encoded, onSettled: OnSettled | undefined): Job {
  return "json" in command ? jobOfEncoded(command, onSettled) : jobOfCommand(command, onSettled);
}
