import { afterEach, beforeEach, expect, it } from "vitest";
import {
  followLedger,
  inEntryPieces,
  inPieces,
  type Projection,
  stepProjection,
} from "../../../../actors/runtime/projections/projection.ts";
import { Gate } from "../../../../shared/gate.ts";
import { EPOCH, type LedgerHouse, openLedgerHouse } from "./support/ledger_house.ts";

let house: LedgerHouse;
beforeEach(async () => {
  house = await openLedgerHouse();
  await house.rows({ at: "2026-03-02T10:00:00Z" }, { at: "2026-03-02T10:00:01Z" });
  await house.commit("2026-03-02T10:00:01Z");
});
afterEach(() => house.close());

const of = { epoch: EPOCH, shard: 0 };
const journal = { info() {}, warn() {}, error() {} };

it("stepProjection() prepares, folds, settles with what is committed, and moves its cursor once", async () => {
  const told: unknown[] = [];
  const projection: Projection = {
    name: "test",
    prepare: async (_sql, { toSeq }) => void told.push(["prepare", toSeq]),
    fold: async (_sql, { afterSeq, toSeq }) => void told.push(["fold", afterSeq, toSeq]),
    settle: async (_sql, { toSeq }, ms) => void told.push(["settle", toSeq, ms]),
  };
  const committedMs = Date.parse("2026-03-02T10:00:01Z");
  expect(await stepProjection(house.database, projection, of)).toBe(false);
  expect(await stepProjection(house.database, projection, of)).toBe(false);
  expect(told).toEqual([
    ["prepare", 0],
    ["fold", 0, 2],
    ["settle", 2, committedMs],
    ["prepare", 2],
    ["settle", 2, committedMs],
  ]);
});

it("stepProjection() that fails leaves cursor and rows as they were", async () => {
  let isBroken = true;
  const projection: Projection = {
    name: "test",
    async fold(sql) {
      await sql`insert into vendor (vendor) values ('half')`;
      if (isBroken) throw new Error("broken");
    },
  };
  await expect(stepProjection(house.database, projection, of)).rejects.toThrow("broken");
  isBroken = false;
  await stepProjection(house.database, projection, of);
  const vendors = await house.database.run((sql) => sql`select vendor from vendor`);
  expect(vendors).toHaveLength(1);
});

it("followLedger() rests long after a long step, but not while the shard is idle; others do not rest with it", async () => {
  const steps: number[] = [];
  let quickSteps = 0;
  const projection: Projection = {
    name: "test",
    fold: async () => {},
    async settle() {
      steps.push(performance.now());
      await new Promise((resolve) => setTimeout(resolve, 500));
    },
  };
  const quick: Projection = {
    name: "quick",
    fold: async () => {},
    settle: async () => void quickSteps++,
  };
  let isIdle = false;
  const how = { journal, gate: new Gate(1), publishGate: new Gate(1), isIdle: () => isIdle };
  const following = followLedger(house.database, [projection, quick], of, how);
  try {
    // Busy: half a second of work is followed by half a minute of rest.
    await expect.poll(() => quickSteps, { timeout: 15_000 }).toBeGreaterThanOrEqual(2);
    expect(steps).toHaveLength(1);
    isIdle = true;
    await expect.poll(() => steps.length, { timeout: 15_000 }).toBeGreaterThanOrEqual(2);
  } finally {
    await following.stop();
  }
});

it("followLedger() that is stopped hands on no more: what is pending waits for who follows next", async () => {
  let emitted = 0;
  const projection: Projection = {
    name: "test",
    fold: async () => {},
    async emit(_shard, rest) {
      do {
        emitted++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      } while (await rest(5));
    },
  };
  const how = { journal, gate: new Gate(1), publishGate: new Gate(1), isIdle: () => true };
  const following = followLedger(house.database, [projection], of, how);
  await expect.poll(() => emitted, { timeout: 15_000 }).toBeGreaterThan(2);
  await following.stop();
  const atStop = emitted;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(emitted).toBe(atStop);
});

it("inEntryPieces() folds every entry once, in smaller pieces where they take long, and rests after each", async () => {
  const pieces: { afterSeq: number; toSeq: number }[] = [];
  let rests = 0;
  const rest = async () => ++rests > 0;
  await inEntryPieces(
    { ...of, afterSeq: 100, toSeq: 1_000, sinceMs: 0 },
    rest,
    async ({ afterSeq, toSeq }) => {
      pieces.push({ afterSeq, toSeq });
      await new Promise((resolve) => setTimeout(resolve, toSeq - afterSeq));
    },
  );
  expect(pieces[0]?.afterSeq).toBe(100);
  expect(pieces.at(-1)?.toSeq).toBe(1_000);
  for (const [i, piece] of pieces.slice(1).entries()) expect(piece.afterSeq).toBe(pieces[i]?.toSeq);
  // A millisecond an entry: after the first look a piece is as few entries as may be.
  const entries = pieces.map((piece) => piece.toSeq - piece.afterSeq);
  expect(entries).toEqual([200, 100, 100, 100, 100, 100, 100, 100]);
  expect(rests).toBe(pieces.length);
});

it("stepProjection() that is told to stop in the middle folds nothing, and soon; another folds it all", async () => {
  let pieces = 0;
  const projection: Projection = {
    name: "test",
    fold: (sql, _range, rest) =>
      inPieces(Array.from({ length: 1_000 }), rest, async () => {
        pieces++;
        await sql`insert into vendor (vendor) values (${`v${pieces}`})`;
      }),
  };
  const stopped = stepProjection(house.database, projection, of, async () => pieces < 3);
  await expect(stopped).rejects.toMatchObject({ code: "projection_stopped" });
  expect(pieces).toBe(3);
  expect(await house.database.run((sql) => sql`select vendor from vendor`)).toEqual([]);
  await stepProjection(house.database, projection, of);
  expect(await house.database.run((sql) => sql`select vendor from vendor`)).toHaveLength(1_000);
});

it("stepProjection() waits for nobody: while one follows, another has nothing to do", async () => {
  let isFolding = () => {};
  const begun = new Promise<void>((resolve) => {
    isFolding = resolve;
  });
  let goOn = () => {};
  const projection: Projection = {
    name: "test",
    async fold() {
      isFolding();
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    },
  };
  const first = stepProjection(house.database, projection, of);
  await begun;
  const other: Projection = { name: "test", fold: () => Promise.reject(new Error("folded twice")) };
  expect(await stepProjection(house.database, other, of)).toBe(false);
  goOn();
  expect(await first).toBe(false);
});

it("a fold is told since when its rows were appended, so that days before are not looked into", async () => {
  const told: number[] = [];
  const projection: Projection = {
    name: "test",
    fold: async (_sql, { sinceMs }) => void told.push(sinceMs),
  };
  await stepProjection(house.database, projection, of);
  await house.rows({ at: "2026-03-04T10:00:00Z" }, { at: "2026-03-03T10:00:00Z" });
  await house.commit("2026-03-04T10:00:00Z");
  await stepProjection(house.database, projection, of);
  expect(told).toEqual([0, Date.parse("2026-03-04T10:00:00Z")]);
});
