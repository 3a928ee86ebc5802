// Content digests tell commands apart that differ in small numbers, as nearly all do. S21
import { expect, it } from "vitest";
import { FIELD } from "../../../actors/stock/digest_seeds.ts";
import { fieldNumberHash } from "../../../actors/stock/hash.ts";
import { Fold } from "./support/fold.ts";

it("types and quantities give digests of their own", () => {
  const digests = new Set<number>();
  for (let type = 0; type < 18; type++)
    for (let qty = 1; qty <= 1000; qty++)
      digests.add((fieldNumberHash(FIELD.type, type) + fieldNumberHash(FIELD.qty, qty)) | 0);
  expect(digests.size).toBe(18 * 1000);
});

it("pairs of fields with small numbers meet no more often than chance has it", () => {
  const seeds = Object.values(FIELD);
  const sums = new Set<number>();
  let pairs = 0;
  for (const [i, one] of seeds.entries())
    for (const other of seeds.slice(i + 1))
      for (let n = 0; n < 144; n++) {
        const [a, b] = [Math.floor(n / 12), n % 12];
        sums.add((fieldNumberHash(one, a) + fieldNumberHash(other, b)) | 0);
        pairs++;
      }
  // Some 130,000 pairs in 32 bits: two meet by chance.
  expect(pairs - sums.size).toBeLessThan(10);
});

it("a large number is not its lower half, nor another field's", () => {
  const share = (seed: number, n: number) => fieldNumberHash(seed, n);
  expect(share(2, 2 ** 32 + 5)).not.toBe(share(2, 5));
  expect(share(1, 2 * 2 ** 32)).not.toBe(share(2, 2 ** 32));
  expect(share(2, -1)).not.toBe(share(2, 2 ** 32 - 1));
});

it("a receipt of 3 under the id of a sale of 1 is an id_conflict, not its repeat", () => {
  const fold = new Fold();
  const A = { sku: "A", location: "store-1", id: "same" };
  fold.send({ type: "sale", ...A, qty: 1 });
  expect(fold.send({ type: "receipt", ...A, qty: 3 }).reason).toBe("id_conflict");
});
