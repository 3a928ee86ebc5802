// Pure.
/**
 * Small arithmetic on series, shared by every forecast method.
 *
 * A series is a `Float64Array` throughout the forecast core: dense in memory, cut without copying
 * (`subarray`), and the same type everywhere, which keeps the inner loops fast.
 */

export type Series = Float64Array;

/** Arithmetic mean; 0 for an empty series. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return values.length === 0 ? 0 : sum / values.length;
}

/** Sample variance (n - 1); 0 for fewer than two values. */
export function variance(values: ArrayLike<number>): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - centre) ** 2;
  return sum / (values.length - 1);
}

export function standardDeviation(values: ArrayLike<number>): number {
  return Math.sqrt(variance(values));
}

export function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}

export function largest(values: ArrayLike<number>): number {
  let found = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i]! > found) found = values[i]!;
  return found;
}

export function smallest(values: ArrayLike<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i]! < found) found = values[i]!;
  return found;
}

/** Middle value (mean of the two middle ones); NaN for an empty list. Does not change its input. */
export function median(values: ArrayLike<number>): number {
  return quantileOf(values, 0.5);
}

/**
 * Sample quantile by linear interpolation between order statistics (Hyndman and Fan 1996, type 7),
 * for a probability in [0, 1]; NaN for an empty list. Example: the 0.25 quantile of 1, 2, 3, 4 is 1.75.
 */
export function quantileOf(values: ArrayLike<number>, probability: number): number {
  const sorted = Float64Array.from(values).sort();
  return quantileOfSorted(sorted, probability);
}

/** The same, for values already in ascending order. */
export function quantileOfSorted(sorted: ArrayLike<number>, probability: number): number {
  const n = sorted.length;
  if (n === 0) return Number.NaN;
  const position = Math.min(1, Math.max(0, probability)) * (n - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  return below + 1 < n ? low + (position - below) * (sorted[below + 1]! - low) : low;
}

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** Sums of `width` consecutive values, overlapping, oldest first; empty when the series is shorter. */
export function rollingSums(values: ArrayLike<number>, width: number): Float64Array {
  const count = Math.max(0, values.length - width + 1);
  const sums = new Float64Array(count);
  for (let start = 0; start < count; start++) {
    let total = 0;
    for (let i = start; i < start + width; i++) total += values[i]!;
    sums[start] = total;
  }
  return sums;
}

/** Least-squares line through (0, y0), (1, y1) ...; a flat line for fewer than two points. */
export function fitLine(y: ArrayLike<number>): { intercept: number; slope: number } {
  const n = y.length;
  if (n < 2) return { intercept: n === 0 ? 0 : y[0]!, slope: 0 };
  const middleX = (n - 1) / 2;
  const middleY = mean(y);
  let top = 0;
  for (let i = 0; i < n; i++) top += (i - middleX) * (y[i]! - middleY);
  const slope = top / ((n * (n * n - 1)) / 12);
  return { intercept: middleY - slope * middleX, slope };
}
