// Pure.
// The alert of a shard that halted: a row for people and a message for whoever listens.
import type { AlertMessage } from "../../shared/effects.ts";
import { formatTime } from "../../shared/time.ts";
import { alertSubject } from "../../streams/subjects.ts";
import type { OutboxRow } from "./ports.ts";

export const HALT_KIND = "shardHalted";

export type Halt = {
  epoch: number;
  shard: number;
  reason: string;
  message: string;
  committedSeq: number;
};

/** The same halt at the same place is one alert, however often it is met. */
export function haltId({ epoch, shard, reason, committedSeq }: Halt): string {
  return `alert/${HALT_KIND}/${epoch}.${shard}/${reason}/${committedSeq}`;
}

export function haltText({ epoch, shard, reason, message }: Halt): string {
  return `Shard ${shard} of epoch ${epoch} halted (${reason}): ${message}`;
}

/** A message as the relay publishes them; a shard is named where others name a SKU. */
export function haltAlert(halt: Halt, nowMs: number): OutboxRow {
  const { epoch, shard, reason, committedSeq } = halt;
  const id = haltId(halt);
  const sku = `shard-${epoch}-${shard}`;
  const message: AlertMessage = {
    id,
    epoch,
    shard,
    seq: committedSeq,
    index: 0,
    sku,
    location: "-",
    at: formatTime(nowMs),
    kind: HALT_KIND,
    text: haltText(halt),
    details: { reason, committedSeq },
  };
  const subject = alertSubject(HALT_KIND, "-", sku);
  return { number: 0, effectId: id, kind: "alert", subject, payload: JSON.stringify(message) };
}
