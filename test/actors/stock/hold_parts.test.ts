// One line of a hold may be fulfilled by itself, by a quantity or a sale. The hold lives on in its other lines, here and
// in other shards, and is extended, fulfilled and released under whatever line of it is named. S20
import { describe, expect, it } from "vitest";
import type { Decision } from "../../../shared/decisions.ts";
import { partition } from "../../../streams/partition.ts";
import { toToken } from "../../../streams/subjects.ts";
import { Fold, type Json } from "./support/fold.ts";

const MINUTE_MS = 60_000;
const SHARDS = 2;
const shardOf = (sku: string) => partition(toToken(sku), SHARDS);
const skusOf = (shard: number) => [..."ABCDEFGH"].filter((sku) => shardOf(sku) === shard);
const [A, C] = skusOf(0) as [string, string];
const [B, D] = skusOf(1) as [string, string];
const place = "store-1";
const line = (sku: string) => ({ sku, location: place, qty: 2 });

/** Two shards, and the commands home sends on their way to the other. */
class House {
  readonly folds = [0, 1].map((shard) => new Fold({ shards: SHARDS, shard })) as [Fold, Fold];
  readonly #sent = [0, 0];

  send(body: Json & { sku: string }, afterMs = 0): Decision {
    const fold = this.folds[shardOf(body.sku)] as Fold;
    const decision = fold.send({ location: place, hold: "h", ...body }, fold.nowMs + afterMs);
    this.#relay();
    return decision;
  }

  #relay(): void {
    for (const [shard, fold] of this.folds.entries()) {
      const bundles = fold.effects("command") as unknown as { commands: Json[] }[];
      for (const { commands } of bundles.slice(this.#sent[shard])) {
        const other = this.folds[1 - shard] as Fold;
        for (const command of commands) other.send(command, fold.nowMs);
      }
      this.#sent[shard] = bundles.length;
    }
  }

  restore(): void {
    for (const fold of this.folds) fold.machine = fold.restored();
  }

  reserved(sku: string): number {
    return (this.folds[shardOf(sku)] as Fold).level(sku, place).reserved;
  }

  sellable(sku: string): number {
    return (this.folds[shardOf(sku)] as Fold).level(sku, place).sellable;
  }
}

/** A hold of `home` in shard 0 and `away` in shard 1, sealed as held; 2 units of each of 5. */
function spread(home: string[], away: string[], more: Json = {}): House {
  const house = new House();
  const [first, other] = [home[0], away[0]] as [string, string];
  for (const sku of [...home, ...away])
    house.send({ type: "receipt", sku, qty: 5, hold: undefined });
  const common = { type: "hold", id: "place", ttlMs: null, home: first, ...more };
  const elsewhere = [{ sku: other, location: place }];
  house.send({ ...common, sku: first, lines: home.map(line), elsewhere });
  house.send({ ...common, sku: other, lines: away.map(line) });
  house.send({ type: "seal", sku: first, outcome: "held" });
  return house;
}

describe("the last line at home was fulfilled by itself", () => {
  it.each<[string, Json]>([
    ["by a quantity", { type: "fulfill", qty: 2 }],
    ["by a final quantity", { type: "fulfill", qty: 1, final: true }],
    ["by a sale", { type: "sale", qty: 2 }],
  ])("%s: a release at home frees the lines elsewhere, once", (_how, part) => {
    const house = spread([A], [B]);
    house.send({ sku: A, ...part });
    expect(house.reserved(B)).toBe(2);
    house.restore();
    expect(house.send({ type: "release", sku: A, location: "-" }).outcome).toBe("applied");
    expect(house.reserved(B)).toBe(0);
    house.restore();
    expect(house.send({ type: "release", sku: A }).reason).toBe("hold_finished");
  });

  it("a fulfilment of the whole takes the goods elsewhere; then the hold is finished", () => {
    const house = spread([A], [B]);
    house.send({ type: "fulfill", sku: A, qty: 2 });
    expect(house.send({ type: "fulfill", sku: A }).outcome).toBe("applied");
    expect([house.reserved(B), house.sellable(B), house.sellable(A)]).toEqual([0, 3, 3]);
    expect(house.send({ type: "release", sku: A }).reason).toBe("hold_finished");
  });

  it("an extension reaches the lines elsewhere, and moves the time after which there are none", () => {
    const house = spread([A], [B], { ttlMs: MINUTE_MS });
    house.send({ type: "fulfill", sku: A, qty: 2 });
    expect(house.send({ type: "extend", sku: A, ttlMs: 20 * MINUTE_MS }).outcome).toBe("applied");
    house.restore();
    const late = 10 * MINUTE_MS;
    house.send({ type: "tick", sku: B, hold: undefined }, late);
    expect(house.reserved(B)).toBe(2);
    expect(house.send({ type: "extend", sku: A, ttlMs: null }, late).outcome).toBe("applied");
    house.send({ type: "tick", sku: B, hold: undefined }, 100 * MINUTE_MS);
    expect(house.reserved(B)).toBe(2);
    expect(house.send({ type: "release", sku: A }, 200 * MINUTE_MS).outcome).toBe("applied");
    expect(house.reserved(B)).toBe(0);
  });

  it("a timed hold is finished once its time has passed: nothing is promised of what expires elsewhere", () => {
    const house = spread([A], [B], { ttlMs: MINUTE_MS });
    house.send({ type: "fulfill", sku: A, qty: 2 });
    const extend = { type: "extend", sku: A, ttlMs: null };
    expect(house.send(extend, MINUTE_MS).reason).toBe("hold_finished");
  });

  it("what waits for stock elsewhere may be released after the rest was fulfilled", () => {
    const house = new House();
    for (const sku of [A, B]) house.send({ type: "receipt", sku, qty: 1, hold: undefined });
    const common = { type: "hold", id: "place", ttlMs: null, home: A, backorder: true };
    house.send({ ...common, sku: A, lines: [{ ...line(A), qty: 1 }], elsewhere: [{ sku: B }] });
    house.send({ ...common, sku: B, lines: [line(B)] });
    house.send({ type: "seal", sku: A, outcome: "held" });
    house.send({ type: "fulfill", sku: A });
    const away = () => house.folds[1].level(B, place);
    expect(away()).toMatchObject({ reserved: 0, backordered: 1, sellable: 0 });
    house.restore();
    expect(house.send({ type: "release", sku: A }).outcome).toBe("applied");
    expect(away().backordered).toBe(0);
    expect(house.send({ type: "release", sku: A }).reason).toBe("hold_finished");
  });
});

describe("one of several lines was fulfilled by itself", () => {
  it.each(["release", "fulfill", "extend"])(
    "%s under its name is of the others, at home",
    (type) => {
      const house = spread([A, C], [B, D]);
      house.send({ type: "fulfill", sku: A, qty: 2 });
      const more = type === "extend" ? { ttlMs: null } : {};
      const decision = house.send({ type, sku: A, id: "whole", ...more });
      expect(decision).toMatchObject({ outcome: "applied", level: { sku: C, location: place } });
      const left = type === "extend" ? 2 : 0;
      expect([C, B, D].map((sku) => house.reserved(sku))).toEqual([left, left, left]);
    },
  );

  it("what home sends to a line that was fulfilled by itself is obeyed by the others of that shard", () => {
    const house = spread([A], [B, D]);
    house.send({ type: "fulfill", sku: B, qty: 2 });
    house.send({ type: "release", sku: A });
    expect(house.reserved(D)).toBe(0);
  });

  it("so it is in a hold of one shard", () => {
    const fold = new Fold();
    for (const sku of ["A", "B"]) fold.send({ type: "receipt", sku, location: place, qty: 5 });
    const lines = [line("A"), line("B")];
    fold.send({ type: "hold", sku: "A", location: place, hold: "h", lines, ttlMs: null });
    fold.send({ type: "fulfill", sku: "A", location: place, hold: "h", qty: 2 });
    const release = { type: "release", sku: "A", location: "-", hold: "h" };
    expect(fold.send({ ...release, id: "r" })).toMatchObject({
      outcome: "applied",
      level: { sku: "B", reserved: 0, available: 5 },
    });
    expect(fold.send({ ...release, id: "r" })).toMatchObject({
      outcome: "duplicate",
      level: { sku: "B", reserved: 0 },
    });
    expect(fold.send({ ...release, id: "again" }).reason).toBe("hold_finished");
  });

  it("a further part of the finished line is refused: it names that line alone", () => {
    const house = spread([A, C], [B]);
    house.send({ type: "fulfill", sku: A, qty: 2 });
    expect(house.send({ type: "fulfill", sku: A, qty: 1 }).reason).toBe("hold_finished");
  });
});
