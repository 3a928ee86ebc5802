// Which projections follow the ledger of each shard.

import type { Database } from "../../../shared/postgres.ts";
import { demandWindows } from "./demand_windows.ts";
import { leadTimes } from "./lead_times.ts";
import { policies } from "./policies.ts";
import type { IsLast } from "./projecting_host.ts";
import type { Projection } from "./projection.ts";
import type { WindowSettings } from "./window_calendar.ts";
import type { PublishDemand } from "./window_publisher.ts";

export type LedgerProjectionsOptions = {
  database: Database;
  publish: PublishDemand;
  windows: WindowSettings;
  /** Lead time of a SKU of which nothing tells one. */
  leadTimeDays: number;
};

/** What the log is known to hold was known so long ago at most, in ms. */
const KNOWN_AGO_MS = 1_000;

/** The projections of one shard. */
export function ledgerProjections(
  { database, publish, windows, leadTimeDays }: LedgerProjectionsOptions,
  isLast: IsLast,
): readonly Projection[] {
  const timeWhenLast = (seq: number) => (isLast(seq) ? Date.now() - KNOWN_AGO_MS : undefined);
  const demand = demandWindows({ ...windows, database, publish, timeWhenLast });
  return [demand, leadTimes(leadTimeDays), policies()];
}
