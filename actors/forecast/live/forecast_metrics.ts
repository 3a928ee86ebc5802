// Owns the metrics of a forecast process, read when they are asked for.
import { Counter, Gauge, type Registry } from "../../../shared/telemetry.ts";
import type { ForecastPartition } from "./partition.ts";

export type ForecastFigures = {
  partitions: () => Iterable<ForecastPartition>;
  /** Fits waiting for a worker. */
  fitsWaiting: () => number;
  /** Windows of the stream not taken in yet. */
  streamLag: () => number;
};

/** Registers gauges that read the process at each collection; gives what counts alerts. */
export function forecastMetrics(
  registry: Registry,
  { partitions, fitsWaiting, streamLag }: ForecastFigures,
): { alert(kind: string): void } {
  const gauge = (name: string, help: string, value: () => number): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
    void metric;
  };
  const sum = (of: (partition: ForecastPartition) => number) => {
    let total = 0;
    for (const partition of partitions()) total += of(partition);
    return total;
  };
  gauge("onhand_forecast_partitions", "Partitions here", () => sum(() => 1));
  gauge("onhand_forecast_series", "Series in the working set", () => sum((one) => one.seriesCount));
  gauge("onhand_forecast_waiting", "Decisions, forecasts and reads not done yet", () =>
    sum((one) => one.status().lag),
  );
  gauge("onhand_forecast_fits_waiting", "Fits waiting for a worker", fitsWaiting);
  gauge("onhand_forecast_stream_lag_windows", "Demand windows not taken in yet", streamLag);
  const alerts: Counter<"kind"> = new Counter({
    name: "onhand_forecast_alerts_total",
    help: "Fits replaced by the plain forecast, plans refused",
    labelNames: ["kind"],
    registers: [registry],
  });
  return { alert: (kind) => alerts.inc({ kind }) };
}
