// Owns the demand windows: what was asked for of a SKU at a location in each local day (or hour), by event time.
// A projection of the ledger; a changed window is published as a whole value, the highest version wins. The
// rules are in docs/SPEC.md, section 13. All of it is set arithmetic inside Postgres: nothing of it runs where
// decisions are made.

import type { Database, Transaction } from "../../../shared/postgres.ts";
import { foldFacts, foldOrders } from "./demand_facts.ts";
import { mendLargest } from "./largest_orders.ts";
import { takeOrders } from "./orders.ts";
import { inPieces, type Projection, type Rest } from "./projection.ts";
import { keyPieces, sumRange } from "./range_sums.ts";
import { foldStockOut } from "./stock_out.ts";
import {
  clearWindows,
  followLocations,
  meetLocations,
  type WindowSettings,
} from "./window_calendar.ts";
import { closeWindows, followSignals } from "./window_closing.ts";
import { type PublishDemand, publishDue } from "./window_publisher.ts";
import { type FoldRange, makeWindowTables } from "./window_rows.ts";

export type DemandWindowsOptions = WindowSettings & {
  database: Database;
  publish: PublishDemand;
  /** The time by the clock, if the log is known to hold nothing beyond an entry; else undefined. */
  timeWhenLast?: (seq: number) => number | undefined;
};

export function demandWindows(options: DemandWindowsOptions): Projection {
  const { database, publish, graceMs, timeWhenLast } = options;
  return {
    name: "demand-windows",
    async prepare(sql, folded, rest) {
      await makeWindowTables(sql);
      const stale = await followLocations(sql, folded.shard, options);
      if (stale.length === 0) return;
      await clearWindows(sql, folded, stale);
      const all = { ...folded, afterSeq: 0, sinceMs: 0, locations: stale };
      await foldWindows(sql, all, options, rest);
    },
    fold: (sql, range, rest) => foldWindows(sql, { ...range, locations: null }, options, rest),
    async settle(sql, folded, committedMs) {
      await followSignals(sql, folded);
      const foldedMs = Math.max(committedMs, timeWhenLast?.(folded.toSeq) ?? 0);
      await closeWindows(sql, folded, foldedMs - graceMs);
    },
    emit: (shard, rest) => publishDue(database, publish, shard, rest),
  };
}

async function foldWindows(
  sql: Transaction,
  range: FoldRange,
  settings: WindowSettings,
  rest: Rest,
): Promise<void> {
  const kinds = await sumRange(sql, range, rest);
  await meetLocations(sql, range, settings);
  const pieces = keyPieces(kinds.rows);
  await foldStockOut(sql, range, pieces, rest);
  await inPieces(pieces, rest, (piece) => foldFacts(sql, range, piece));
  if (!kinds.hasParts && !kinds.hasVoids) return;
  const orders = await takeOrders(sql, range, kinds, rest);
  await inPieces(keyPieces(orders), rest, async (piece) => {
    await foldOrders(sql, range, piece);
    if (kinds.isTakenBack) await mendLargest(sql, range, piece);
  });
}
