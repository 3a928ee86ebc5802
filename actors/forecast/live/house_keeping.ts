// Owns forgetting forecasts that are older than the setting. Safe to run from any number of processes.
import { describeError } from "../../../shared/errors.ts";
import type { Database } from "../../../shared/postgres.ts";
import type { Journal } from "../../runtime/ports.ts";
import { forgetForecasts } from "./forecast_store.ts";

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;

/** Forgets now and each hour what was forecast of days more than `keepDays` ago. */
export function forgetOldForecasts(
  database: Database,
  { keepDays, journal, nowMs }: { keepDays: number; journal: Journal; nowMs: () => number },
): { stop(): void } {
  const run = async (): Promise<void> => {
    try {
      const gone = await forgetForecasts(database, Math.floor(nowMs() / DAY_MS) - keepDays);
      if (gone > 0) journal.info({ gone, keepDays }, "old forecasts forgotten");
    } catch (error) {
      journal.warn({ error: describeError(error) }, "cannot forget old forecasts: will try again");
    }
  };
  void run();
  const timer = setInterval(() => void run(), EVERY_MS);
  return { stop: () => clearInterval(timer) };
}
