// What the machine remembers stays within its limits, whatever is sent.
import { expect, test } from "vitest";
import { Generation } from "../../../actors/stock/identity_filter.ts";
import {
  BACKORDERS_PER_KEY_MAX,
  FILTER_BITS_MIN,
  FILTER_GENERATIONS_MAX,
  STALE_MAX,
} from "../../../actors/stock/limits.ts";
import type { Shard } from "../../../actors/stock/shard.ts";
import { Fold, type Json } from "./support/fold.ts";

const DAY_MS = 86_400_000;
const A = { sku: "A", location: "L" };
const shardOf = (fold: Fold) => (fold.machine as unknown as { s: Shard }).s;
const times = (count: number, make: (i: number) => Json[]) =>
  Array.from({ length: count }, (_, i) => make(i)).flat();

test("a hold that comes and goes is remembered once, whatever finished before it", () => {
  const fold = new Fold();
  const hold = { type: "hold", ...A, qty: 1, ttlMs: 60_000 };
  fold.bundle([
    { type: "receipt", ...A, qty: 9 },
    { ...hold, hold: "other" },
    { type: "release", ...A, hold: "other" },
  ]);
  for (let i = 0; i < 40; i++) {
    const cart = [
      { ...hold, hold: "cart" },
      { type: "release", ...A, hold: "cart" },
    ];
    fold.bundle(times(100, () => cart));
  }
  const { tombstones } = shardOf(fold);
  expect(tombstones.live).toBe(2);
  expect(tombstones.size).toBeLessThanOrEqual(STALE_MAX + 10);
  expect(fold.restored().digest()).toBe(fold.machine.digest());
});

test("so is an order line that is closed and opened again", () => {
  const fold = new Fold();
  const order = (rev: number, status: string) => ({
    type: "order",
    ...A,
    order: "o",
    line: "1",
    rev,
    ordered: 5,
    status,
  });
  fold.bundle([{ ...order(1, "closed"), order: "first" }]);
  for (let i = 0; i < 40; i++) {
    fold.bundle(
      times(100, (n) => {
        const rev = (i * 100 + n) * 2 + 1;
        return [order(rev, "closed"), order(rev + 1, "placed")];
      }),
    );
  }
  const { closed } = shardOf(fold);
  expect(closed.live).toBe(1);
  expect(closed.size).toBeLessThanOrEqual(STALE_MAX + 10);
  expect(fold.restored().digest()).toBe(fold.machine.digest());
  fold.tick(fold.nowMs + 200 * DAY_MS);
  expect(shardOf(fold).closed.live).toBe(0);
});

test("a SKU that was only ever asked for in vain is forgotten, and comes back as new", () => {
  const fold = new Fold();
  const ask = (sku: string) => ({ type: "hold", sku, location: "L", hold: "h", qty: 1, ttlMs: 1 });
  for (let day = 0; day < 10; day++) {
    fold.bundle(times(200, (i) => [ask(`junk-${day}-${i}`)]));
    fold.bundle([ask("again")]);
    fold.tick(fold.nowMs + DAY_MS);
  }
  expect(shardOf(fold).skus.size).toBeLessThan(700);
  fold.tick(fold.nowMs + 5 * DAY_MS);
  expect(shardOf(fold).skus.size).toBe(0);
  expect(fold.send({ type: "receipt", sku: "again", location: "L", qty: 2 })).toMatchObject({
    outcome: "applied",
    level: { onHand: 2 },
  });
  expect(fold.one("L", "again", { qty: -1 })).toMatchObject({ level: { onHand: 1 } });
  expect(fold.restored().digest()).toBe(fold.machine.digest());
});

test("identities forgotten before their days are over, for want of room, are told", () => {
  const fold = new Fold({ recentIdsMax: 1 });
  const sale = (id: string) => ({ type: "sale", ...A, qty: 1, id });
  const { filter } = shardOf(fold);
  fold.bundle([{ type: "receipt", ...A, qty: 9 }]);
  for (let i = 0; i < FILTER_GENERATIONS_MAX; i++) {
    const full = new Generation(filter.nextNumber++, FILTER_BITS_MIN);
    full.count = full.slots.length;
    full.newestMs = fold.nowMs;
    filter.generations.push(full);
  }
  fold.bundle([sale("a"), sale("b"), sale("c")]);
  const alerts = fold.out.effects.filter(({ kind }) => kind === "alert");
  expect(alerts.map(({ subject, message }) => ({ subject, message }))).toMatchObject([
    {
      subject: "inv.alert.identity_window.-.-",
      message: { kind: "identity_window", details: { identities: 65_536 } },
    },
  ]);
  fold.bundle([sale("d"), sale("e")]);
  expect(fold.out.effects.filter(({ kind }) => kind === "alert")).toHaveLength(1);
});

test("identities in the filter are counted once, whenever a checkpoint was taken", () => {
  const fold = new Fold({ recentIdsMax: 3_000 });
  const counts = () => shardOf(fold).filter.generations.map(({ count }) => count);
  for (let i = 0; i < 24; i++) {
    fold.bundle([{ type: "receipt", ...A, qty: 1_000 }]);
    for (let j = 0; j < 4; j++) {
      fold.bundle(times(175, (n) => [{ type: "sale", ...A, qty: 1, id: `${i}.${j}.${n}` }]));
    }
    const before = counts();
    const filter = shardOf(fold).filter.generations.map(({ slots }) => slots);
    // Not the machine made again goes on: what it knows must not hide what the next one would be told.
    const { machine } = fold;
    fold.machine = fold.restored();
    expect(counts()).toEqual(before);
    expect(shardOf(fold).filter.generations.map(({ slots }) => slots)).toEqual(filter);
    fold.machine = machine;
  }
  expect(counts()).toEqual([24 * 701 - 3_000]);
});

test("a hold that waits already may be replaced where as many wait as may", () => {
  const fold = new Fold();
  const place = { sku: "A", location: "x" };
  const hold = (n: number, qty = 2) => ({
    ...{ type: "hold", ...place, hold: `h${n}`, qty, ttlMs: null, backorder: true },
  });
  for (let n = 0; n < BACKORDERS_PER_KEY_MAX; n += 250)
    fold.bundle(Array.from({ length: 250 }, (_, i) => hold(n + i)));
  expect(fold.send(hold(BACKORDERS_PER_KEY_MAX)).reason).toBe("limit_exceeded");
  expect(fold.send(hold(3, 1)).outcome).toBe("applied");
  expect(fold.send(hold(3, 4)).outcome).toBe("applied");
  expect(fold.level("A", "x").backordered).toBe(2 * BACKORDERS_PER_KEY_MAX + 2);
});
