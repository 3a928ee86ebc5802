import { expect, it } from "vitest";
import { Fold } from "./support/fold.ts";

it("what is lost, and lost no more, makes no level at a place that never had any", () => {
  const fold = new Fold();
  const ask = { type: "hold", sku: "A", ttlMs: 60_000, shopper: "s1" };
  fold.send({ type: "receipt", sku: "A", location: "store-1", qty: 9 });
  const refused = fold.send({ ...ask, location: "store-2", hold: "h1", qty: 2 });
  expect(refused).toMatchObject({ outcome: "rejected", reason: "insufficient_available" });
  // The shopper gets them elsewhere: the loss at store-2 is taken back.
  fold.send({ ...ask, location: "store-1", hold: "h2", qty: 2 });
  const told = fold.out.rows.filter((row) => row.location === "store-2");
  expect(told.map(({ cause, lost }) => [cause, lost])).toEqual([
    ["command", 2],
    ["lostDemand", -2],
  ]);
  const places = [...fold.machine.keys()].map((key) => fold.machine.level(key).location);
  expect(places).toEqual(["store-1"]);
  // So no backorder waits there.
  fold.send({ type: "hold", sku: "A", location: "store-1", hold: "h3", qty: 7, ttlMs: 60_000 });
  const anywhere = { ...ask, location: "-", hold: "h4", qty: 1, backorder: true };
  expect(fold.send(anywhere)).toMatchObject({ level: { location: "store-1", backordered: 1 } });
});

const A = { sku: "A", location: "store-1" };
const lostOf = (fold: Fold) => fold.out.rows.reduce((sum, row) => sum + row.lost, 0);

it("nothing is lost when lines are placed again that are over, though there is no stock for them", () => {
  const fold = new Fold({ shards: 2, shard: 0 });
  const lines = [{ ...A, qty: 2 }];
  const place = (id: string) => ({
    type: "hold",
    id,
    ...A,
    hold: "h",
    home: "A",
    lines,
    ttlMs: null,
  });
  fold.send({ type: "receipt", ...A, qty: 2 });
  fold.send(place("one"));
  fold.send({ type: "seal", ...A, hold: "h", outcome: "held" });
  fold.send({ type: "release", ...A, hold: "h" });
  fold.send({ type: "sale", ...A, qty: 2 });
  expect(fold.send(place("two")).reason).toBe("hold_finished");
  expect(lostOf(fold)).toBe(0);
});

it("nothing is lost of a hold that was refused because a channel is closed for one of its lines", () => {
  const fold = new Fold();
  const B = { sku: "B", location: "store-1" };
  fold.send({ type: "policy", ...A, channels: { web: { closed: true } } });
  fold.send({ type: "receipt", ...B, qty: 1 });
  const lines = [
    { ...A, qty: 1 },
    { ...B, qty: 4 },
  ];
  const hold = { type: "hold", ...A, hold: "h", lines, ttlMs: null, channel: "web" };
  expect(fold.send(hold).reason).toBe("channel_closed");
  expect(lostOf(fold)).toBe(0);
});
