// Owns log lines and metrics of a process: pino to stderr, prom-client's registry. Metrics are named
// onhand_<name>_<unit>, with few labels; log lines carry part, epoch, shard and sequence.
import { destination, type Logger, pino } from "pino";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export { Counter, Gauge, Histogram, Registry };

/** Where parts of the house tell what happens; what was given to `journalOf` stands in every line. */
export type Journal = {
  info(fields: Record<string, unknown>, text: string): void;
  warn(fields: Record<string, unknown>, text: string): void;
  error(fields: Record<string, unknown>, text: string): void;
};

/** JSON lines on stderr from `level` up. */
export function openLogger(level: string, part: string): Logger {
  return pino(
    {
      level,
      base: { part },
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  );
}

/** A journal whose lines carry `fields`. */
export function journalOf(logger: Logger, fields: Record<string, unknown>): Journal {
  const child = logger.child(fields);
  return {
    info: (more, text) => child.info(more, text),
    warn: (more, text) => child.warn(more, text),
    error: (more, text) => child.error(more, text),
  };
}

/** A registry with the process's own figures (CPU, memory, event loop). */
export function openMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "onhand_" });
  return registry;
}
