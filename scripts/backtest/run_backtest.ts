// Owns the course of a backtest: sales file -> daily demand -> every policy at every knob -> all read at
// one fill rate, with intervals. Out of time: a policy's constants and the choice of items come from the
// first part; the second part is only replayed, and only each policy's one service knob is swept on it.
import { mean } from "../../actors/forecast/numbers.ts";
import { OnhandError } from "../../shared/errors.ts";
import { capped, type DailyDemand, sellingDays } from "./daily_demand.ts";
import {
  type Change,
  change,
  type Item,
  type ItemFrontier,
  itemFrontier,
  KNOBS,
  type Reading,
  readAt,
  readAtKnob,
  resample,
  stockByDay,
  total,
} from "./frontier.ts";
import { BRIEF, OURS, POLICIES, STATIC } from "./policies.ts";

export interface BacktestSettings {
  readonly leadTimeDays: number;
  /** Share of the value asked for that is to be served, 0 to 1. */
  readonly targetFill: number;
  /** Days of the first part; default 180, or half of a shorter file. */
  readonly firstDays: number | undefined;
  /** Fewest selling days in the first part for an item to take part. */
  readonly sellingDaysMin: number;
  readonly draws: number;
}

/** What demand is replayed: bulk days held to the item's 95th percentile, or everything as it came. */
export type DemandKind = "capped" | "cappedByFirstPart" | "raw";

export interface PolicyResult {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  /** At the target fill rate; null when no setting of the knob reaches it. */
  readonly atTargetFill: Reading | null;
  readonly againstStatic: Change;
  readonly againstBrief: Change;
  /** Knob set on the first part for the target; the fill it then really gave. */
  readonly asPromised: Reading | null;
  readonly frontier: readonly Reading[];
  /** Value on hand at the end of each day of the second part, at the target fill; empty when not reached. */
  readonly stockByDay: readonly number[];
}

export interface KindResult {
  readonly demand: DemandKind;
  readonly skuCount: number;
  readonly stableSkuCount: number;
  readonly valueAskedPerDay: number;
  readonly policies: readonly PolicyResult[];
  /** Ours against static, overall and on stable items; ours against the brief's formula likewise. */
  readonly headline: Headline;
}

export interface Headline extends Change {
  readonly stable: Change;
  readonly againstBrief: Change & { readonly stable: Change };
}

export interface BacktestResult {
  readonly setting: BacktestSettings & {
    readonly firstDay: string;
    readonly dayCount: number;
    readonly firstDays: number;
    readonly cancelledLines: number;
  };
  readonly kinds: readonly KindResult[];
}

const CAP_PERCENTILE = 0.95;
/** An item is stable when its mean in the second part is within this range of that in the first. */
const STABLE_LOW = 0.8;
const STABLE_HIGH = 1.25;

/** Runs the whole backtest. `progress` is told the share done. Throws OnhandError `usage` when too short. */
export function runBacktest(
  demand: DailyDemand,
  settings: BacktestSettings,
  progress: (share: number) => void = () => {},
): BacktestResult {
  const { dayCount } = demand;
  const firstDays = settings.firstDays ?? (dayCount >= 270 ? 180 : Math.floor(dayCount / 2));
  const shortest = 4 * settings.leadTimeDays;
  if (firstDays < shortest || dayCount - firstDays < shortest) {
    throw new OnhandError(
      "usage",
      `Cannot backtest ${dayCount} days with ${firstDays} to learn from: wanted at least ${shortest} days in either part`,
    );
  }
  const known = demand.skus.filter(
    ({ daily }) => sellingDays(daily, firstDays) >= settings.sellingDaysMin,
  );
  if (known.length === 0) {
    throw new OnhandError(
      "usage",
      `Cannot backtest: no item sold on ${settings.sellingDaysMin} of the first ${firstDays} days`,
    );
  }
  const kinds: DemandKind[] = ["capped", "cappedByFirstPart", "raw"];
  const results = kinds.map((kind, i) => {
    const items: Item[] = known.map(({ sku, price, daily, orders }) => ({
      sku,
      price,
      orders,
      daily: held(daily, kind, firstDays),
    }));
    const told = (share: number) => progress((i + share) / kinds.length);
    return runKind(kind, items, { ...settings, firstDays }, told);
  });
  return {
    setting: {
      ...settings,
      firstDays,
      firstDay: demand.firstDay,
      dayCount,
      cancelledLines: demand.cancelledLines,
    },
    kinds: results,
  };
}

function held(daily: Float64Array, kind: DemandKind, firstDays: number): Float64Array {
  if (kind === "raw") return daily;
  return capped(daily, CAP_PERCENTILE, kind === "capped" ? daily.length : firstDays);
}

function runKind(
  demand: DemandKind,
  items: readonly Item[],
  settings: BacktestSettings & { readonly firstDays: number },
  progress: (share: number) => void,
): KindResult {
  const { firstDays, leadTimeDays, targetFill, draws } = settings;
  const all = items.map((_, i) => i);
  const stable = all.filter((i) => isStable(items[i]!.daily, firstDays));
  const fronts = new Map<string, ItemFrontier[]>();
  POLICIES.forEach((policy, p) => {
    const found = items.map((item, i) => {
      if (i % 100 === 0) progress((p + i / items.length) / (POLICIES.length + 1));
      return itemFrontier(item, policy, firstDays, leadTimeDays);
    });
    fronts.set(policy.name, found);
  });
  const front = (name: string) => fronts.get(name)!;
  const options = { fillRate: targetFill, draws };
  const readings = new Map(
    POLICIES.map(({ name }) => [
      name,
      { all: resample(front(name), all, options), stable: resample(front(name), stable, options) },
    ]),
  );
  const against = (name: string, other: string, among: "all" | "stable") =>
    change(readings.get(name)![among], readings.get(other)![among]);
  const policies = POLICIES.map((policy): PolicyResult => {
    const sums = total(front(policy.name), all);
    const promised = promisedKnob(items, policy.name, settings);
    const reached = readAt(sums, targetFill);
    return {
      name: policy.name,
      title: policy.title,
      about: policy.about,
      atTargetFill: reached ?? null,
      againstStatic: against(policy.name, STATIC.name, "all"),
      againstBrief: against(policy.name, BRIEF.name, "all"),
      asPromised: promised === undefined ? null : readAtKnob(sums, promised),
      frontier: KNOBS.map((z) => readAtKnob(sums, z)),
      stockByDay:
        reached === undefined
          ? []
          : stockByDay(items, policy, { from: firstDays, leadTime: leadTimeDays, z: reached.z }),
    };
  });
  const ours = policies.find(({ name }) => name === OURS.name)!;
  return {
    demand,
    skuCount: items.length,
    stableSkuCount: stable.length,
    valueAskedPerDay: valueAskedPerDay(items, firstDays),
    policies,
    headline: {
      ...ours.againstStatic,
      stable: against(OURS.name, STATIC.name, "stable"),
      againstBrief: { ...ours.againstBrief, stable: against(OURS.name, BRIEF.name, "stable") },
    },
  };
}

/** The knob that reaches the target in the second half of the first part, learning from its first half. */
function promisedKnob(
  items: readonly Item[],
  policyName: string,
  { firstDays, leadTimeDays, targetFill }: BacktestSettings & { readonly firstDays: number },
): number | undefined {
  const policy = POLICIES.find(({ name }) => name === policyName)!;
  const half = Math.floor(firstDays / 2);
  const fronts = items.map(({ sku, price, daily, orders }) =>
    itemFrontier(
      { sku, price, daily: daily.subarray(0, firstDays), orders: orders.subarray(0, firstDays) },
      policy,
      half,
      leadTimeDays,
    ),
  );
  const sums = total(
    fronts,
    items.map((_, i) => i),
  );
  return readAt(sums, targetFill)?.z;
}

function isStable(daily: Float64Array, firstDays: number): boolean {
  const before = mean(daily.subarray(0, firstDays));
  const after = mean(daily.subarray(firstDays));
  return before > 0 && after >= STABLE_LOW * before && after <= STABLE_HIGH * before;
}

function valueAskedPerDay(items: readonly Item[], firstDays: number): number {
  let value = 0;
  for (const { daily, price } of items) {
    for (let t = firstDays; t < daily.length; t++) value += daily[t]! * price;
  }
  return value / Math.max(1, (items[0]?.daily.length ?? 0) - firstDays);
}
