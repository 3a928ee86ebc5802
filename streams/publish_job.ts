// Owns one command on its way through a publisher: its JSON with an id in it, what it touches, and
// whom to tell.

import { Buffer } from "node:buffer";
import { nuid } from "@nats-io/transport-node";
import type { Decision } from "../shared/decisions.ts";
import type { Command } from "../shared/messages.ts";
import type { Entry } from "./entry_sender.ts";
import type { PublishError } from "./publish_error.ts";
import type { Queueable } from "./sku_queues.ts";

/** A command that is JSON already. The JSON must hold the same `sku`, `location` and `id`. */
export type Encoded = { sku: string; location: string; id: string; json: string };

/** Called once: stored at `seq` of `stream`, or failed with `error`. */
export type OnSettled = (error: PublishError | undefined, seq: number, stream: string) => void;

/** No decision yet, but the command is (or may be) in the log and will be decided: ask by its id. */
export type Pending = { status: "pending"; id: string };

/** Who waits for the decision of a command. */
export type DecisionWaiter = {
  resolve(result: Decision | Pending): void;
  reject(error: PublishError): void;
  /** At the deadline: true resolves as pending, false rejects. */
  mayPend: boolean;
};

export type Job = Queueable & {
  readonly location: string;
  readonly id: string;
  readonly json: string;
  /** When the publisher's caller is told that it was not sent, or not decided. */
  deadlineAtMs: number;
  readonly onSettled: OnSettled | undefined;
  /** Removed once it is told. */
  waiter: DecisionWaiter | undefined;
  /** The entry it left with, once it may be on the wire. */
  out: JobEntry | undefined;
};

/** An entry and the commands in it. */
export type JobEntry = Entry & { readonly jobs: readonly Job[] };

export function jobOfCommand(
  command: Command,
  onSettled?: OnSettled,
  waiter?: DecisionWaiter,
): Job {
  const { sku, location } = command;
  const id = command.id ?? nuid.next();
  const json = JSON.stringify(command.id === undefined ? { ...command, id } : command);
  return makeJob({ sku, location, id, json }, otherSkus(command), onSettled, waiter);
}

export function jobOfEncoded(encoded: Encoded, onSettled?: OnSettled): Job {
  return makeJob(encoded, undefined, onSettled, undefined);
}

function makeJob(
  encoded: Encoded,
  others: readonly string[] | undefined,
  onSettled: OnSettled | undefined,
  waiter: DecisionWaiter | undefined,
): Job {
  return {
    sku: encoded.sku,
    otherSkus: others,
    bytes: Buffer.byteLength(encoded.json) + 1, // with its comma
    location: encoded.location,
    id: encoded.id,
    json: encoded.json,
    deadlineAtMs: Number.POSITIVE_INFINITY,
    onSettled,
    waiter,
    out: undefined,
  };
}

function otherSkus(command: Command): readonly string[] | undefined {
  if (!("lines" in command)) return undefined;
  const skus = new Set(command.lines.map((line) => line.sku));
  skus.delete(command.sku);
  return skus.size === 0 ? undefined : [...skus];
}
