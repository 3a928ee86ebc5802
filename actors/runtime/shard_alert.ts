// Owns telling people of a shard as such: a row for them, and a message for whoever listens. Best effort.
import type { AlertMessage } from "../../shared/effects.ts";
import { describeError } from "../../shared/errors.ts";
import { formatTime } from "../../shared/time.ts";
import { alertSubject } from "../../streams/subjects.ts";
import type { OutboxRow, RunnerPorts } from "./ports.ts";

export type ShardAlert = {
  /** The same finding is one alert, however often it is met. */
  id: string;
  kind: string;
  epoch: number;
  shard: number;
  /** Where the shard stood. */
  seq: number;
  text: string;
  details: Record<string, unknown>;
};

export function raiseAlert(
  { clock, store, effects, journal }: Pick<RunnerPorts, "clock" | "store" | "effects" | "journal">,
  alert: ShardAlert,
): void {
  const { id, kind, text, epoch, shard } = alert;
  void store
    .alert({ id, kind, text, details: { epoch, shard, ...alert.details } })
    .catch((error: unknown) =>
      journal.error({ error: describeError(error) }, "cannot store the alert"),
    );
  void effects.publish(rowOf(alert, clock.nowMs())).catch(() => {});
}

/** A message as the relay publishes them; a shard is named where others name a SKU. */
function rowOf({ id, kind, epoch, shard, seq, text, details }: ShardAlert, nowMs: number) {
  const sku = `shard-${epoch}-${shard}`;
  const at = formatTime(nowMs);
  const place = { epoch, shard, seq, index: 0, sku, location: "-", at };
  const message: AlertMessage = { id, ...place, kind, text, details };
  const subject = alertSubject(kind, "-", sku);
  const payload = JSON.stringify(message);
  return { number: 0, effectId: id, kind: "alert", subject, payload } satisfies OutboxRow;
}
