// Pure.
/**
 * Autoregression on chosen lags with a mean: the ARIMA member that needs no search, because its
 * conditional sum of squares is ordinary least squares.
 * Source: Box, Jenkins, Reinsel, "Time Series Analysis", 3rd ed., section 7.3.1; with lags 1 and 2 it is
 * R's arima(y, c(2, 0, 0), method = "CSS").
 *
 * Worked example: 1, 2, 1, 2, ... with lag 1 is y_t = 3 - y_{t-1}, and goes on as 1, 2.
 */
import { mean, type Series } from "../numbers.ts";
import { leastSquares } from "./least_squares.ts";

/** Points beyond the longest lag needed for each coefficient. */
const POINTS_A_LAG = 4;

/** Forecast of `horizon` steps; undefined when the series is too short or the fit would explode. */
export function autoregression(
  y: Series,
  horizon: number,
  lags: readonly number[],
): number[] | undefined {
  const longest = Math.max(...lags);
  const rows = y.length - longest;
  if (rows < POINTS_A_LAG * (lags.length + 1)) return undefined;
  const centre = mean(y);
  const column = (lag: number): Float64Array => {
    const values = new Float64Array(rows);
    for (let i = 0; i < rows; i++) values[i] = y[longest + i - lag]! - centre;
    return values;
  };
  const ones = new Float64Array(rows).fill(1);
  const { coefficients } = leastSquares(column(0), [ones, ...lags.map(column)]);
  const path = new Float64Array(longest + horizon);
  for (let i = 0; i < longest; i++) path[i] = y[y.length - longest + i]! - centre;
  const forecast: number[] = [];
  for (let k = 0; k < horizon; k++) {
    let value = coefficients[0]!;
    lags.forEach((lag, i) => {
      value += coefficients[i + 1]! * path[longest + k - lag]!;
    });
    path[longest + k] = value;
    forecast.push(value + centre);
  }
  return forecast;
}
