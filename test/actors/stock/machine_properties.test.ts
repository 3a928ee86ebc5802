// Properties of the fold over random logs: S2 to S10, S14 to S16, S20, S21, replay, restore, rebuild.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LedgerRow } from "../../../actors/runtime/ledger_row.ts";
import { rebuildCommand, rebuildDecision } from "../../../actors/stock/rebuild.ts";
import type { Decision } from "../../../shared/decisions.ts";
import { bytesOf, Fold, type Json, rowsAt } from "./support/fold.ts";
import { randomLog } from "./support/random_log.ts";

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const runs = (numRuns: number) => ({ numRuns, verbose: 1 as const });
const keyOf = ({ sku, location }: { sku: string; location: string }) => `${sku} @ ${location}`;

describe("apply()", () => {
  it("gives the same digest, decisions and rows to the same log (S3)", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const one = randomLog(seed, { entries: 60 });
        const two = new Fold({ recentIdsMax: 5_000 });
        for (const entry of one.log) two.fold(entry);
        expect(two.machine.digest()).toBe(one.machine.digest());
        expect(two.out.rows).toEqual(one.out.rows);
        expect(two.out.effects).toEqual(one.out.effects);
      }),
      runs(40),
    );
  });

  it("goes on after a restore at any entry as if nothing had been (S3, S12)", () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 7 }), (seed, every) => {
        const decisions: Decision[][] = [];
        const one = randomLog(seed, { entries: 80 }, (fold) => decisions.push(fold.decisions));
        const two = new Fold({ recentIdsMax: 24 });
        one.log.forEach((entry, i) => {
          expect(two.fold(entry)).toEqual(decisions[i]);
          if (i % every === 0) two.checkpoint();
          if (i % (every * 5) === 1) {
            const before = two.machine.digest();
            two.machine = two.restored();
            expect(two.machine.digest()).toBe(before);
          }
        });
        expect(two.machine.digest()).toBe(one.machine.digest());
        expect(two.out.rows).toEqual(one.out.rows);
        expect(two.out.effects).toEqual(one.out.effects);
      }),
      runs(60),
    );
  });

  it("books levels that are the sums of their ledger deltas (S7)", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const fold = randomLog(seed, { entries: 80 });
        const sums = ledgerSums(fold.out.rows);
        for (const level of fold.levels()) {
          const sum = sums.get(keyOf(level)) ?? nothing();
          expect(sum).toEqual({
            sellable: level.sellable,
            unavailable: level.onHand - level.sellable,
            reserved: level.reserved,
            backordered: level.backordered,
            inTransit: level.inTransit,
            onOrder: level.onOrder,
          });
        }
      }),
      runs(60),
    );
  });

  it("keeps reserved, backordered, on order and in transit the sums of their parts (S8, S10, S15)", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const fold = randomLog(seed, { entries: 80 });
        fold.checkpoint();
        const total = (table: string, column: string, level: { sku: string; location: string }) =>
          fold
            .table(table)
            .filter((row) => row.sku === level.sku && row.location === level.location)
            .reduce((sum, row) => sum + (row[column] as number), 0);
        for (const level of fold.levels()) {
          expect(total("hold", "qty", level)).toBe(level.reserved);
          expect(total("hold", "backordered", level)).toBe(level.backordered);
          expect(openUnits(fold, level)).toBe(level.onOrder);
          expect(inTransit(fold, level)).toBe(level.inTransit);
        }
        for (const row of fold.table("transfer")) {
          if (row.closed !== true || row.shipped === 0) continue;
          expect(row.shipped).toBe((row.arrived as number) + (row.lost as number));
        }
      }),
      runs(60),
    );
  });

  it("lets no request make available negative, and no fact fail for lack of stock (S5, S6)", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const before = new Map<string, number>();
        randomLog(seed, { entries: 80 }, (fold, sent) => {
          fold.decisions.forEach((decision, i) => {
            const { type } = (sent[i] ?? {}) as Json;
            if (FACTS.has(type as string)) expect(LACK).not.toContain(decision.reason);
          });
          if (sent.every((body) => !FACTS.has(((body ?? {}) as Json).type as string))) {
            for (const { available, ...level } of fold.levels()) {
              const least = Math.min(0, before.get(keyOf(level)) ?? 0);
              expect(available).toBeGreaterThanOrEqual(least);
            }
          }
          for (const level of fold.levels()) before.set(keyOf(level), level.available);
        });
      }),
      runs(60),
    );
  });

  it("answers a repeat with the first decision and changes nothing (S2, S4)", () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), (seed, large) => {
        const firsts: [Json, Decision][] = [];
        const fold = randomLog(
          seed,
          { entries: 60, recentIdsMax: large ? 5_000 : 8 },
          ({ decisions }, sent) => {
            sent.forEach((body, i) => {
              const decision = decisions[i] as Decision;
              if (
                ["applied", "rejected"].includes(decision.outcome) &&
                !isNoFirst(body, decision)
              ) {
                firsts.push([body as Json, decision]);
              }
            });
          },
        );
        const rows = fold.out.rows.length;
        const digest = stateWithoutPosition(fold);
        for (const [body, first] of firsts) {
          const again = fold.send(body);
          expect(again.outcome).toBe("duplicate");
          expect(again).toMatchObject({ first: first.outcome, seq: first.seq, index: first.index });
          expect(again.reason).toBe(first.reason);
          expect(again.at).toBe(first.at);
          const { sellable, reserved, onHand, backordered, inTransit, onOrder } = first.level ?? {};
          expect(again.level).toMatchObject({
            sellable,
            reserved,
            onHand,
            backordered,
            inTransit,
            onOrder,
          });
        }
        expect(fold.out.rows.length).toBe(rows);
        expect(stateWithoutPosition(fold)).toEqual(digest);
      }),
      runs(40),
    );
  });

  it("never lets log time or a version go back (S16, S18)", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        let nowMs = 0;
        const versions = new Map<string, string>();
        randomLog(seed, { entries: 60 }, (fold) => {
          expect(fold.machine.position().nowMs).toBeGreaterThanOrEqual(nowMs);
          nowMs = fold.machine.position().nowMs;
          for (const level of fold.levels()) {
            expect(level.version >= (versions.get(keyOf(level)) ?? "")).toBe(true);
            versions.set(keyOf(level), level.version);
          }
        });
      }),
      runs(30),
    );
  });

  it("has at most one open need a key, told by growing revs (S14)", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const fold = randomLog(seed, { entries: 120 });
        const revs = new Map<string, { need: string; rev: number; qty: number }>();
        for (const message of fold.effects("need")) {
          const need = message as unknown as {
            sku: string;
            location: string;
            need: string;
            rev: number;
            qty: number;
          };
          const last = revs.get(keyOf(need));
          if (last?.need === need.need) expect(need.rev).toBe(last.rev + 1);
          else expect(need.rev).toBe(1);
          revs.set(keyOf(need), need);
        }
      }),
      runs(40),
    );
  });

  it("ends a hold once, and the lines of a group by one decision alike (S9, S20)", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const fold = randomLog(seed, { entries: 120 });
        const ids = fold.out.effects.map(({ message }) => message.id);
        expect(new Set(ids).size).toBe(ids.length);
        for (const rows of groupsOf(fold.out.rows)) {
          const lines = rows.filter((row) => row.cause === "command" && row.type === "release");
          for (const row of lines) expect(row.deltaReserved).toBeLessThanOrEqual(0);
        }
      }),
      runs(20),
    );
  });

  it("is not changed by bad input (S21)", () => {
    fc.assert(
      fc.property(seeds, fc.string(), fc.jsonValue(), (seed, text, json) => {
        const fold = randomLog(seed, { entries: 20 });
        const before = stateWithoutPosition(fold);
        const rows = fold.out.rows.length;
        for (const body of [text, json]) {
          const bodies = [
            JSON.stringify({ bad: body }),
            `[${JSON.stringify({ bad: body })}]`,
            text,
          ];
          for (const payload of bodies) {
            if (payload.trim() === "[]") continue;
            const [decision] = fold.entry("inv.log.0.0.bundle", bytesOf(payload), fold.nowMs);
            expect(decision?.outcome).toBe("malformed");
          }
        }
        expect(fold.out.rows.length).toBe(rows);
        expect(stateWithoutPosition(fold)).toEqual(before);
      }),
      runs(40),
    );
  });
});

describe("rebuildCommand()", () => {
  it("folds again to the same digest and decisions", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const one = randomLog(seed, { entries: 80, recentIdsMax: 5_000 });
        one.tick(one.nowMs);
        const two = refold(one);
        two.tick(one.nowMs);
        expect(two.machine.digest()).toBe(one.machine.digest());
        const rows = two.out.rows.filter(({ reason }) => reason !== "id_conflict");
        expect(rows).toEqual(one.out.rows.filter(({ reason }) => reason !== "id_conflict"));
      }),
      runs(60),
    );
  });

  it("makes the decision a repeat gets", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const fold = randomLog(seed, { entries: 60, recentIdsMax: 5_000 });
        for (const rows of groupsOf(fold.out.rows)) {
          const command = rebuildCommand(rows);
          const decision = rebuildDecision(rows);
          if (command === undefined || decision === undefined || decision.reason === "id_conflict")
            continue;
          const { first, ...again } = fold.send(command);
          expect({ ...again, outcome: first }).toEqual(decision);
        }
      }),
      runs(30),
    );
  });
});

// ---------------------------------------------------------------- helpers

const FACTS = new Set([
  "sale",
  "return",
  "receipt",
  "adjust",
  "move",
  "count",
  "ship",
  "arrive",
  "void",
]);
const LACK = ["insufficient_available", "backorder_limit", "channel_closed"];

const nothing = () => ({
  sellable: 0,
  unavailable: 0,
  reserved: 0,
  backordered: 0,
  inTransit: 0,
  onOrder: 0,
});

function ledgerSums(rows: readonly LedgerRow[]) {
  const sums = new Map<string, ReturnType<typeof nothing>>();
  for (const row of rows) {
    const sum = sums.get(keyOf(row)) ?? nothing();
    sums.set(keyOf(row), sum);
    sum.sellable += row.deltaSellable;
    sum.unavailable += row.deltaBucket;
    sum.reserved += row.deltaReserved;
    sum.backordered += row.deltaBackordered;
    sum.inTransit += row.deltaInTransit;
    sum.onOrder += row.deltaOnOrder;
    if (row.outcome === "applied") {
      expect({ ...sum }).toEqual({
        sellable: row.sellable,
        unavailable: row.unavailable,
        reserved: row.reserved,
        backordered: row.backordered,
        inTransit: row.inTransit,
        onOrder: row.onOrder,
      });
    }
  }
  return sums;
}

const OPEN = ["placed", "confirmed", "delayed", "shipped"];

function openUnits(fold: Fold, level: { sku: string; location: string }): number {
  return fold
    .table("order_line")
    .filter((row) => row.sku === level.sku && row.location === level.location)
    .filter((row) => OPEN.includes(row.status as string))
    .reduce((sum, row) => sum + Math.max(0, (row.ordered as number) - (row.received as number)), 0);
}

function inTransit(fold: Fold, level: { sku: string; location: string }): number {
  return fold
    .table("transfer")
    .filter((row) => row.sku === level.sku && row.target === level.location && row.closed === false)
    .reduce((sum, row) => sum + Math.max(0, (row.shipped as number) - (row.arrived as number)), 0);
}

/** The state as the tables have it: unlike the digest, without the position. */
function stateWithoutPosition(fold: Fold): unknown {
  fold.checkpoint();
  return ["stock_level", "hold", "transfer", "order_line", "lost_demand"].map((table) =>
    fold
      .table(table)
      .map((row) => JSON.stringify(row))
      .sort(),
  );
}

function isNoFirst(body: unknown, decision: Decision): boolean {
  const { type, id } = body as Json;
  return type === "tick" || id === undefined || decision.reason === "id_conflict";
}

function groupsOf(rows: readonly LedgerRow[]): LedgerRow[][] {
  const groups = new Map<string, LedgerRow[]>();
  for (const row of rows) {
    const name = `${row.seq}.${row.index}`;
    groups.set(name, rowsAt(rows, row));
  }
  return [...groups.values()];
}

/** Folds the commands rebuilt from a ledger, at their positions and times; a tick where only time passed. */
function refold(one: Fold): Fold {
  const two = new Fold({ recentIdsMax: 5_000 });
  const bySeq = Map.groupBy(one.out.rows, ({ seq }) => seq);
  for (let seq = 1; seq < one.seq; seq++) {
    const rows = bySeq.get(seq) ?? [];
    const bodies: unknown[] = [];
    for (const row of rows) {
      while (bodies.length < row.index) bodies.push({ type: "tick", sku: "A", location: "-" });
      if (row.cause !== "command" || bodies.length > row.index) continue;
      const command = rebuildCommand(rowsAt(rows, row));
      if (row.reason !== "id_conflict" && command !== undefined) bodies.push(command);
    }
    if (bodies.length === 0) bodies.push({ type: "tick", sku: "A", location: "-" });
    const appendedAtMs = rows[0]?.appendedAt ?? two.nowMs;
    two.fold({ seq, appendedAtMs, subject: "inv.log.0.0.bundle", payload: bytesOf(bodies) });
    two.nowMs = Math.max(two.nowMs, appendedAtMs);
  }
  return two;
}
