// Owns the questions about a log other than its entries in order: which log it is, how far it goes,
// and what stands at one place.

import { createHash } from "node:crypto";
import { OnhandError } from "../shared/errors.ts";
import type { NatsConnection } from "./connection.ts";
import { natsFault } from "./connection.ts";
import { millisOf, nanosecondsOf } from "./delivery.ts";
import { REPLY_HEADER, replySubject } from "./subjects.ts";
import { isMissing, manager } from "./topology.ts";

/** One entry of a log. */
export type ReadEntry = {
  seq: number;
  /** The server's append time, whole ms since 1970; may go back. */
  appendedAtMs: number;
  subject: string;
  payload: Uint8Array;
  /** Where the caller wants the decision (header Onhand-Reply-To), if anywhere. */
  replyTo?: string;
};

/** `created` names one stream for life: a stream made anew under the same name differs. */
export type StreamIdentity = {
  stream: string;
  created: string;
  /** 0 and 0 while it never held an entry; first = last + 1 when all were trimmed. */
  firstSeq: number;
  lastSeq: number;
  messages: number;
};

/** @throws OnhandError `stream_missing` or `nats_unavailable`. */
export async function streamIdentity(nc: NatsConnection, stream: string): Promise<StreamIdentity> {
  try {
    const info = await (await manager(nc)).streams.info(stream);
    return {
      stream,
      created: info.created,
      firstSeq: info.state.first_seq,
      lastSeq: info.state.last_seq,
      messages: info.state.messages,
    };
  } catch (error) {
    if (isMissing(error))
      throw new OnhandError("stream_missing", `Cannot look at stream ${stream}: there is none`, {
        retryable: true,
      });
    throw natsFault(`look at stream ${stream}`, error);
  }
}

/** What a log takes, and may take before it refuses more (Infinity: no limit). */
export type LogSize = { bytes: number; bytesMax: number; firstSeq: number; lastSeq: number };

/** @throws OnhandError `nats_unavailable` */
export async function logSize(nc: NatsConnection, stream: string): Promise<LogSize> {
  try {
    const { config, state } = await (await manager(nc)).streams.info(stream);
    const bytesMax = config.max_bytes > 0 ? config.max_bytes : Number.POSITIVE_INFINITY;
    const { bytes, first_seq: firstSeq, last_seq: lastSeq } = state;
    return { bytes, bytesMax, firstSeq, lastSeq };
  } catch (error) {
    throw natsFault(`look at stream ${stream}`, error);
  }
}

/** An entry with the server's append time to the nanosecond, which tells two entries apart. */
export type StoredEntry = ReadEntry & { time: string };

/** The entry at `seq`, or undefined when it is trimmed or not there yet. @throws OnhandError. */
export async function readEntry(
  nc: NatsConnection,
  stream: string,
  seq: number,
): Promise<StoredEntry | undefined> {
  if (seq < 1) return undefined;
  try {
    // From the leader: a copy may lag behind what was delivered already.
    const found = await (await manager(nc)).streams.getMessage(stream, { seq });
    if (found === null) return undefined;
    const time = nanosecondsOf(found.timestamp);
    const replyTo = replySubject(found.header.get(REPLY_HEADER));
    return {
      seq: found.seq,
      appendedAtMs: millisOf(time),
      time,
      subject: found.subject,
      payload: found.data,
      ...(replyTo === undefined ? {} : { replyTo }),
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw natsFault(`read entry ${seq} of ${stream}`, error);
  }
}

/** SHA-256 (hex) over sequence, append time in ms, subject and payload: what a checkpoint compares. */
export function entryDigest(entry: ReadEntry): string {
  return createHash("sha256")
    .update(`${entry.seq}\n${entry.appendedAtMs}\n${entry.subject}\n`)
    .update(entry.payload)
    .digest("hex");
}
