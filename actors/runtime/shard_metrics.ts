// Owns the metrics of the shards of a process, read when they are asked for.
import { Counter, Gauge, type Registry } from "../../shared/telemetry.ts";
import type { ShardStatus } from "./shard_host.ts";

/** Registers gauges by shard that read `status` at each collection. */
export function shardMetrics(registry: Registry, status: () => readonly ShardStatus[]): void {
  const labelNames = ["shard"] as const;
  const gauge = (name: string, help: string, value: (shard: ShardStatus) => number): void => {
    const metric: Gauge<"shard"> = new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const shard of status()) this.set({ shard: String(shard.shard) }, value(shard));
      },
    });
    void metric;
  };
  gauge("onhand_shard_lag_entries", "Log entries not applied yet", (shard) => shard.lag);
  gauge("onhand_shard_applied_seq", "Last log entry applied", (shard) => shard.appliedSeq);
  gauge("onhand_shard_committed_seq", "Last log entry committed", (shard) => shard.committedSeq);
  gauge(
    "onhand_shard_checkpoint_seq",
    "Log entry of the checkpoint",
    (shard) => shard.checkpointSeq,
  );
  gauge("onhand_shard_halted", "1 when a person must look", (shard) =>
    shard.state === "halted" ? 1 : 0,
  );
  const counted = new Map<number, number>();
  const decided: Counter<"shard"> = new Counter({
    name: "onhand_shard_commands_total",
    help: "Commands decided here",
    labelNames,
    registers: [registry],
    collect() {
      for (const { shard, commands } of status()) {
        const before = counted.get(shard) ?? 0;
        // A shard opened anew counts from zero.
        const more = commands >= before ? commands - before : commands;
        counted.set(shard, commands);
        if (more > 0) this.inc({ shard: String(shard) }, more);
      }
    },
  });
  void decided;
}
