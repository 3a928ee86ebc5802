// Owns one entry of a lane on its way: it tells its commands what became of them, then frees its slot.
//
// The ack frees the slot. Only a small bundle whose decisions are waited for keeps it until they are here,
// and for DECISION_WAIT_MS at most (an actor may be away): its callers' next commands then travel together.

import { BUNDLE_OVERLAP_COMMANDS, DECISION_WAIT_MS } from "../shared/limits.ts";
import { type Entry, NEW_ENTRY } from "./entry_sender.ts";
import type { PublishError } from "./publish_error.ts";
import type { Job, JobEntry } from "./publish_job.ts";
import type { Batch } from "./sku_queues.ts";

/** What an entry asks of the lanes it came from; `L` is their kind of lane. */
export type LaneOwner<L> = {
  entryAcked(jobs: readonly Job[], seq: number, stream: string): void;
  entryFailed(jobs: readonly Job[], error: PublishError): void;
  entrySettled(lane: L | undefined, batch: Batch<Job> | undefined): void;
  onDecisions(jobs: readonly Job[], decisions: unknown): void;
};

/** `batch` and `lane` are absent for single entries without order. */
export class LaneEntry<L> implements JobEntry {
  readonly subject: string;
  readonly payload: string;
  readonly wantsDecisions: boolean;
  readonly jobs: readonly Job[];
  number: number = NEW_ENTRY.number;
  state: Entry["state"] = NEW_ENTRY.state;
  giveUpAtMs: number = NEW_ENTRY.giveUpAtMs;
  dueAtMs: number = NEW_ENTRY.dueAtMs;
  attempts: number = NEW_ENTRY.attempts;
  maybeStored: boolean = NEW_ENTRY.maybeStored;
  refusal: Entry["refusal"] = NEW_ENTRY.refusal;
  readonly #owner: LaneOwner<L>;
  readonly #stream: string | undefined;
  readonly #lane: L | undefined;
  readonly #batch: Batch<Job> | undefined;
  #waiting: NodeJS.Timeout | undefined;

  constructor(
    owner: LaneOwner<L>,
    subject: string,
    payload: string,
    wantsDecisions: boolean,
    jobs: readonly Job[],
    stream: string | undefined,
    lane: L | undefined,
    batch: Batch<Job> | undefined,
  ) {
    this.subject = subject;
    this.payload = payload;
    this.wantsDecisions = wantsDecisions;
    this.jobs = jobs;
    this.#owner = owner;
    this.#stream = stream;
    this.#lane = lane;
    this.#batch = batch;
    for (const job of jobs) job.out = this;
  }

  onAcked(seq: number, ack: Uint8Array | undefined): void {
    this.#owner.entryAcked(this.jobs, seq, this.#stream ?? streamOf(ack));
    const isBundle = this.#lane !== undefined && this.#stream !== undefined;
    if (isBundle && this.wantsDecisions && this.jobs.length < BUNDLE_OVERLAP_COMMANDS)
      this.#waiting = setTimeout(() => this.#freeSlot(), DECISION_WAIT_MS);
    else this.#owner.entrySettled(this.#lane, this.#batch);
  }

  onFailed(error: PublishError): void {
    this.#owner.entryFailed(this.jobs, error);
    this.#owner.entrySettled(this.#lane, this.#batch);
  }

  onDecisions(decisions: unknown): void {
    this.#owner.onDecisions(this.jobs, decisions);
    if (this.#waiting !== undefined) this.#freeSlot();
  }

  #freeSlot(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#owner.entrySettled(this.#lane, this.#batch);
  }
}

function streamOf(ack: Uint8Array | undefined): string {
  if (ack === undefined) return "";
  return (JSON.parse(new TextDecoder().decode(ack)) as { stream?: string }).stream ?? "";
}
