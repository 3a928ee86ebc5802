// Pure.
/**
 * Two derivative-free minimisers, deterministic to the bit and limited in the number of evaluations:
 * a grid with golden section for one parameter, Nelder-Mead for two to five.
 */

export interface Minimum {
  readonly x: number;
  readonly value: number;
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Smallest value of `f` on [low, high]: evaluates an even grid, then narrows the cell around the
 * best point by golden section. Finds the global minimum of any curve whose dips are wider than a cell.
 */
export function minimiseOnInterval(
  f: (x: number) => number,
  low: number,
  high: number,
  options: { readonly gridCount?: number; readonly refineCount?: number } = {},
): Minimum {
  const gridCount = options.gridCount ?? 8;
  const refineCount = options.refineCount ?? 8;
  let best: Minimum = { x: low, value: Number.POSITIVE_INFINITY };
  const cell = (high - low) / gridCount;
  for (let i = 0; i <= gridCount; i++) {
    const x = low + i * cell;
    const value = f(x);
    if (value < best.value) best = { x, value };
  }
  let from = Math.max(low, best.x - cell);
  let to = Math.min(high, best.x + cell);
  let left = to - GOLDEN * (to - from);
  let right = from + GOLDEN * (to - from);
  let fLeft = f(left);
  let fRight = f(right);
  for (let i = 0; i < refineCount; i++) {
    if (fLeft <= fRight) {
      to = right;
      right = left;
      fRight = fLeft;
      left = to - GOLDEN * (to - from);
      fLeft = f(left);
    } else {
      from = left;
      left = right;
      fLeft = fRight;
      right = from + GOLDEN * (to - from);
      fRight = f(right);
    }
  }
  const refined = fLeft <= fRight ? { x: left, value: fLeft } : { x: right, value: fRight };
  return refined.value < best.value ? refined : best;
}

export interface SimplexMinimum {
  readonly x: readonly number[];
  readonly value: number;
  readonly evaluations: number;
}

interface Vertex {
  x: number[];
  value: number;
}

/**
 * Nelder and Mead's simplex (The Computer Journal 7, 1965) with the usual coefficients 1, 2, 1/2, 1/2.
 * A value that is not a number counts as the worst. Stops at `evaluationsMax` or when best and worst
 * agree to `tolerance` relative to the best.
 */
export function nelderMead(
  f: (x: readonly number[]) => number,
  start: readonly number[],
  step: readonly number[],
  options: { readonly evaluationsMax?: number; readonly tolerance?: number } = {},
): SimplexMinimum {
  const evaluationsMax = options.evaluationsMax ?? 200;
  const tolerance = options.tolerance ?? 1e-6;
  const n = start.length;
  let evaluations = 0;
  const measure = (x: number[]): Vertex => {
    evaluations++;
    const value = f(x);
    return { x, value: Number.isNaN(value) ? Number.POSITIVE_INFINITY : value };
  };
  const simplex: Vertex[] = [measure([...start])];
  for (let i = 0; i < n; i++) {
    simplex.push(measure(start.map((value, j) => (i === j ? value + step[i]! : value))));
  }
  while (evaluations < evaluationsMax) {
    sortByValue(simplex);
    const best = simplex[0]!;
    const worst = simplex[n]!;
    if (worst.value - best.value <= tolerance * (Math.abs(best.value) + 1e-300)) break;
    const centre = centreOf(simplex, n);
    const along = (t: number): Vertex => {
      const x = new Array<number>(n);
      for (let j = 0; j < n; j++) x[j] = centre[j]! + t * (worst.x[j]! - centre[j]!);
      return measure(x);
    };
    const reflected = along(-1);
    if (reflected.value < best.value) {
      const expanded = along(-2);
      simplex[n] = expanded.value < reflected.value ? expanded : reflected;
    } else if (reflected.value < simplex[n - 1]!.value) {
      simplex[n] = reflected;
    } else {
      const contracted = along(reflected.value < worst.value ? -0.5 : 0.5);
      if (contracted.value < Math.min(reflected.value, worst.value)) simplex[n] = contracted;
      else shrink(simplex, best, measure);
    }
  }
  sortByValue(simplex);
  return { x: simplex[0]!.x, value: simplex[0]!.value, evaluations };
}

/** Insertion sort: the simplex is small and nearly in order. */
function sortByValue(simplex: Vertex[]): void {
  for (let i = 1; i < simplex.length; i++) {
    const vertex = simplex[i]!;
    let j = i - 1;
    while (j >= 0 && simplex[j]!.value > vertex.value) {
      simplex[j + 1] = simplex[j]!;
      j--;
    }
    simplex[j + 1] = vertex;
  }
}

function centreOf(simplex: readonly Vertex[], n: number): number[] {
  const centre = new Array<number>(n).fill(0);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) centre[j] = centre[j]! + simplex[i]!.x[j]! / n;
  }
  return centre;
}

function shrink(simplex: Vertex[], best: Vertex, measure: (x: number[]) => Vertex): void {
  for (let i = 1; i < simplex.length; i++) {
    simplex[i] = measure(best.x.map((b, j) => b + 0.5 * (simplex[i]!.x[j]! - b)));
  }
}

/** Maps any number into (low, high): the logistic curve. */
export function squash(x: number, low: number, high: number): number {
  return low + (high - low) / (1 + Math.exp(-x));
}

/** The inverse of `squash`, for a value strictly inside (low, high). */
export function unsquash(value: number, low: number, high: number): number {
  const share = Math.min(1 - 1e-9, Math.max(1e-9, (value - low) / (high - low)));
  return Math.log(share / (1 - share));
}
