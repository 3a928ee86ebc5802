// Pure.
/**
 * Stock of one SKU under an order-up-to level that is set at the end of each day: goods ordered at the
 * end of day t are on the shelf at the start of day t + lead time; demand not met is lost.
 */

export interface Simulated {
  /** Mean units on hand at the end of a day. */
  readonly stock: number;
  /** Units sold and units asked for. */
  readonly sold: number;
  readonly asked: number;
  readonly stockoutDays: number;
  readonly orders: number;
}

/** Order-up-to level in units (not rounded), at the end of day `t` of the history. */
export type LevelAt = (t: number) => number;

/**
 * Runs days `from` .. daily.length - 1. It starts with a full shelf at the first level; `seen` is told the
 * units on hand at the end of each day.
 */
export function simulate(
  daily: Float64Array,
  levelAt: LevelAt,
  from: number,
  leadTime: number,
  seen?: (t: number, onHand: number) => void,
): Simulated {
  const days = daily.length;
  const arriving = new Float64Array(days + leadTime + 1);
  let onHand = Math.max(0, Math.ceil(levelAt(from - 1)));
  let onOrder = 0;
  let stock = 0;
  let sold = 0;
  let asked = 0;
  let stockoutDays = 0;
  let orders = 0;
  for (let t = from; t < days; t++) {
    onHand += arriving[t]!;
    onOrder -= arriving[t]!;
    const demand = daily[t]!;
    const sales = Math.min(onHand, demand);
    sold += sales;
    asked += demand;
    if (sales < demand) stockoutDays++;
    onHand -= sales;
    stock += onHand;
    seen?.(t, onHand);
    const needed = Math.ceil(levelAt(t) - onHand - onOrder);
    if (needed >= 1) {
      arriving[t + leadTime] = needed;
      onOrder += needed;
      orders++;
    }
  }
  return { stock: stock / Math.max(1, days - from), sold, asked, stockoutDays, orders };
}
