// Pure.
/**
 * IMAPA: the series is summed over 1, 2, ... K steps, each of these sums is smoothed, and the forecasts
 * a step are averaged; K is the mean interval between demands, at most 12.
 * Source: Petropoulos and Kourentzes, J. Operational Research Society 66, 2015, section 3.
 *
 * Worked example: 0, 2, 0, 2, 0, 2: K = 2; the pairs are 2, 2, 2, so that level gives 1 a step.
 */
import { mean, type Series } from "../numbers.ts";

const ALPHA = 0.2;
const AGGREGATION_MAX = 12;

/** Demand a step; 0 for an empty series. */
export function imapa(y: Series): number {
  let demands = 0;
  for (let i = 0; i < y.length; i++) if (y[i]! > 0) demands++;
  if (demands === 0) return 0;
  const deepest = Math.min(AGGREGATION_MAX, y.length, Math.max(1, Math.round(y.length / demands)));
  let total = 0;
  for (let width = 1; width <= deepest; width++) total += aggregated(y, width);
  return total / deepest;
}

/** Smoothed level of the sums of `width` steps, newest sums whole, given back per step. */
function aggregated(y: Series, width: number): number {
  const count = Math.floor(y.length / width);
  const start = y.length - count * width;
  const blocks = new Float64Array(count);
  for (let b = 0; b < count; b++) {
    let total = 0;
    for (let i = 0; i < width; i++) total += y[start + b * width + i]!;
    blocks[b] = total;
  }
  let level = mean(blocks.subarray(0, Math.min(12, count)));
  for (let b = 0; b < count; b++) level += ALPHA * (blocks[b]! - level);
  return level / width;
}
