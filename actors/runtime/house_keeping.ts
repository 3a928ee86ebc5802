// Owns the partitions of the ledger, each of a span of append time: made ahead, so that rows do not pile up in the default
// one, and the longer the fewer rows come, for whatever is asked without a time asks each. Safe to run from any number of
// processes. Why not one a day: docs/decisions/0010-ledger-partitions.md.

import { describeError } from "../../shared/errors.ts";
import {
  type LedgerPartition,
  type LedgerSpan,
  ledgerPartitions,
} from "../../shared/ledger_partitions.ts";
import {
  PARTITION_BYTES,
  PARTITION_DAYS_AHEAD,
  PARTITION_DAYS_MAX,
  PARTITION_LOCK_MS,
  PARTITION_RETRY_MS,
  TRIM_INTERVAL_MS,
} from "../../shared/limits.ts";
import type { Database, Transaction } from "../../shared/postgres.ts";
import type { Clock, Journal, Timer } from "./ports.ts";

const DAY_MS = 86_400_000;
/** Any number, as long as nobody else locks it: "days" in ASCII. */
const LOCK_KEY = 0x64617973;

/** Makes what is missing of partitions from today to some days ahead, of about `bytes` each; returns the names made. */
export async function makePartitions(
  database: Database,
  nowMs: number,
  daysAhead = PARTITION_DAYS_AHEAD,
  bytes = PARTITION_BYTES,
): Promise<string[]> {
  const made: string[] = [];
  for (;;) {
    const name = await database.transaction((sql) => makeNext(sql, nowMs, daysAhead, bytes));
    if (name === undefined) return made;
    made.push(name);
  }
}

/** Makes the first that is missing, and returns its name. */
async function makeNext(
  sql: Transaction,
  nowMs: number,
  daysAhead: number,
  bytes: number,
): Promise<string | undefined> {
  await sql`select pg_advisory_xact_lock(${LOCK_KEY})`;
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const untilMs = nowMs + daysAhead * DAY_MS;
  const partitions = await ledgerPartitions(sql);
  if (coveredTo(partitions, todayMs) > untilMs) return undefined;
  const taken = [...partitions, ...(await lateDays(sql, todayMs))];
  taken.sort((a, b) => a.fromMs - b.fromMs);
  const fromMs = coveredTo(taken, todayMs);
  if (fromMs > untilMs) return undefined;
  const endMs = fromMs + (await daysOfNext(sql, partitions, nowMs, bytes)) * DAY_MS;
  const next = taken.find((span) => span.fromMs > fromMs);
  return makePartition(sql, { fromMs, toMs: Math.min(endMs, next?.fromMs ?? endMs) });
}

/** Up to when spans, in order, follow upon one another from a time on. */
function coveredTo(spans: readonly LedgerSpan[], sinceMs: number): number {
  let endMs = sinceMs;
  for (const { fromMs, toMs } of spans) if (fromMs <= endMs) endMs = Math.max(endMs, toMs);
  return endMs;
}

/** Rows of a day that stand in the default partition stay there, and with them the day. */
async function lateDays(sql: Transaction, sinceMs: number): Promise<LedgerSpan[]> {
  const days = await sql<{ day: number }[]>`
    select distinct floor(extract(epoch from appended_at) / 86400)::int8 as day
    from stock_transaction_default where appended_at >= ${time(sinceMs)}`;
  return days.map(({ day }) => ({ fromMs: day * DAY_MS, toMs: (day + 1) * DAY_MS }));
}

/** Whole days that hold `bytes` at the rate of late; no more of them than that rate was seen over. */
async function daysOfNext(
  sql: Transaction,
  partitions: readonly LedgerPartition[],
  nowMs: number,
  bytes: number,
): Promise<number> {
  const sinceMs = nowMs - PARTITION_DAYS_MAX * DAY_MS;
  const seen = partitions.filter(({ fromMs, toMs }) => fromMs < nowMs && toMs > sinceMs);
  const seenMs = seen.reduce((sum, { fromMs, toMs }) => sum + Math.min(toMs, nowMs) - fromMs, 0);
  // The size of the table, for how many rows it has is known only once they were counted for the planner.
  const [size] = await sql<{ bytes: number }[]>`
    select coalesce(sum(pg_relation_size(oid::oid)), 0)::int8 as bytes
    from unnest(${seen.map(({ oid }) => oid)}::int8[]) oid`;
  const days = seenMs / DAY_MS;
  const daysThatFit = (bytes * days) / Math.max(1, size?.bytes ?? 0);
  return Math.max(1, Math.floor(Math.min(daysThatFit, days, PARTITION_DAYS_MAX)));
}

async function makePartition(sql: Transaction, { fromMs, toMs }: LedgerSpan): Promise<string> {
  const name = `stock_transaction_${time(fromMs).slice(0, 10).replaceAll("-", "")}`;
  // Everybody who asks for the ledger waits behind who waits for it alone: there are days to succeed in.
  await sql.unsafe(`set local lock_timeout = ${PARTITION_LOCK_MS}`);
  // DDL takes no parameters; name and times are made from numbers.
  await sql.unsafe(
    `create table ${name} partition of stock_transaction
     for values from ('${time(fromMs)}') to ('${time(toMs)}')`,
  );
  await sql`select keep_ledger_statistics(${name}::regclass)`;
  return name;
}

const time = (ms: number): string => new Date(ms).toISOString();

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
