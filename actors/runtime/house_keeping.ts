// Owns the daily partitions of the ledger: made ahead so that rows do not pile up in the default one. Safe to
// run from any number of processes.

import { describeError } from "../../shared/errors.ts";
import {
  PARTITION_DAYS_AHEAD,
  PARTITION_LOCK_MS,
  PARTITION_RETRY_MS,
  TRIM_INTERVAL_MS,
} from "../../shared/limits.ts";
import type { Database, Transaction } from "../../shared/postgres.ts";
import type { Clock, Journal, Timer } from "./ports.ts";

const DAY_MS = 86_400_000;
/** Any number, as long as nobody else locks it: "days" in ASCII. */
const LOCK_KEY = 0x64617973;

/** Makes what is missing of today's and the coming days' partitions; returns the names made. */
export async function makePartitions(
  database: Database,
  nowMs: number,
  daysAhead = PARTITION_DAYS_AHEAD,
): Promise<string[]> {
  const made: string[] = [];
  for (let ahead = 0; ahead <= daysAhead; ahead++) {
    const dayMs = Math.floor(nowMs / DAY_MS) * DAY_MS + ahead * DAY_MS;
    const name = partitionName(dayMs);
    if (await database.transaction((sql) => makePartition(sql, name, dayMs))) made.push(name);
  }
  return made;
}

async function makePartition(sql: Transaction, name: string, dayMs: number): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(${LOCK_KEY})`;
  const [found] = await sql<{ there: boolean }[]>`select to_regclass(${name}) is not null as there`;
  if (found?.there) return false;
  const late = await sql`
    select from stock_transaction_default
    where appended_at >= ${time(dayMs)} and appended_at < ${time(dayMs + DAY_MS)} limit 1`;
  // Rows of that day that stand in the default partition stay there, and with them the day.
  if (late.length > 0) return false;
  // Everybody who asks for the ledger waits behind who waits for it alone: there are days to succeed in.
  await sql.unsafe(`set local lock_timeout = ${PARTITION_LOCK_MS}`);
  // DDL takes no parameters; name and times are made from a number.
  await sql.unsafe(
    `create table ${name} partition of stock_transaction
     for values from ('${time(dayMs)}') to ('${time(dayMs + DAY_MS)}')`,
  );
  await sql`select keep_ledger_statistics(${name}::regclass)`;
  return true;
}

const time = (ms: number): string => new Date(ms).toISOString();

function partitionName(dayMs: number): string {
  return `stock_transaction_${time(dayMs).slice(0, 10).replaceAll("-", "")}`;
}

/** Makes partitions now and from time to time; the first time is waited for. Faults are told. */
export async function keepHouse(
  database: Database,
  clock: Clock,
  journal: Journal,
): Promise<{ stop(): void }> {
  let timer: Timer | undefined;
  let stopped = false;
  const run = async (): Promise<void> => {
    let nextMs = TRIM_INTERVAL_MS;
    try {
      const made = await makePartitions(database, clock.nowMs());
      if (made.length > 0) journal.info({ made }, "partitions of the ledger made");
    } catch (error) {
      nextMs = PARTITION_RETRY_MS;
      journal.warn({ error: describeError(error) }, "cannot make partitions of the ledger");
    }
    if (!stopped) timer = clock.after(nextMs, () => void run());
  };
  await run();
  return {
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
