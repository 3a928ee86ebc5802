// Pure.
/**
 * A policy's frontier: what each setting of its one service knob costs in stock and reaches in fill, kept
 * per item so that any sample of items can be read at the same fill.
 */
import { quantileOfSorted } from "../../actors/forecast/numbers.ts";
import { simulate } from "../../actors/forecast/policy/simulate.ts";
import type { BacktestPolicy, ItemHistory } from "./policies.ts";
import { randomOf } from "./random.ts";

/** Settings of the knob z; beyond the last a policy cannot be read. */
export const KNOBS: readonly number[] = [
  -2, -1.5, -1, -0.7, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 2.8,
  3.2, 3.6, 4.2, 5, 6, 7.5, 9, 11, 14, 18, 24, 32, 45,
];

export interface Item extends ItemHistory {
  readonly sku: string;
  readonly price: number;
}

export interface ItemFrontier {
  /** Value asked for over the test days. */
  readonly asked: number;
  /** One entry a knob: mean stock value, value sold, days with a stockout, orders. */
  readonly stock: Float64Array;
  readonly sold: Float64Array;
  readonly stockoutDays: Float64Array;
  readonly orders: Float64Array;
}

/** Replays one item under one policy at every knob, over the days from `from` on. */
export function itemFrontier(
  item: Item,
  policy: BacktestPolicy,
  from: number,
  leadTime: number,
): ItemFrontier {
  const { mean, sd } = policy.believe(item, from, leadTime);
  const n = KNOBS.length;
  const stock = new Float64Array(n);
  const sold = new Float64Array(n);
  const stockoutDays = new Float64Array(n);
  const orders = new Float64Array(n);
  let asked = 0;
  KNOBS.forEach((z, k) => {
    const result = simulate(item.daily, (t) => mean[t]! + z * sd[t]!, from, leadTime);
    stock[k] = result.stock * item.price;
    sold[k] = result.sold * item.price;
    stockoutDays[k] = result.stockoutDays;
    orders[k] = result.orders;
    asked = result.asked * item.price;
  });
  return { asked, stock, sold, stockoutDays, orders };
}

/** Value on hand at the end of each day of the second part, over all items, at one knob. */
export function stockByDay(
  items: readonly Item[],
  policy: BacktestPolicy,
  setting: { readonly from: number; readonly leadTime: number; readonly z: number },
): number[] {
  const days = (items[0]?.daily.length ?? setting.from) - setting.from;
  const value = new Array<number>(days).fill(0);
  for (const item of items) {
    const { mean, sd } = policy.believe(item, setting.from, setting.leadTime);
    const levelAt = (t: number) => mean[t]! + setting.z * sd[t]!;
    simulate(item.daily, levelAt, setting.from, setting.leadTime, (t, onHand) => {
      value[t - setting.from] = value[t - setting.from]! + onHand * item.price;
    });
  }
  return value;
}

export interface Reading {
  /** Mean value of stock on hand at the end of a day. */
  readonly inventoryValue: number;
  readonly fillRate: number;
  readonly stockoutDays: number;
  readonly orders: number;
  /** The knob there. */
  readonly z: number;
}

/** Sums over a sample of items (by index, with repeats). */
export function total(items: readonly ItemFrontier[], sample: ArrayLike<number>): ItemFrontier {
  const n = KNOBS.length;
  const sums = {
    asked: 0,
    stock: new Float64Array(n),
    sold: new Float64Array(n),
    stockoutDays: new Float64Array(n),
    orders: new Float64Array(n),
  };
  for (let s = 0; s < sample.length; s++) {
    const item = items[sample[s]!]!;
    sums.asked += item.asked;
    for (let k = 0; k < n; k++) {
      sums.stock[k] = sums.stock[k]! + item.stock[k]!;
      sums.sold[k] = sums.sold[k]! + item.sold[k]!;
      sums.stockoutDays[k] = sums.stockoutDays[k]! + item.stockoutDays[k]!;
      sums.orders[k] = sums.orders[k]! + item.orders[k]!;
    }
  }
  return sums;
}

/** The frontier at a fill rate, between two knobs linearly; undefined where no knob reaches it. */
export function readAt(sums: ItemFrontier, fillRate: number): Reading | undefined {
  for (let k = 1; k < KNOBS.length; k++) {
    const low = sums.sold[k - 1]! / sums.asked;
    const high = sums.sold[k]! / sums.asked;
    if (!(low <= fillRate && high >= fillRate && high > low)) continue;
    const share = (fillRate - low) / (high - low);
    const between = (values: ArrayLike<number>) =>
      values[k - 1]! + share * (values[k]! - values[k - 1]!);
    return {
      inventoryValue: between(sums.stock),
      fillRate,
      stockoutDays: between(sums.stockoutDays),
      orders: between(sums.orders),
      z: between(KNOBS),
    };
  }
  return undefined;
}

/** The frontier at a knob, between two settings linearly. */
export function readAtKnob(sums: ItemFrontier, z: number): Reading {
  let k = 1;
  while (k < KNOBS.length - 1 && KNOBS[k]! < z) k++;
  const share = (z - KNOBS[k - 1]!) / (KNOBS[k]! - KNOBS[k - 1]!);
  const between = (values: ArrayLike<number>) =>
    values[k - 1]! + share * (values[k]! - values[k - 1]!);
  return {
    inventoryValue: between(sums.stock),
    fillRate: between(sums.sold) / sums.asked,
    stockoutDays: between(sums.stockoutDays),
    orders: between(sums.orders),
    z,
  };
}

export interface Change {
  /** Change of inventory value at equal fill in percent: the estimate and its 95% bootstrap interval. */
  readonly inventoryValueChangePct: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly skuCount: number;
}

/** Stock value at one fill rate: of the items themselves, and of each resampling. NaN when not reached. */
export interface Resampled {
  readonly estimate: number;
  readonly drawn: Float64Array;
  readonly skuCount: number;
}

/** Reads a policy on the chosen items and on `draws` resamplings of them, the same for every policy. */
export function resample(
  items: readonly ItemFrontier[],
  chosen: readonly number[],
  options: { readonly fillRate: number; readonly draws: number },
): Resampled {
  const random = randomOf(11);
  const value = (sample: ArrayLike<number>): number =>
    chosen.length === 0 ? Number.NaN : valueAt(items, sample, options.fillRate);
  const sample = new Int32Array(chosen.length);
  const drawn = new Float64Array(options.draws);
  for (let b = 0; b < options.draws; b++) {
    for (let i = 0; i < sample.length; i++) {
      sample[i] = chosen[Math.floor(random() * chosen.length)]!;
    }
    drawn[b] = value(sample);
  }
  return { estimate: value(chosen), drawn, skuCount: chosen.length };
}

/** Inventory value of a sample at a fill rate, as `readAt(total(..))` finds it, without the rest. */
function valueAt(
  items: readonly ItemFrontier[],
  sample: ArrayLike<number>,
  fillRate: number,
): number {
  const n = KNOBS.length;
  const stock = new Float64Array(n);
  const sold = new Float64Array(n);
  let asked = 0;
  for (let s = 0; s < sample.length; s++) {
    const item = items[sample[s]!]!;
    asked += item.asked;
    for (let k = 0; k < n; k++) {
      stock[k] = stock[k]! + item.stock[k]!;
      sold[k] = sold[k]! + item.sold[k]!;
    }
  }
  const wanted = fillRate * asked;
  for (let k = 1; k < n; k++) {
    const low = sold[k - 1]!;
    const high = sold[k]!;
    if (!(low <= wanted && high >= wanted && high > low)) continue;
    return stock[k - 1]! + ((wanted - low) / (high - low)) * (stock[k]! - stock[k - 1]!);
  }
  return Number.NaN;
}

/** One policy against another, from their readings over the same resamplings. */
export function change(policy: Resampled, against: Resampled): Change {
  const between = (ours: number, theirs: number) => 100 * (ours / theirs - 1);
  const estimate = between(policy.estimate, against.estimate);
  const { skuCount } = policy;
  if (!Number.isFinite(estimate)) {
    return { inventoryValueChangePct: null, low: null, high: null, skuCount };
  }
  const drawn = policy.drawn
    .map((value, b) => between(value, against.drawn[b]!))
    .filter(Number.isFinite)
    .sort();
  return {
    inventoryValueChangePct: estimate,
    low: quantileOfSorted(drawn, 0.025),
    high: quantileOfSorted(drawn, 0.975),
    skuCount,
  };
}
