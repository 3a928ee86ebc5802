// Pure.
/**
 * What z really gives: a group of items is replayed over its known past at several z, and the z is taken
 * that reached the fill rate aimed at. One z for the whole group, so that no item is fitted to its noise.
 */
import { AdaptiveDemand } from "./adaptive_demand.ts";
import { simulate } from "./simulate.ts";

export interface CalibrationItem {
  /** Units and orders a day, oldest first. */
  readonly units: Float64Array;
  readonly orders: Float64Array;
  /** Weight of a unit in the fill rate: its value. */
  readonly unitValue: number;
}

export interface Calibration {
  readonly z: number;
  /** Fill rate measured there. */
  readonly fillRate: number;
  /** False when no z reached the target: the highest was taken. */
  readonly reached: boolean;
}

const Z_GRID = [-0.5, 0, 0.4, 0.8, 1.2, 1.6, 2, 2.4, 2.8, 3.3, 4, 5, 6.5, 8.5] as const;
/** Days a reading needs before its z is judged. */
const LEARNING_DAYS = 60;
const DEFAULT_Z = 1.65;

/** z of a group for a fill rate by value; the default 1.65 when the past is too short to say. */
export function calibrate(
  items: readonly CalibrationItem[],
  leadTimeDays: number,
  targetFill: number,
): Calibration {
  const sold = new Array<number>(Z_GRID.length).fill(0);
  let asked = 0;
  for (const { units, orders, unitValue } of items) {
    if (units.length < LEARNING_DAYS + 4 * leadTimeDays) continue;
    const mean = new Float64Array(units.length);
    const sd = new Float64Array(units.length);
    const state = new AdaptiveDemand(leadTimeDays);
    for (let t = 0; t < units.length; t++) {
      state.add({ units: units[t]!, orders: orders[t]! });
      const demand = state.leadTimeDemand();
      mean[t] = demand.mean;
      sd[t] = demand.sd;
    }
    Z_GRID.forEach((z, k) => {
      const levelAt = (t: number) => mean[t]! + z * sd[t]!;
      const result = simulate(units, levelAt, LEARNING_DAYS, leadTimeDays);
      sold[k] = sold[k]! + result.sold * unitValue;
      if (k === 0) asked += result.asked * unitValue;
    });
  }
  if (!(asked > 0)) return { z: DEFAULT_Z, fillRate: Number.NaN, reached: false };
  const fills = sold.map((value) => value / asked);
  for (let k = 1; k < Z_GRID.length; k++) {
    if (fills[k]! < targetFill) continue;
    const low = fills[k - 1]!;
    const share = fills[k]! > low ? Math.max(0, (targetFill - low) / (fills[k]! - low)) : 1;
    const z = Z_GRID[k - 1]! + share * (Z_GRID[k]! - Z_GRID[k - 1]!);
    return { z, fillRate: Math.max(targetFill, low), reached: true };
  }
  const last = Z_GRID.length - 1;
  return { z: Z_GRID[last]!, fillRate: fills[last]!, reached: false };
}
