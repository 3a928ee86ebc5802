// Pure.
/**
 * Holidays, promotions and the like by day: what holds for a SKU at a location is what the entry closest to it says,
 * name by name.
 *
 *     SKU at the location > SKU > location > everywhere; 0, and a day nobody speaks of, is off
 */
import type { Signal, SignalEffect } from "../signals.ts";

export type SignalRow = { name: string; location: string; sku: string; day: number; value: number };

type Entry = { name: string; location: string; sku: string; days: Map<number, number> };

export class SignalBook {
  /** Entries by SKU; '' for those of every SKU. */
  readonly #bySku = new Map<string, Entry[]>();

  /** @returns whether it says anything new */
  put({ name, location, sku, day, value }: SignalRow): boolean {
    const entries = this.#bySku.get(sku) ?? [];
    let entry = entries.find((one) => one.name === name && one.location === location);
    if (entry === undefined) {
      entry = { name, location, sku, days: new Map() };
      entries.push(entry);
      this.#bySku.set(sku, entries);
    }
    if (entry.days.get(day) === value) return false;
    entry.days.set(day, value);
    return true;
  }

  /** The signals of a series: `past` days from `firstDay` on, then `future` days. Without any: an empty list. */
  of(
    { sku, location }: { sku: string; location: string },
    { firstDay, past, future }: { firstDay: number; past: number; future: number },
  ): Signal[] {
    const fitting = [...(this.#bySku.get(sku) ?? []), ...(this.#bySku.get("") ?? [])]
      .filter((entry) => entry.location === "" || entry.location === location)
      .sort(closestFirst);
    const names = [...new Set(fitting.map((entry) => entry.name))].sort();
    return names.map((name) => {
      const speakers = fitting.filter((entry) => entry.name === name);
      const on = (day: number) => speakers.find((one) => one.days.has(day))?.days.get(day) ?? 0;
      const from = (first: number, length: number) =>
        Float64Array.from({ length }, (_, k) => on(first + k));
      return { name, past: from(firstDay, past), future: from(firstDay + past, future) };
    });
  }
}

function closestFirst(a: Entry, b: Entry): number {
  const closeness = (entry: Entry) => (entry.sku === "" ? 0 : 2) + (entry.location === "" ? 0 : 1);
  return closeness(b) - closeness(a);
}

/** A digest of the signals a forecast knew: part of the version of its data. Empty without signals. FNV-1a 32. */
export function signalsVersion(signals: readonly Signal[]): string {
  if (signals.length === 0) return "";
  let hash = 0x811c9dc5;
  const text = signals.map(({ name, past, future }) => {
    const on: string[] = [];
    const all = [...Array.from(past), ...Array.from(future)];
    for (const [k, value] of all.entries()) if (value !== 0) on.push(`${k - past.length}=${value}`);
    return `${name}:${on.join(",")}`;
  });
  for (const char of text.join(";")) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Units that signals known ahead add to the next `days` days. */
export function unitsAhead(
  signals: readonly Signal[],
  effects: readonly SignalEffect[],
  days: number,
): number {
  let units = 0;
  for (const { name, effect } of effects) {
    const { future } = signals.find((one) => one.name === name) ?? { future: [] };
    for (let k = 0; k < Math.min(days, future.length); k++) units += effect * future[k]!;
  }
  return units;
}

/** The past as if no signal had been on; never negative, NaN stays. */
export function withoutEffects(
  units: Float64Array,
  signals: readonly Signal[],
  effects: readonly SignalEffect[],
): Float64Array {
  if (effects.length === 0) return units;
  return units.map((value, t) => {
    let rest = value;
    for (const { name, effect } of effects)
      rest -= effect * (signals.find((one) => one.name === name)?.past[t] ?? 0);
    return rest < 0 ? 0 : rest;
  });
}
