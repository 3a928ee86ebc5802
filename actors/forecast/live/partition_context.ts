// Pure.
// What a partition needs of the process it runs in.
import type { Database } from "../../../shared/postgres.ts";
import type { Publisher } from "../../../streams/publisher.ts";
import type { Journal } from "../../runtime/ports.ts";
import type { RefitPool } from "../refit_pool.ts";
import type { SeriesName } from "./history.ts";
import type { PolicySettings } from "./policy_settings.ts";
import type { SignalBook } from "./signal_book.ts";

export type PartitionContext = {
  readonly shard: number;
  readonly database: Database;
  readonly publisher: Publisher;
  readonly pool: RefitPool;
  readonly settings: PolicySettings;
  readonly signals: SignalBook;
  /** Days a vendor takes of whom nothing is known. */
  readonly leadTimeDays: number;
  readonly journal: Journal;
  readonly nowMs: () => number;
  /** Tells people that a fit had to be replaced by the plain forecast, or a plan was refused. */
  readonly alert: (kind: string, of: SeriesName, text: string) => void;
};
