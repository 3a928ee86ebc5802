// Pure.
/** What a refit pool and its workers say to each other. */
import type { Forecast, ForecastInput } from "./forecast_series.ts";
import type { Calibration, CalibrationItem } from "./policy/calibration.ts";

/** A group of items whose past is to be replayed for the z that gives a fill rate. */
export interface CalibrationInput {
  readonly items: readonly CalibrationItem[];
  readonly spanDays: number;
  readonly targetFill: number;
}

export type RefitRequest = { readonly id: number } & (
  | { readonly input: ForecastInput }
  | { readonly calibrate: CalibrationInput }
);

/** A worker says once that it can take requests, then answers each. */
export type RefitReply =
  | { readonly ready: true }
  | { readonly id: number; readonly forecast: Forecast }
  | { readonly id: number; readonly calibration: Calibration }
  | { readonly id: number; readonly error: string };
