import { expect, test } from "vitest";
import { makeChain } from "../../../scripts/demo/chain.ts";
import { pastOf, skusWithPast } from "../../../scripts/demo/history.ts";
import { CommandSchema } from "../../../shared/messages.ts";

const UNTIL_MS = Date.parse("2026-06-05T00:00:00Z");
const chain = makeChain(1);
const past = (seed = 1) => [...pastOf(chain, { seed, days: 30, untilMs: UNTIL_MS })];

test("pastOf() delivers what each shelf sells, then sells it, as history within the days asked for", () => {
  const all = past();
  expect(all.length).toBeGreaterThan(500);
  for (const [delivery, ...sales] of all) {
    expect(delivery).toMatchObject({ type: "receipt", backfill: true });
    const sold = sales.reduce((sum, sale) => sum + (sale.type === "sale" ? sale.qty : 0), 0);
    expect(delivery?.type === "receipt" && delivery.qty).toBe(sold);
    for (const sale of sales) {
      expect(CommandSchema.safeParse(sale).success).toBe(true);
      const ms = Date.parse(sale.at ?? "");
      expect(ms).toBeGreaterThanOrEqual(UNTIL_MS - 30 * 86_400_000);
      expect(ms).toBeLessThan(UNTIL_MS);
    }
    expect(new Set(sales.map((sale) => sale.id)).size).toBe(sales.length);
  }
});

test("pastOf() is the same for a seed, and the best sellers come first", () => {
  expect(past()).toEqual(past());
  expect(JSON.stringify(past(2))).not.toBe(JSON.stringify(past()));
  const [best] = skusWithPast(chain);
  const shelves = past().map(([delivery]) => delivery);
  const units = (sku: string) =>
    shelves.reduce(
      (sum, one) => sum + (one?.type === "receipt" && one.sku === sku ? one.qty : 0),
      0,
    );
  expect(units(String(best))).toBeGreaterThan(units(String(skusWithPast(chain).at(-1))));
});
