// A worker thread that refits one series, or calibrates one group, at a time. It owns nothing: a request in, a
// reply out.
import { parentPort } from "node:worker_threads";
import { forecastSeries } from "./forecast_series.ts";
import { calibrate } from "./policy/calibration.ts";
import type { RefitReply, RefitRequest } from "./refit_messages.ts";

parentPort?.on("message", (request: RefitRequest) => {
  parentPort?.postMessage(replyTo(request));
});

parentPort?.postMessage({ ready: true } satisfies RefitReply);

function replyTo(request: RefitRequest): RefitReply {
  const { id } = request;
  try {
    if ("input" in request) return { id, forecast: forecastSeries(request.input) };
    const { items, spanDays, targetFill } = request.calibrate;
    return { id, calibration: calibrate(items, spanDays, targetFill) };
  } catch (error) {
    return { id, error: String(error) };
  }
}
