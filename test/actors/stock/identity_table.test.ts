import { expect, it } from "vitest";
import { IdentityTable } from "../../../actors/stock/identity_table.ts";

it("IdentityTable finds all of a bucket that more are made for than it counts", () => {
  const records = { tail: 1, head: 1_001, highAt: (position: number) => position };
  const table = new IdentityTable(records, 4_096);
  const living: number[] = [];
  const missing = () => living.filter((high) => table.find(high, 5) !== high);
  for (let high = 1; high <= 1_000; high++) {
    table.add(5, high, high);
    living.push(high);
    if (high % 50 === 14) expect(missing()).toEqual([]);
  }
  // The oldest leave, and some are forgotten.
  while (living.length > 20) {
    table.leave(5, records.tail);
    records.tail++;
    living.shift();
    if (living.length % 7 === 0) table.forget(5, living.splice(3, 1)[0] as number);
    if (living.length % 10 === 0) expect(missing()).toEqual([]);
  }
  expect(missing()).toEqual([]);
});
