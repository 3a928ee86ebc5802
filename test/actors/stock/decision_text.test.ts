// What is told as text is JSON.stringify of what it tells, and is told only to those who ask.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quoted } from "../../../actors/stock/json_text.ts";
import { Texts } from "../../../actors/stock/texts.ts";
import type { Decision, Level } from "../../../shared/decisions.ts";
import { formatTime } from "../../../shared/time.ts";
import { formatVersion } from "../../../shared/version.ts";
import { Fold } from "./support/fold.ts";
import { randomLog } from "./support/random_log.ts";

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe("quoted()", () => {
  it("is JSON.stringify on any text", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant("\ud800"));
    fc.assert(
      fc.property(text, (any) => {
        expect(quoted(any)).toBe(JSON.stringify(any));
      }),
    );
  });
});

describe("Texts", () => {
  it("writes times and versions as shared/ does, in any order", () => {
    const near = fc.integer({ min: -3_000, max: 3_000 });
    const times = fc.array(fc.oneof(near, fc.integer({ min: -1e14, max: 1e14 })));
    const part = fc.integer({ min: 0, max: 3 });
    const versions = fc.array(fc.tuple(part, part, fc.integer({ min: 0, max: 999 })));
    fc.assert(
      fc.property(times, versions, (ms, positions) => {
        const texts = new Texts();
        for (const time of ms) expect(texts.time(time)).toBe(formatTime(time));
        for (const at of positions) expect(texts.version(...at)).toBe(formatVersion(...at));
      }),
    );
  });
});

/** A decision with its fields in the order they are told in. */
function inOrder(decision: Decision, level: Level | Decision["level"]): Decision {
  const { id, outcome, epoch, shard, seq, index, at, reason, detail, lines, firm } = decision;
  return {
    id,
    outcome,
    epoch,
    shard,
    seq,
    index,
    at,
    ...(level === undefined ? {} : { level }),
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
    ...(lines === undefined ? {} : { lines }),
    ...(firm === undefined ? {} : { firm }),
  };
}

/** Whether a decision tells the whole level of its key. */
const isWhole = ({ outcome }: Decision) => outcome === "applied" || outcome === "rejected";

describe("decisions as text", () => {
  it("are JSON.stringify of the decision, whose level is its key's", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        randomLog(seed, { entries: 60 }, ({ out, decisions, machine }) => {
          const levels = new Map<string, Level>();
          for (const key of machine.keys()) {
            const level = machine.level(key);
            levels.set(JSON.stringify([level.sku, level.location, level.version]), level);
          }
          decisions.forEach((decision, i) => {
            expect(out.decisions[i]).toBe(JSON.stringify(decision));
            if (!isWhole(decision)) return;
            // What changed again in the same entry has a later version.
            const { sku, location, version } = decision.level ?? {};
            const level = levels.get(JSON.stringify([sku, location, version])) ?? decision.level;
            expect(out.decisions[i]).toBe(JSON.stringify(inOrder(decision, level)));
          });
        });
      }),
      { numRuns: 40 },
    );
  });

  it("are made only when asked for, and change nothing", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const asked = randomLog(seed, { entries: 40 });
        const unasked = new Fold();
        unasked.out.isAsked = false;
        for (const entry of asked.log) expect(unasked.fold(entry)).toEqual([]);
        expect(unasked.out.decided).toBe(asked.out.decided);
        expect(unasked.out.rows).toEqual(asked.out.rows);
        expect(unasked.out.effects).toEqual(asked.out.effects);
        expect(unasked.machine.digest()).toBe(asked.machine.digest());
      }),
      { numRuns: 20 },
    );
  });
});

describe("levelText()", () => {
  it("is JSON.stringify of the level, whether or not a decision told it", () => {
    fc.assert(
      fc.property(seeds, fc.boolean(), (seed, isAsked) => {
        const fold = new Fold();
        fold.out.isAsked = isAsked;
        for (const entry of randomLog(seed, { entries: 40 }).log) {
          fold.fold(entry);
          for (const key of fold.out.touched) {
            const level = fold.machine.level(key);
            const { sku, location, version } = level;
            const told = { sku, location, version, json: JSON.stringify(level) };
            expect(fold.machine.levelText(key)).toEqual(told);
            expect(fold.machine.levelText(key)).toEqual(told);
          }
        }
      }),
      { numRuns: 20 },
    );
  });
});
