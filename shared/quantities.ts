// Pure.
// Stock is counted in whole base units, money in whole minor units: integers, |n| <= 2^50, no -0.

/** Largest magnitude of any number of ours; sums of two stay exact in a double. */
export const QUANTITY_MAX = 2 ** 50;

/** A whole number, |n| <= 2^50 and not -0. */
export function isQuantity(value: unknown): value is number {
  return (
    typeof value === "number" &&
    Number.isInteger(value) &&
    value <= QUANTITY_MAX &&
    value >= -QUANTITY_MAX &&
    !Object.is(value, -0)
  );
}

/** A whole number from 1 to 2^50. */
export function isPositiveQuantity(value: unknown): value is number {
  return isQuantity(value) && value > 0;
}
