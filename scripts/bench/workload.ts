// Pure.
// What the benches sell: 10,000 SKUs at one location with Zipf popularity (s = 1), or one hot SKU.
// Drawn once, before the clock starts, so that drawing costs the run nothing.

import { seededRandom } from "../demo/random.ts";

export const SKUS = 10_000;
export const LOCATION = "store-1";

export const skuName = (index: number): string => `SKU-${index}`;

/** `count` SKU indexes with chance proportional to 1 / (rank + 1). Same seed, same sequence. */
export function zipfSequence(seed: number, count: number, skus = SKUS): Uint32Array {
  const random = seededRandom(seed);
  const sums = new Float64Array(skus);
  let total = 0;
  for (let i = 0; i < skus; i++) {
    total += 1 / (i + 1);
    sums[i] = total;
  }
  const sequence = new Uint32Array(count);
  for (let n = 0; n < count; n++) {
    const wanted = random() * total;
    let [low, high] = [0, skus - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) <= wanted) low = middle + 1;
      else high = middle;
    }
    sequence[n] = low;
  }
  return sequence;
}

/** Planned arrivals of a Poisson process: `count` times in ms from 0, `ratePerS` on average. */
export function poissonArrivals(seed: number, ratePerS: number, count: number): Float64Array {
  const random = seededRandom(seed);
  const arrivals = new Float64Array(count);
  let ms = 0;
  for (let i = 0; i < count; i++) {
    ms += (-Math.log(1 - random()) * 1000) / ratePerS;
    arrivals[i] = ms;
  }
  return arrivals;
}
