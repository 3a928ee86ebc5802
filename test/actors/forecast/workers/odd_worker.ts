// A worker for tests: what it does with a request is told by the request's season.
//   13 hangs, 17 ends the process of the thread, 19 throws out of turn, 23 replies with an error.
import { parentPort } from "node:worker_threads";
import { forecastSeries } from "../../../../actors/forecast/forecast_series.ts";
import type { RefitRequest } from "../../../../actors/forecast/refit_messages.ts";

parentPort?.on("message", (request: RefitRequest) => {
  if (!("input" in request)) return;
  const { id, input } = request;
  if (input.season === 13) for (;;) Math.sqrt(id);
  if (input.season === 17) process.exit(3);
  if (input.season === 19) throw new Error("poisoned");
  if (input.season === 23) parentPort?.postMessage({ id, error: "no such thing" });
  else parentPort?.postMessage({ id, forecast: forecastSeries(input) });
});

parentPort?.postMessage({ ready: true });
