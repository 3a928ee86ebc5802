// Pure.
/**
 * ABC by value and XYZ by variation: which items deserve which service.
 * A are the items that make the first 80% of value, B the next 15%, C the rest (Silver, Pyke, Thomas,
 * "Inventory and Production Management in Supply Chains", 4th ed., section 2.4); X varies less than 0.5 of
 * its mean from month to month, Y less than 1, Z more.
 *
 * Worked example: values 80, 15, 5 are A, B, C.
 */

export type ValueClass = "A" | "B" | "C";
export type VariationClass = "X" | "Y" | "Z";
export type ServiceTargets = Readonly<Record<ValueClass, Readonly<Record<VariationClass, number>>>>;

const A_SHARE = 0.8;
const B_SHARE = 0.95;
const X_VARIATION = 0.5;
const Y_VARIATION = 1;

/** Fill rates aimed at, unless an item group says otherwise. */
export const DEFAULT_TARGETS: ServiceTargets = {
  A: { X: 0.98, Y: 0.97, Z: 0.95 },
  B: { X: 0.97, Y: 0.95, Z: 0.92 },
  C: { X: 0.95, Y: 0.92, Z: 0.9 },
};

/**
 * Classes by value, in the order given. The item that crosses a limit still belongs to the better class;
 * items of no value are C.
 */
export function valueClasses(values: readonly number[]): ValueClass[] {
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const classes = new Array<ValueClass>(values.length).fill("C");
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);
  let before = 0;
  for (const i of order) {
    const value = values[i]!;
    if (!(value > 0)) break;
    const share = before / total;
    if (share < A_SHARE - 1e-12) classes[i] = "A";
    else if (share < B_SHARE - 1e-12) classes[i] = "B";
    before += value;
  }
  return classes;
}

/** Class by the standard deviation of a month's demand over its mean; Z when nothing sells. */
export function variationClass(mean: number, sd: number): VariationClass {
  if (!(mean > 0)) return "Z";
  const variation = sd / mean;
  if (variation < X_VARIATION) return "X";
  return variation < Y_VARIATION ? "Y" : "Z";
}
