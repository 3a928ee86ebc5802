// Pure.
/** Ordinary least squares for a handful of columns, by Cholesky on the normal equations. */

export interface LeastSquares {
  readonly coefficients: readonly number[];
  readonly sse: number;
}

const RIDGE = 1e-10;

/** Coefficients of `columns` that explain `target` best, and what is left. Collinear columns get 0. */
export function leastSquares(target: Float64Array, columns: readonly Float64Array[]): LeastSquares {
  const k = columns.length;
  const whole = dot(target, target);
  if (k === 0) return { coefficients: [], sse: whole };
  const L: number[][] = [];
  const right = columns.map((column) => dot(column, target));
  const forward: number[] = [];
  for (let i = 0; i < k; i++) {
    const row: number[] = [];
    for (let j = 0; j < i; j++) {
      let value = dot(columns[i]!, columns[j]!);
      for (let m = 0; m < j; m++) value -= row[m]! * L[j]![m]!;
      row.push(L[j]![j]! > 0 ? value / L[j]![j]! : 0);
    }
    const own = dot(columns[i]!, columns[i]!);
    let rest = own;
    for (const value of row) rest -= value * value;
    row.push(rest > RIDGE * own ? Math.sqrt(rest) : 0);
    L.push(row);
    let value = right[i]!;
    for (let m = 0; m < i; m++) value -= row[m]! * forward[m]!;
    forward.push(row[i]! > 0 ? value / row[i]! : 0);
  }
  const coefficients = new Array<number>(k).fill(0);
  for (let i = k - 1; i >= 0; i--) {
    let value = forward[i]!;
    for (let m = i + 1; m < k; m++) value -= L[m]![i]! * coefficients[m]!;
    coefficients[i] = L[i]![i]! > 0 ? value / L[i]![i]! : 0;
  }
  let explained = 0;
  for (const value of forward) explained += value * value;
  return { coefficients, sse: Math.max(0, whole - explained) };
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}
