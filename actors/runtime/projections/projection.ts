// Owns following the ledger by a cursor for each (projection, epoch, shard): a fold of new rows and its cursor
// in one transaction, off the decision path. Whoever runs it, and however often, each row is folded once.

import { describeError } from "../../../shared/errors.ts";
import type { Gate } from "../../../shared/gate.ts";
import {
  PROJECTION_ENTRIES_MAX,
  PROJECTION_PAUSE_FACTOR,
  PROJECTION_PAUSE_MS,
  PROJECTION_PAUSE_MS_MAX,
  PROJECTION_PIECE_ENTRIES,
  PROJECTION_PIECE_MS,
  PROJECTION_REST_FACTOR,
  PROJECTION_REST_MS_MAX,
  PROJECTION_RESTED_MS_MAX,
  PROJECTION_STEP_MS_MAX,
} from "../../../shared/limits.ts";
import type { Database, Transaction } from "../../../shared/postgres.ts";
import type { Journal } from "../ports.ts";

export type ShardOf = { epoch: number; shard: number };

/** A shard's ledger up to an entry. */
export type LedgerPrefix = ShardOf & { toSeq: number };

export type LedgerRange = LedgerPrefix & {
  /** Rows with afterSeq < seq <= toSeq. */
  afterSeq: number;
};

/** Waits some times as long as a piece of work took; false when the projection is to stop. */
export type Rest = (tookMs: number) => Promise<boolean>;
export const noRest: Rest = async () => true;

/** Does pieces of work one after the other, and rests after each. */
export async function inPieces<T>(
  pieces: Iterable<T>,
  rest: Rest,
  work: (piece: T) => Promise<void>,
): Promise<void> {
  for (const piece of pieces) {
    const startedMs = performance.now();
    await work(piece);
    await rest(performance.now() - startedMs);
  }
}

/** The same with a range of entries, in pieces that take PROJECTION_PIECE_MS each: as many entries as the last one says. */
export async function inEntryPieces<R extends LedgerRange>(
  range: R,
  rest: Rest,
  work: (piece: R) => Promise<void>,
): Promise<void> {
  let entries = PROJECTION_PIECE_ENTRIES;
  for (let { afterSeq } = range; afterSeq < range.toSeq; ) {
    const toSeq = Math.min(afterSeq + entries, range.toSeq);
    const startedMs = performance.now();
    await work({ ...range, afterSeq, toSeq });
    const tookMs = performance.now() - startedMs;
    const factor = PROJECTION_PIECE_MS / Math.max(tookMs, 0.1);
    entries = Math.max(1, Math.round(entries * Math.min(factor, 4)));
    afterSeq = toSeq;
    await rest(tookMs);
  }
}

/** What a projection does in a step; all of it in the transaction that moves its cursor. */
export type Projection = {
  /** Names the cursor. */
  readonly name: string;
  /** At the start of each step: mends what was folded before, when the rules for it changed. */
  prepare?(sql: Transaction, folded: LedgerPrefix): Promise<void>;
  /**
   * Folds the rows of a range.
   * @param rest to be awaited after each piece of work: a busy shard is given way to
   */
  fold(sql: Transaction, range: LedgerRange, rest: Rest): Promise<void>;
  /**
   * When all that is committed was folded: does what time brings.
   * @param committedMs append time of the last committed entry: whatever was appended before is folded
   */
  settle?(sql: Transaction, folded: LedgerPrefix, committedMs: number): Promise<void>;
  /**
   * After a step, outside of it: hands on what is pending, at least once.
   * @param rest as above; when it says to stop, what is pending stays so
   */
  emit?(shard: number, rest: Rest): Promise<void>;
};

/**
 * Folds what is committed beyond the cursor, at most PROJECTION_ENTRIES_MAX entries.
 * @returns whether more is waiting
 */
export async function stepProjection(
  database: Database,
  projection: Projection,
  of: ShardOf,
  rest: Rest = noRest,
): Promise<boolean> {
  return database.transaction((sql) => step(sql, projection, of, rest), {
    timeLimitMs: PROJECTION_STEP_MS_MAX,
  });
}

async function step(
  sql: Transaction,
  projection: Projection,
  of: ShardOf,
  rest: Rest,
): Promise<boolean> {
  const { epoch, shard } = of;
  const { name } = projection;
  await sql`
    insert into projection (name, epoch, shard) values (${name}, ${epoch}, ${shard})
    on conflict do nothing`;
  const [cursor] = await sql<{ seq: number }[]>`
    select seq from projection
    where name = ${name} and epoch = ${epoch} and shard = ${shard} for update`;
  const [committed] = await sql<{ seq: number; atMs: number | null }[]>`
    select committed_seq as seq, (extract(epoch from committed_at) * 1000)::int8 as "atMs"
    from shard where epoch = ${epoch} and shard = ${shard}`;
  const afterSeq = cursor?.seq ?? 0;
  const lastSeq = committed?.seq ?? 0;
  await projection.prepare?.(sql, { ...of, toSeq: afterSeq });
  const toSeq = Math.min(lastSeq, afterSeq + PROJECTION_ENTRIES_MAX);
  if (toSeq > afterSeq) {
    await projection.fold(sql, { ...of, afterSeq, toSeq }, rest);
    await sql`
      update projection set seq = ${toSeq}, updated_at = now()
      where name = ${name} and epoch = ${epoch} and shard = ${shard}`;
  }
  if (toSeq < lastSeq) return true;
  await projection.settle?.(sql, { ...of, toSeq: Math.max(toSeq, afterSeq) }, committed?.atMs ?? 0);
  return false;
}

export type FollowOptions = {
  journal: Journal;
  /** Lets a step run when it may. */
  gate: Gate;
  /** Whether the shard has nothing to decide or commit now: then there is nothing to give way to. */
  isIdle?: () => boolean;
};

/**
 * Keeps projections of a shard up to date until stopped. While the shard is busy a projection rests the longer the
 * more its last step took: it folds seldom and much at once, so that a row that changed often is written once.
 * Faults are told and tried again.
 */
export function followLedger(
  database: Database,
  projections: readonly Projection[],
  of: ShardOf,
  { journal, gate, isIdle = () => false }: FollowOptions,
): { stop(): Promise<void> } {
  let stopped = false;
  let wake: () => void = () => {};
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  /** Until when each projection rests while the shard is busy. */
  const restsUntilMs = new Map<Projection, number>();
  const stepOne = async (projection: Projection): Promise<void> => {
    const startedMs = performance.now();
    let restedMs = 0;
    const rest: Rest = async (tookMs) => {
      if (stopped || isIdle()) return !stopped;
      const fromMs = performance.now();
      await pause(Math.min(tookMs * PROJECTION_REST_FACTOR, PROJECTION_REST_MS_MAX));
      restedMs += performance.now() - fromMs;
      return !stopped;
    };
    const restInStep: Rest = async (tookMs) =>
      restedMs < PROJECTION_RESTED_MS_MAX ? rest(tookMs) : !stopped;
    let isBehind = false;
    try {
      isBehind = await stepProjection(database, projection, of, restInStep);
      // Shards fold one after the other: without this rest all of them would at a stretch.
      const goesOn = await rest(performance.now() - startedMs - restedMs);
      if (goesOn) await projection.emit?.(of.shard, rest);
    } catch (error) {
      const { name } = projection;
      journal.warn({ projection: name, ...of, error: describeError(error) }, "projection waits");
    }
    const endedMs = performance.now();
    const restMs = isBehind ? 0 : (endedMs - startedMs - restedMs) * PROJECTION_PAUSE_FACTOR;
    restsUntilMs.set(projection, endedMs + Math.min(restMs, PROJECTION_PAUSE_MS_MAX));
  };
  const isDue = (projection: Projection): boolean =>
    isIdle() || performance.now() >= (restsUntilMs.get(projection) ?? 0);
  const loop = async (): Promise<void> => {
    while (!stopped) {
      await gate.run(async () => {
        for (const projection of projections)
          if (!stopped && isDue(projection)) await stepOne(projection);
      });
      if (!stopped) await pause(PROJECTION_PAUSE_MS);
    }
  };
  const done = loop();
  return {
    stop() {
      stopped = true;
      wake();
      return done;
    },
  };
}
