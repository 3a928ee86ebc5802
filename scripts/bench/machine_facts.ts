// What the bench ran on: processor, memory, kernel, and the versions of everything in the path.

import { cpus, loadavg, release, totalmem, type } from "node:os";
import type { MachineFacts } from "./result.ts";

/** @param versions of the servers: nats-server, postgres, redis */
export function machineFacts(versions: Record<string, string>): MachineFacts {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown processor",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    versions: { node: process.versions.node, ...versions },
    startedAt: new Date().toISOString(),
    loadAtStart: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}
