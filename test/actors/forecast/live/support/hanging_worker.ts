// A refit worker for tests that hangs on, or dies of, series whose newest value says so.
import { parentPort } from "node:worker_threads";
import { forecastSeries } from "../../../../../actors/forecast/forecast_series.ts";
import { calibrate } from "../../../../../actors/forecast/policy/calibration.ts";
import type { RefitRequest } from "../../../../../actors/forecast/refit_messages.ts";

export const HANGS_ON = 13;
export const DIES_OF = 17;

parentPort?.on("message", (request: RefitRequest) => {
  if ("calibrate" in request) {
    const { items, spanDays, targetFill } = request.calibrate;
    parentPort?.postMessage({
      id: request.id,
      calibration: calibrate(items, spanDays, targetFill),
    });
    return;
  }
  const { id, input } = request;
  const newest = input.values[input.values.length - 1];
  if (newest === HANGS_ON) for (;;) Math.sqrt(id);
  if (newest === DIES_OF) process.exit(3);
  parentPort?.postMessage({ id, forecast: forecastSeries(input) });
});

parentPort?.postMessage({ ready: true });
