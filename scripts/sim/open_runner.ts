// Owns opening the real runner on the ports of a simulated process.
import type { MachineFactory, MachineOptions } from "../../actors/runtime/machine.ts";
import type { RunnerPorts } from "../../actors/runtime/ports.ts";
import { Runner } from "../../actors/runtime/runner.ts";
import type { RunningShard, ShardEnd } from "../../actors/runtime/shard_host.ts";

export type OpenRunner = {
  ports: RunnerPorts;
  factory: MachineFactory;
  machine: MachineOptions;
  owner: string;
  commitIntervalMs: number;
  checkpointIntervalMs: number;
  keepLogDays: number;
  onEnd(end: ShardEnd): void;
};

/** Resolves once the shard decides. @throws Error when it ended while opening. */
export async function openRunner(options: OpenRunner): Promise<RunningShard> {
  const { ports, factory, machine, owner, onEnd } = options;
  const { commitIntervalMs, checkpointIntervalMs, keepLogDays } = options;
  const { shard } = machine;
  const runner = new Runner(
    ports,
    factory,
    { ...machine, owner, commitIntervalMs, checkpointIntervalMs, keepLogDays },
    {
      onEnd: (reason, why) => onEnd({ shard, reason, detail: `${why.reason}: ${why.message}` }),
    },
  );
  await runner.start();
  return {
    status: () => {
      const { appliedSeq, committedSeq, checkpointSeq, lag, commands } = runner.status();
      return {
        shard,
        state: "running",
        appliedSeq,
        committedSeq,
        checkpointSeq,
        lag,
        commands,
        keys: 0,
      };
    },
    drain: () => runner.stop(),
    abandon: async () => runner.kill(),
  };
}
