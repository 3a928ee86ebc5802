// Owns publishing demand windows: whole values, at least once; a window that changes meanwhile stays due.

import type { DemandMessage } from "../../../shared/effects.ts";
import type { Database } from "../../../shared/postgres.ts";
import { formatTime } from "../../../shared/time.ts";
import { demandSubject, toToken } from "../../../streams/subjects.ts";
import type { Rest } from "./projection.ts";
import { byIndex } from "./query_plans.ts";

/** Publishes one message; resolves once stored. A repeat of an id is harmless. */
export type PublishDemand = (subject: string, id: string, payload: string) => Promise<void>;

/** Published at once: some milliseconds of work for three processes. */
const EMIT_ROWS_MAX = 100;

/** Publishes what is due of a shard, once through in the order of its key, a batch at a time. */
export async function publishDue(
  database: Database,
  publish: PublishDemand,
  shard: number,
  rest: Rest,
): Promise<void> {
  let after: DueWindow | undefined;
  for (;;) {
    const startedMs = performance.now();
    const due = await readDue(database, shard, after);
    await Promise.all(due.map((window) => publishWindow(publish, window)));
    await markPublished(database, shard, due);
    if (due.length < EMIT_ROWS_MAX) return;
    after = due.at(-1);
    if (!(await rest(performance.now() - startedMs))) return;
  }
}

/** A window as its message tells it. */
type DueWindow = Omit<DemandMessage, "id" | "windowStart" | "windowEnd" | "removed"> & {
  startMs: number;
  endMs: number;
  removed: boolean;
};

/**
 * What is due after a window: beginning at the start each time would walk over all that was just published. A
 * window that is no more is told as one of no length in which nothing happened.
 */
function readDue(
  database: Database,
  shard: number,
  after: DueWindow | undefined,
): Promise<readonly DueWindow[]> {
  const { sku, location, startMs } = after ?? { sku: "", location: "", startMs: 0 };
  return byIndex(
    database,
    (sql) => sql<DueWindow[]>`
      select d.sku, d.location, (extract(epoch from d.window_start) * 1000)::int8 as "startMs",
        (extract(epoch from coalesce(w.window_end, d.window_start)) * 1000)::int8 as "endMs",
        coalesce(w.local_day, (d.window_start at time zone 'UTC')::date)::text as "localDay",
        coalesce(w.demand, 0) as demand, coalesce(w.lost, 0) as lost, coalesce(w.orders, 0) as orders,
        coalesce(w.largest_order, 0) as "largestOrder", coalesce(w.returns, 0) as returns,
        coalesce(w.transfers, 0) as transfers, coalesce(w.counts, 0) as counts,
        coalesce(w.minutes_open, 0) as "minutesOpen", w.minutes_out_of_stock as "minutesOutOfStock",
        coalesce(w.signals, '{}') as signals, coalesce(w.closed, true) as closed, d.removed, d.version
      from demand_due d
      left join demand_window w
        on w.sku = d.sku and w.location = d.location and w.window_start = d.window_start
      where d.shard = ${shard} and (d.sku, d.location, d.window_start)
        > (${sku}, ${location}, ${formatTime(startMs)}::text::timestamptz)
      order by d.sku, d.location, d.window_start limit ${EMIT_ROWS_MAX}`,
  );
}

async function publishWindow(publish: PublishDemand, window: DueWindow): Promise<void> {
  const { sku, location, startMs, endMs, removed, version, ...rest } = window;
  const id = `demand:${toToken(location)}:${toToken(sku)}:${startMs}:${version}`;
  const message: DemandMessage = {
    id,
    sku,
    location,
    windowStart: formatTime(startMs),
    windowEnd: formatTime(endMs),
    ...rest,
    ...(removed ? { removed: true } : {}),
    version,
  };
  await publish(demandSubject(location, sku), id, JSON.stringify(message));
}

/** Only the version that was published: a newer one stays due. They stand next to each other, and are looked for there only. */
async function markPublished(
  database: Database,
  shard: number,
  windows: readonly DueWindow[],
): Promise<void> {
  const [first, last] = [windows[0], windows.at(-1)];
  if (first === undefined || last === undefined) return;
  const skus = windows.map((window) => window.sku);
  const locations = windows.map((window) => window.location);
  const starts = windows.map((window) => formatTime(window.startMs));
  const versions = windows.map((window) => window.version);
  await byIndex(
    database,
    (sql) => sql`
      delete from demand_due d
      using unnest(${skus}::text[], ${locations}::text[], ${starts}::text[], ${versions}::text[])
        as p (sku, location, start, version)
      where d.shard = ${shard} and d.sku = p.sku and d.location = p.location
        and d.window_start = p.start::timestamptz and d.version = p.version
        and (d.sku, d.location, d.window_start)
          >= (${first.sku}, ${first.location}, ${formatTime(first.startMs)}::text::timestamptz)
        and (d.sku, d.location, d.window_start)
          <= (${last.sku}, ${last.location}, ${formatTime(last.startMs)}::text::timestamptz)`,
  );
}
