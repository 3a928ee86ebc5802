// Owns telling people what went wrong in forecasting: a row of `alert` and a message in the stream ALERTS, once a day
// for each kind and series. Best effort: a forecast is not held up for it.
import type { AlertMessage } from "../../../shared/effects.ts";
import { describeError } from "../../../shared/errors.ts";
import type { Database } from "../../../shared/postgres.ts";
import { formatTime } from "../../../shared/time.ts";
import { alertSubject } from "../../../streams/subjects.ts";
import type { AckedPublisher } from "../../runtime/effect_publisher.ts";
import type { Journal } from "../../runtime/ports.ts";
import type { SeriesName } from "./history.ts";

const REMEMBERED_MAX = 10_000;

export type AlertOptions = {
  database: Database;
  publisher: AckedPublisher;
  journal: Journal;
  epoch: number;
  shardOf: (sku: string) => number;
  nowMs: () => number;
};

export function forecastAlerts(
  options: AlertOptions,
): (kind: string, of: SeriesName, text: string) => void {
  const told = new Set<string>();
  return (kind, { sku, location }, text) => {
    const at = formatTime(options.nowMs());
    const id = `alert/${kind}/${location}/${sku}/${at.slice(0, 10)}`;
    if (told.has(id)) return;
    if (told.size >= REMEMBERED_MAX) told.clear();
    told.add(id);
    const { epoch, shardOf } = options;
    const message: AlertMessage = {
      id,
      epoch,
      shard: shardOf(sku),
      seq: 0,
      index: 0,
      sku,
      location,
      at,
      kind,
      text,
    };
    options.journal.warn({ kind, sku, location, text }, "alert");
    tell(options, message).catch((error: unknown) => {
      told.delete(id);
      options.journal.warn({ kind, error: describeError(error) }, "cannot tell an alert");
    });
  };
}

async function tell({ database, publisher }: AlertOptions, message: AlertMessage): Promise<void> {
  const { id, kind, sku, location, text, at } = message;
  const body = JSON.stringify(message);
  await database.run(
    (sql) => sql`
      insert into alert (alert, kind, sku, location, text, body, raised_at)
      values (${id}, ${kind}, ${sku}, ${location}, ${text}, ${body}::text::jsonb, ${at}::text::timestamptz)
      on conflict (alert) do nothing`,
  );
  await publisher.publish(alertSubject(kind, location, sku), body, id);
}
