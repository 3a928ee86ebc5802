// The simulated chain: the same seed tells the same story, and the story is a credible one.

import { describe, expect, test } from "vitest";
import { makeChain } from "../../../scripts/demo/chain.ts";
import { DueQueue } from "../../../scripts/demo/due_queue.ts";
import { geometric, seededRandom, waiting, weightedPicker } from "../../../scripts/demo/random.ts";
import { RHYTHM_MAX, rhythm } from "../../../scripts/demo/rhythm.ts";
import { type Act, opening, Shopping } from "../../../scripts/demo/shopping.ts";
import { CommandSchema } from "../../../shared/messages.ts";

const FRIDAY_9 = Date.UTC(2026, 5, 5, 9);
const HOUR_MS = 3_600_000;

function tell(seed: number, hours: number, step = 1): Act[] {
  const chain = makeChain(seed);
  const shopping = new Shopping(chain, {
    seed,
    startMs: FRIDAY_9,
    idPrefix: "t",
    holdTtlMs: 15_000,
  });
  const acts: Act[] = [];
  for (let h = step; h <= hours; h += step) acts.push(...shopping.step(FRIDAY_9 + h * HOUR_MS));
  return acts;
}

describe("makeChain()", () => {
  test("has a dozen shops, a web store, a marketplace and 2,000 SKUs", () => {
    const chain = makeChain(7);
    const kinds = chain.places.map((place) => place.kind);
    expect(kinds.filter((kind) => kind === "store")).toHaveLength(12);
    expect(kinds.filter((kind) => kind !== "store").sort()).toEqual(["marketplace", "web"]);
    expect(new Set(chain.articles.map((article) => article.sku)).size).toBe(2000);
    const intermittent = chain.articles.filter((article) => article.intermittent).length;
    expect(intermittent).toBeGreaterThan(400);
    for (const place of chain.places)
      expect(() => new Intl.DateTimeFormat("en", { timeZone: place.timeZone })).not.toThrow();
  });
  test("differs by seed and only by seed", () => {
    expect(makeChain(7)).toEqual(makeChain(7));
    expect(makeChain(7)).not.toEqual(makeChain(8));
  });
});

describe("Shopping", () => {
  test("tells the same story for the same seed, in whatever steps it is asked", () => {
    const once = tell(3, 12);
    expect(tell(3, 12)).toEqual(once);
    expect(tell(3, 12, 0.25)).toEqual(once);
    expect(tell(4, 12)).not.toEqual(once);
  });

  test("gives well-formed commands with ids that never repeat, in the order of time", () => {
    const acts = tell(1, 24);
    for (const act of acts) {
      const parsed = CommandSchema.safeParse(act.command);
      if (!parsed.success) throw new Error(`${JSON.stringify(act.command)}: ${parsed.error}`);
    }
    const ids = acts.map((act) => act.command.id);
    expect(new Set(ids).size).toBe(ids.length);
    const late = acts.findIndex((act, i) => act.simulatedMs < (acts[i - 1]?.simulatedMs ?? 0));
    expect(late).toBe(-1);
  });

  test("has sales, returns, deliveries, counts, and holds that are paid, sent and given up", () => {
    const types = new Map<string, number>();
    for (const act of tell(1, 48))
      types.set(act.command.type, (types.get(act.command.type) ?? 0) + 1);
    for (const type of [
      "sale",
      "return",
      "receipt",
      "count",
      "hold",
      "extend",
      "fulfill",
      "release",
    ])
      expect([type, (types.get(type) ?? 0) > 20]).toEqual([type, true]);
  });

  test("is lively from the first seconds: at 60 times life a level moves within two", () => {
    const [first] = tell(1, 1);
    expect(((first?.simulatedMs ?? 0) - FRIDAY_9) / 60).toBeLessThan(2000);
    expect(tell(1, 1).length).toBeGreaterThan(400);
  });

  test("lets shops sell only what they have", () => {
    const chain = makeChain(1);
    const onHand = new Map<string, number>();
    const key = (sku: string, location: string) => `${location} ${sku}`;
    for (const [i, units] of opening(chain, 1).entries()) {
      const shelf = chain.shelves[i]!;
      const sku = chain.articles[shelf.article]!.sku;
      onHand.set(key(sku, chain.places[shelf.place]!.location), units);
    }
    for (const { command } of tell(1, 72)) {
      if (!command.location.startsWith("store-")) continue;
      const at = key(command.sku, command.location);
      const before = onHand.get(at)!;
      if (command.type === "sale") expect(before - command.qty).toBeGreaterThanOrEqual(0);
      if (command.type === "sale") onHand.set(at, before - command.qty);
      else if (command.type === "receipt" || command.type === "return")
        onHand.set(at, before + command.qty);
      else if (command.type === "count") onHand.set(at, command.counted);
    }
  });

  test("asks nothing more of a hold that was refused", () => {
    const chain = makeChain(1);
    const options = { seed: 1, startMs: FRIDAY_9, idPrefix: "t", holdTtlMs: 15_000 };
    const shopping = new Shopping(chain, options);
    let more = 0;
    for (let m = 1; m <= 600; m++)
      for (const { command } of shopping.step(FRIDAY_9 + m * 60_000)) {
        if (command.type === "hold") shopping.refuse(command.hold);
        else if ("hold" in command && command.type !== "sale") more++;
      }
    expect(more).toBe(0);
  });
});

describe("rhythm()", () => {
  test("closes shops at night, not the web; no hour passes the most", () => {
    const night = Date.UTC(2026, 5, 5, 3);
    expect(rhythm("store", night, 0)).toBe(0);
    expect(rhythm("web", night, 0)).toBeGreaterThan(0);
    const evening = Date.UTC(2026, 5, 5, 22);
    expect(rhythm("store", evening, 0)).toBe(0);
    expect(rhythm("store", evening, -5)).toBeGreaterThan(0); // five in the afternoon there
  });
  test("averages to one over a week and stays below its most", () => {
    for (const kind of ["store", "web"] as const) {
      const hours = Array.from({ length: 168 }, (_, h) => rhythm(kind, FRIDAY_9 + h * HOUR_MS, 0));
      expect(hours.reduce((sum, n) => sum + n, 0) / 168).toBeCloseTo(1, 1);
      expect(Math.max(...hours)).toBeLessThanOrEqual(RHYTHM_MAX);
    }
  });
});

describe("chance", () => {
  test("waiting(), geometric() and weightedPicker() have the means they promise", () => {
    const random = seededRandom(5);
    const mean = (n: number, draw: () => number) => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += draw();
      return sum / n;
    };
    expect(mean(50_000, random)).toBeCloseTo(0.5, 1);
    expect(mean(50_000, () => waiting(random, 10))).toBeCloseTo(10, 0);
    expect(mean(50_000, () => geometric(random, 2.2))).toBeCloseTo(2.2, 1);
    const pick = weightedPicker([1, 0, 3]);
    const counts = [0, 0, 0];
    for (let i = 0; i < 40_000; i++) counts[pick(random)]!++;
    expect(counts[1]).toBe(0);
    expect(counts[2]! / counts[0]!).toBeCloseTo(3, 0);
  });
  test("DueQueue gives what is due in order of time, then of arrival", () => {
    const queue = new DueQueue<number>();
    const random = seededRandom(9);
    const times = Array.from({ length: 500 }, () => Math.floor(random() * 50));
    for (const [i, ms] of times.entries()) queue.add(ms, i);
    const wanted = times.map((ms, i) => [ms, i]).sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!);
    const got = wanted.map(() => [queue.nextMs(), queue.take()]);
    expect(got).toEqual(wanted);
    expect(() => queue.take()).toThrow(RangeError);
  });
});
