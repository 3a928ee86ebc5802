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
