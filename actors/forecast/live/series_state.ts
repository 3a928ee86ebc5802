// Pure.
/** One series as its actor keeps it: history, facts, the plan in force, and what is expected of the next days. */
import type { Plan } from "../policy/decide_policy.ts";
import type { SignalEffect } from "../signals.ts";
import { DemandSeries } from "./demand_series.ts";
import type { ItemFacts } from "./facts.ts";
import type { SeriesFigures } from "./grouping.ts";
import type { Outlook } from "./outlook.ts";

export type SeriesState = {
  readonly sku: string;
  readonly location: string;
  demand: DemandSeries;
  item: ItemFacts | undefined;
  /** The plan in force, and the version of the stock machine's policy. */
  inForce: Plan | undefined;
  policyVersion: number;
  /** What the last grouping found. */
  figures: SeriesFigures | undefined;
  classFill: number;
  /** What the last forecast, moved on with each day since, expects. */
  outlook: Outlook | undefined;
  /** What the last forecast found signals to do. */
  effects: readonly SignalEffect[];
  /** Units sold on a day still open, when they are far beyond what was expected of all of it. */
  surge: { day: number; units: number } | undefined;
};

export function newSeries(sku: string, location: string): SeriesState {
  return {
    sku,
    location,
    demand: new DemandSeries(),
    item: undefined,
    inForce: undefined,
    policyVersion: 0,
    figures: undefined,
    classFill: CLASS_FILL_UNKNOWN,
    outlook: undefined,
    effects: NO_EFFECTS,
    surge: undefined,
  };
}

const NO_EFFECTS: readonly SignalEffect[] = [];
/** Middle class of value and variation, before anything is known. */
const CLASS_FILL_UNKNOWN = 0.95;

/** Names hold no control characters, so the key is unique. */
export const seriesKey = (sku: string, location: string): string => `${location}\n${sku}`;
