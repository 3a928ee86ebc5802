// Pure.
/**
 * Makes any input fit to be learnt from: finite, non-negative, bounded, without gaps.
 *
 * Missing steps (NaN: the shop was closed, the file has a gap) before the first value are dropped; later
 * ones take the value one season before, or lie on the line between their neighbours.
 */
import type { Series } from "./numbers.ts";

/** Largest value learnt from; beyond it squares would lose their meaning. */
export const VALUE_MAX = 1e12;
/** Points kept of a longer history: the newest. */
export const HISTORY_MAX = 2_400;

export interface Prepared {
  readonly series: Series;
  /** What was done to the input, in words, for the forecast's record. */
  readonly warnings: readonly string[];
}

export function prepare(values: ArrayLike<number>, season: number): Prepared {
  const warnings: string[] = [];
  let first = 0;
  while (first < values.length && !Number.isFinite(values[first]!)) first++;
  const from = Math.max(first, values.length - HISTORY_MAX);
  if (from > first) warnings.push(`history cut to its newest ${HISTORY_MAX} points`);
  const series = new Float64Array(values.length - from);
  let gaps = 0;
  let clipped = 0;
  for (let i = 0; i < series.length; i++) {
    const value = values[from + i]!;
    if (!Number.isFinite(value)) {
      gaps++;
      series[i] = Number.NaN;
    } else if (value < 0 || value > VALUE_MAX) {
      clipped++;
      series[i] = value < 0 ? 0 : VALUE_MAX;
    } else {
      series[i] = value === 0 ? 0 : value;
    }
  }
  if (gaps > 0) fillGaps(series, season);
  if (gaps > 0) warnings.push(`${gaps} missing points filled`);
  if (clipped > 0) warnings.push(`${clipped} points outside 0..${VALUE_MAX} clipped`);
  return { series, warnings };
}

function fillGaps(series: Series, season: number): void {
  const n = series.length;
  for (let i = 0; i < n; i++) {
    if (!Number.isNaN(series[i]!)) continue;
    let next = i;
    while (next < n && Number.isNaN(series[next]!)) next++;
    for (let j = i; j < next; j++) {
      const before = season > 1 && j >= season ? series[j - season]! : Number.NaN;
      const left = i > 0 ? series[i - 1]! : next < n ? series[next]! : 0;
      const right = next < n ? series[next]! : left;
      const line = left + ((right - left) * (j - i + 1)) / (next - i + 1);
      series[j] = Number.isNaN(before) ? line : before;
    }
    i = next;
  }
}
