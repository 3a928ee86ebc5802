// Pure.
/**
 * The policies a backtest compares. Each says, at the end of every day, what demand over the lead time it
 * expects and how far that may be off; the order-up-to level is mean + z sd, with one z for all items.
 * Nothing here looks at a day that has not ended.
 */
import { mean, standardDeviation } from "../../actors/forecast/numbers.ts";
import { AdaptiveDemand } from "../../actors/forecast/policy/adaptive_demand.ts";

export interface ItemHistory {
  readonly daily: Float64Array;
  readonly orders: Float64Array;
}

/** Mean and sd of lead-time demand as believed at the end of day t, for t from `from - 1` on. */
export interface Beliefs {
  readonly mean: Float64Array;
  readonly sd: Float64Array;
}

export interface BacktestPolicy {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly believe: (item: ItemHistory, from: number, leadTime: number) => Beliefs;
}

export const STATIC: BacktestPolicy = {
  name: "static",
  title: "static yearly",
  about: "mean and sd of the first part, never changed",
  believe: ({ daily }, from, leadTime) => {
    const known = daily.subarray(0, from);
    const days = daily.length;
    return {
      mean: new Float64Array(days).fill(mean(known) * leadTime),
      sd: new Float64Array(days).fill(standardDeviation(known) * Math.sqrt(leadTime)),
    };
  },
};

export const BRIEF: BacktestPolicy = trailing("brief", "the brief's formula", 28);
export const BRIEF_90: BacktestPolicy = trailing("brief90", "the brief's formula, 90 days", 90);

export const OURS: BacktestPolicy = {
  name: "onhand",
  title: "Onhand",
  about: "orders and units an order apart, fresh and steady reading mixed by their record",
  believe: ({ daily, orders }, _from, leadTime) => {
    const state = new AdaptiveDemand(leadTime);
    const beliefs = { mean: new Float64Array(daily.length), sd: new Float64Array(daily.length) };
    for (let t = 0; t < daily.length; t++) {
      state.add({ units: daily[t]!, orders: orders[t]! });
      const { mean: expected, sd } = state.leadTimeDemand();
      beliefs.mean[t] = expected;
      beliefs.sd[t] = sd;
    }
    return beliefs;
  },
};

export const POLICIES: readonly BacktestPolicy[] = [STATIC, BRIEF, BRIEF_90, OURS];

/** mean L + z sd sqrt(L) of the last `window` days, restated every day. */
function trailing(name: string, title: string, window: number): BacktestPolicy {
  return {
    name,
    title,
    about: `mean L + z sd sqrt(L) of the last ${window} days, every day`,
    believe: ({ daily }, from, leadTime) => {
      const beliefs = { mean: new Float64Array(daily.length), sd: new Float64Array(daily.length) };
      for (let t = Math.max(0, from - 1); t < daily.length; t++) {
        const recent = daily.subarray(Math.max(0, t + 1 - window), t + 1);
        beliefs.mean[t] = mean(recent) * leadTime;
        beliefs.sd[t] = standardDeviation(recent) * Math.sqrt(leadTime);
      }
      return beliefs;
    },
  };
}
