// Owns following the ledger by a cursor for each (projection, epoch, shard): a fold of new rows and its cursor
// in one transaction, off the decision path. Whoever runs it, and however often, each row is folded once.

import { describeError, OnhandError } from "../../../shared/errors.ts";
import type { Gate } from "../../../shared/gate.ts";
import {
  PROJECTION_ENTRIES_MAX,
  PROJECTION_PAUSE_FACTOR,
  PROJECTION_PAUSE_MS,
  PROJECTION_PAUSE_MS_MAX,
  PROJECTION_PIECE_ENTRIES,
  PROJECTION_PIECE_ENTRIES_MIN,
  PROJECTION_PIECE_MS,
  PROJECTION_REST_FACTOR,
  PROJECTION_REST_MS_MAX,
  PROJECTION_RESTED_MS_MAX,
  PROJECTION_STEP_MS_MAX,
} from "../../../shared/limits.ts";
import type { Database, Fragment, Transaction } from "../../../shared/postgres.ts";
import type { Journal } from "../ports.ts";

export type ShardOf = { epoch: number; shard: number };

/** A shard's ledger up to an entry. */
export type LedgerPrefix = ShardOf & { toSeq: number };

export type LedgerRange = LedgerPrefix & {
  /** Rows with afterSeq < seq <= toSeq. */
  afterSeq: number;
  /** None of them was appended before: partitions of the ledger that ended earlier are not looked into. */
  sinceMs: number;
};

/** Restricts the ledger, as `t`, to a range. */
export function rowsOf(sql: Transaction, range: LedgerRange): Fragment {
  const { epoch, shard, afterSeq, toSeq, sinceMs } = range;
  return sql`t.epoch = ${epoch} and t.shard = ${shard} and t.seq > ${afterSeq} and t.seq <= ${toSeq}
    and t.appended_at >= to_timestamp(${sinceMs}::float8 / 1000)`;
}

/** Waits some times as long as a piece of work took; false when the projection is to stop. */
export type Rest = (tookMs: number) => Promise<boolean>;
export const noRest: Rest = async () => true;

/** Gives up a step whose projection is to stop: what it did is rolled back, and done by whoever goes on. */
async function pauseAfter(tookMs: number, rest: Rest): Promise<void> {
  if (!(await rest(tookMs))) throw new OnhandError("projection_stopped", "The projection stops");
}

/** Does pieces of work one after the other, and rests after each. @throws OnhandError `projection_stopped` */
export async function inPieces<T>(
  pieces: Iterable<T>,
  rest: Rest,
  work: (piece: T) => Promise<void>,
): Promise<void> {
  for (const piece of pieces) {
    const startedMs = performance.now();
    await work(piece);
    await pauseAfter(performance.now() - startedMs, rest);
  }
}

/**
 * The same with a range of entries, in pieces that take PROJECTION_PIECE_MS each: as many entries as the last one says,
 * but not so few that what a piece costs by itself (plans, round trips) is most of it.
 */
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
    entries = Math.round(entries * Math.min(factor, 4));
    entries = Math.max(entries, PROJECTION_PIECE_ENTRIES_MIN);
    afterSeq = toSeq;
    await pauseAfter(tookMs, rest);
  }
}

/** What a projection does in a step; all of it in the transaction that moves its cursor. */
export type Projection = {
  /** Names the cursor. */
  readonly name: string;
  /** At the start of each step: mends what was folded before, when the rules for it changed. */
  prepare?(sql: Transaction, folded: LedgerPrefix, rest: Rest): Promise<void>;
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
 * Folds what is committed beyond the cursor, at most `entriesMax` entries; nothing while somebody else does.
 * @returns whether more is waiting
 * @throws OnhandError `projection_stopped` when `rest` says so: nothing was folded
 */
export async function stepProjection(
  database: Database,
  projection: Projection,
  of: ShardOf,
  rest: Rest = noRest,
  entriesMax = PROJECTION_ENTRIES_MAX,
): Promise<boolean> {
  const { epoch, shard } = of;
  // By itself: whoever comes second would wait for the first one's whole step.
  await database.run(
    (sql) => sql`
      insert into projection (name, epoch, shard) values (${projection.name}, ${epoch}, ${shard})
      on conflict do nothing`,
  );
  return database.transaction((sql) => step(sql, projection, of, rest, entriesMax), {
    timeLimitMs: PROJECTION_STEP_MS_MAX,
  });
}

async function step(
  sql: Transaction,
  projection: Projection,
  of: ShardOf,
  rest: Rest,
  entriesMax: number,
): Promise<boolean> {
  const { epoch, shard } = of;
  const { name } = projection;
  const [cursor] = await sql<{ seq: number; sinceMs: number | null }[]>`
    select seq, (extract(epoch from rows_since) * 1000)::int8 as "sinceMs" from projection
    where name = ${name} and epoch = ${epoch} and shard = ${shard} for update skip locked`;
  if (cursor === undefined) return false;
  const [committed] = await sql<{ seq: number; atMs: number | null }[]>`
    select committed_seq as seq, (extract(epoch from committed_at) * 1000)::int8 as "atMs"
    from shard where epoch = ${epoch} and shard = ${shard}`;
  const afterSeq = cursor.seq;
  const lastSeq = committed?.seq ?? 0;
  await projection.prepare?.(sql, { ...of, toSeq: afterSeq }, rest);
  const toSeq = Math.min(lastSeq, afterSeq + entriesMax);
  if (toSeq > afterSeq) {
    const sinceMs = await appendedAfter(sql, of, afterSeq, cursor.sinceMs ?? 0);
    await projection.fold(sql, { ...of, afterSeq, toSeq, sinceMs }, rest);
    await sql`
      update projection set seq = ${toSeq}, updated_at = now(),
        rows_since = to_timestamp(${sinceMs}::float8 / 1000)
      where name = ${name} and epoch = ${epoch} and shard = ${shard}`;
  }
  if (toSeq < lastSeq) return true;
  await projection.settle?.(sql, { ...of, toSeq: Math.max(toSeq, afterSeq) }, committed?.atMs ?? 0);
  return false;
}

/**
 * Append time, ms, of the first row after an entry. It never falls along a shard's log, so none after it is older; and it is not older
 * than what a step before found (`sinceMs`): partitions that ended before that are not planned over, nor locked.
 */
async function appendedAfter(
  sql: Transaction,
  { epoch, shard }: ShardOf,
  afterSeq: number,
  sinceMs: number,
): Promise<number> {
  if (afterSeq === 0) return 0;
  // Not prepared: a plan that is kept would be one over all partitions.
  const [first] = await sql.unsafe<{ ms: number }[]>(
    `select floor(extract(epoch from appended_at) * 1000)::int8 as ms from stock_transaction
    where epoch = $1 and shard = $2 and seq > $3 and appended_at >= to_timestamp($4::float8 / 1000)
    order by seq limit 1`,
    [epoch, shard, afterSeq, sinceMs],
  );
  return first?.ms ?? sinceMs;
}

export type FollowOptions = {
  journal: Journal;
  /** Lets a step run when it may, and what it made be published. */
  gate: Gate;
  publishGate: Gate;
  /** Whether the shard has nothing to decide or commit now: then there is nothing to give way to. */
  isIdle?: () => boolean;
};

/** A projection, and what is known of its last step. */
type Followed = {
  projection: Projection;
  /** Until when it rests while the shard is busy. */
  restsUntilMs: number;
  /** Most entries of the next step: fewer where the last one took too long. */
  entriesMax: number;
  /** A step may have left something to publish. */
  isUnpublished: boolean;
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
  { journal, gate, publishGate, isIdle = () => false }: FollowOptions,
): { stop(): Promise<void> } {
  let stopped = false;
  const wakes = new Set<() => void>();
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        wakes.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      wakes.add(end);
    });
  const followed = projections.map((projection): Followed => {
    return {
      projection,
      restsUntilMs: 0,
      entriesMax: PROJECTION_ENTRIES_MAX,
      isUnpublished: false,
    };
  });
  const tell = ({ projection: { name } }: Followed, error: unknown): void => {
    if (!stopped)
      journal.warn({ projection: name, ...of, error: describeError(error) }, "projection waits");
  };
  const rest: Rest = async (tookMs) => {
    if (stopped || isIdle()) return !stopped;
    await pause(Math.min(tookMs * PROJECTION_REST_FACTOR, PROJECTION_REST_MS_MAX));
    return !stopped;
  };
  const stepOne = async (one: Followed): Promise<void> => {
    const startedMs = performance.now();
    let restedMs = 0;
    const restInStep: Rest = async (tookMs) => {
      if (restedMs >= PROJECTION_RESTED_MS_MAX) return !stopped;
      const fromMs = performance.now();
      const goesOn = await rest(tookMs);
      restedMs += performance.now() - fromMs;
      return goesOn;
    };
    let isBehind = false;
    try {
      isBehind = await stepProjection(database, one.projection, of, restInStep, one.entriesMax);
      one.entriesMax = Math.min(one.entriesMax * 2, PROJECTION_ENTRIES_MAX);
    } catch (error) {
      tell(one, error);
      if (performance.now() - startedMs > PROJECTION_STEP_MS_MAX / 2)
        one.entriesMax = Math.ceil(one.entriesMax / 2);
    }
    one.isUnpublished = one.projection.emit !== undefined;
    const endedMs = performance.now();
    const tookMs = endedMs - startedMs - restedMs;
    const restMs = isBehind ? 0 : tookMs * PROJECTION_PAUSE_FACTOR;
    one.restsUntilMs = endedMs + Math.min(restMs, PROJECTION_PAUSE_MS_MAX);
    // Shards fold one after the other: without this rest all of them would at a stretch.
    await rest(tookMs);
  };
  /** What was published last, or is: folding goes on meanwhile. */
  let publishing: Promise<void> | undefined;
  const publish = async (): Promise<void> => {
    for (const one of followed) {
      if (stopped || !one.isUnpublished) continue;
      one.isUnpublished = false;
      try {
        await one.projection.emit?.(of.shard, rest);
      } catch (error) {
        tell(one, error);
      }
    }
  };
  const publishSoon = (): void => {
    if (publishing !== undefined || !followed.some((one) => one.isUnpublished)) return;
    publishing = publishGate.run(publish).finally(() => {
      publishing = undefined;
    });
  };
  const loop = async (): Promise<void> => {
    while (!stopped) {
      await gate.run(async () => {
        for (const one of followed)
          if (!stopped && (isIdle() || performance.now() >= one.restsUntilMs)) await stepOne(one);
      });
      publishSoon();
      if (!stopped) await pause(PROJECTION_PAUSE_MS);
    }
    await publishing;
  };
  const done = loop();
  return {
    stop() {
      stopped = true;
      for (const end of wakes) end();
      return done;
    },
  };
}
