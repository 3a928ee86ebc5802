// Owns opening a shard of this thread on real servers: the runner with its ports.
import { OnhandError } from "../../shared/errors.ts";
import { Gate } from "../../shared/gate.ts";
import { COMMITS_AT_ONCE, LOADS_AT_ONCE } from "../../shared/limits.ts";
import type { Database } from "../../shared/postgres.ts";
import type { LevelRegistry } from "../../shared/registry.ts";
import type { NatsConnection } from "../../streams/connection.ts";
import { AckedPublisher } from "./effect_publisher.ts";
import type { MachineFactory } from "./machine.ts";
import type { Journal } from "./ports.ts";
import { realPorts } from "./real_ports.ts";
import { Runner } from "./runner.ts";
import type { OpenShard, RunningShard, ShardEnd } from "./shard_host.ts";

export type ShardOpenerOptions = {
  nc: NatsConnection;
  database: Database;
  registry: LevelRegistry;
  factory: MachineFactory;
  journal: (fields: Record<string, unknown>) => Journal;
  epoch: number;
  shards: number;
  /** This process among all that ever were: its name and when it started. */
  owner: string;
  identityDays: number;
  commitIntervalMs: number;
  checkpointIntervalMs: number;
  keepLogDays: number;
};

/** Opens shards for a host; each resolves once its runner reads. */
export function shardOpener(options: ShardOpenerOptions): OpenShard {
  let opened = 0;
  const publisher = new AckedPublisher(options.nc);
  const commits = new Gate(COMMITS_AT_ONCE);
  const loads = new Gate(LOADS_AT_ONCE);
  return async (shard, onEnd, calledOff) => {
    const { epoch } = options;
    const journal = options.journal({ epoch, shard });
    const { tables } = options.factory;
    const ports = realPorts({ ...options, publisher, commits, shard, journal, tables });
    let end: ShardEnd | undefined;
    const runner = new Runner(
      ports,
      options.factory,
      { ...options, shard, owner: `${options.owner}.${++opened}` },
      {
        onEnd(state, why) {
          end = { shard, reason: state, detail: why.message };
          onEnd(end);
        },
      },
    );
    await loads.run(async () => {
      if (!calledOff.aborted) await Promise.race([runner.start(), aborted(calledOff)]);
    });
    if (calledOff.aborted) {
      runner.kill();
      throw new OnhandError("called_off", `Cannot open shard ${shard}: it is wanted no more`);
    }
    if (end?.reason === "fenced")
      throw new OnhandError("fenced", end.detail, { retryable: true, fields: { shard } });
    return running(runner);
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function running(runner: Runner): RunningShard {
  return {
    status() {
      const { shard, state, why, appliedSeq, committedSeq, checkpointSeq, lag, commands } =
        runner.status();
      return {
        shard,
        state: STATES[state],
        appliedSeq,
        committedSeq,
        checkpointSeq,
        lag,
        commands,
        ...(why === undefined ? {} : { halted: why.message }),
      };
    },
    async drain() {
      await runner.stop();
    },
    async abandon() {
      runner.kill();
    },
  };
}

const STATES = {
  loading: "opening",
  running: "running",
  draining: "draining",
  stopped: "draining",
  halted: "halted",
  fenced: "halted",
} as const;
