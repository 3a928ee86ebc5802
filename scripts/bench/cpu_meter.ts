// Processor time each part of a system took over a run, from /proc (Linux; elsewhere all is 0). On a
// machine that does other work too it tells what a rate cannot: what one command costs, and where.

import { readdirSync, readFileSync } from "node:fs";
import type { BenchSystem } from "./bench_system.ts";

/** Microseconds of processor time by part: bench (the load), stock, http, nats, postgres, redis. */
export type CpuTimes = Record<string, number>;

/** Ticks of /proc/<pid>/stat; 100 a second on every Linux we run on. Source: proc(5), sysconf(3). */
const US_PER_TICK = 10_000;

/** Starts counting; the returned function tells the time taken since, by part. */
export function startCpuMeter(system: BenchSystem): () => CpuTimes {
  const before = read(system);
  return () => {
    const after = read(system);
    return Object.fromEntries(
      Object.entries(after).map(([part, us]) => [part, us - (before[part] ?? 0)]),
    );
  };
}

/** Times of a run as microseconds for each of its commands, to a tenth, for a result's detail. */
export function perCommand(times: CpuTimes, commands: number): Record<string, number> {
  const each = Object.entries(times).map(([part, us]) => [
    `${part}CpuUs`,
    Math.round((us * 10) / commands) / 10,
  ]);
  return Object.fromEntries(each);
}

function read(system: BenchSystem): CpuTimes {
  const { user, system: kernel } = process.cpuUsage();
  const times: CpuTimes = { bench: user + kernel };
  const processes = readProcesses();
  for (const [part, pid] of system.pids()) times[part] = sumOf(pid, processes);
  return times;
}

type Process = { parent: number; ticks: number };

/** A process, those it started, and those of them that have ended. */
function sumOf(pid: number, processes: ReadonlyMap<number, Process>): number {
  let ticks = processes.get(pid)?.ticks ?? 0;
  for (const [child, { parent }] of processes)
    if (parent === pid) ticks += sumOf(child, processes) / US_PER_TICK;
  return ticks * US_PER_TICK;
}

function readProcesses(): Map<number, Process> {
  const found = new Map<number, Process>();
  let names: string[] = [];
  try {
    names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return found;
  }
  for (const name of names) {
    try {
      // The name in parentheses may hold spaces; fields count from after it.
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i] ?? 0), 0);
      found.set(Number(name), { parent: Number(fields[1]), ticks });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}
