// Owns log lines and metrics of a process: pino to stderr, prom-client's registry. Metrics are named
// onhand_<name>_<unit>, with few labels; log lines carry part, epoch, shard and sequence.
import { destination, type Logger, pino } from "pino";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { LOG_WAITING_BYTES_MAX } from "./limits.ts";

export { Counter, Gauge, Histogram, Registry };

/** Where parts of the house tell what happens; what was given to `journalOf` stands in every line. */
export type Journal = {
  info(fields: Record<string, unknown>, text: string): void;
  warn(fields: Record<string, unknown>, text: string): void;
  error(fields: Record<string, unknown>, text: string): void;
};

/**
 * JSON lines on stderr from `level` up. Where they cannot be written (a full disk, a terminal that is gone) they wait,
 * those beyond a limit are lost, and who logs goes on.
 */
export function openLogger(level: string, part: string): Logger {
  const lines = destination({ dest: 2, sync: true, maxLength: LOG_WAITING_BYTES_MAX });
  lines.on("error", () => {});
  return pino(
    {
      level,
      base: { part },
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
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

/** Roles that are asked for their metrics over NATS: they listen on no port. */
export const ASKED_ROLES = ["stock", "forecast"] as const;
export type AskedRole = (typeof ASKED_ROLES)[number];

/** Where every process of the role answers with its metrics as Prometheus text. */
export const metricsSubject = (role: AskedRole): string => `onhand.${role}.metrics`;

/** A registry with the process's own figures (CPU, memory, event loop); each sample names role and process. */
export function openMetrics(role: AskedRole | "http", process: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ role, process });
  collectDefaultMetrics({ register: registry, prefix: "onhand_" });
  return registry;
}
