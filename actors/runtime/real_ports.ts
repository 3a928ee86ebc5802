// Owns the runner's ports on real servers: NATS, Postgres, Redis, the clock of the machine. Thin: every rule
// stands in the runner, or in the adapters this is made of.
import type { Gate } from "../../shared/gate.ts";
import type { Database } from "../../shared/postgres.ts";
import type { LevelRegistry } from "../../shared/registry.ts";
import type { NatsConnection } from "../../streams/connection.ts";
import { outletOf } from "../../streams/outlet.ts";
import { partition } from "../../streams/partition.ts";
import { openReader } from "../../streams/reader.ts";
import { entryDigest, logSize, readEntry } from "../../streams/stream_state.ts";
import { bundleSubject, stockStream } from "../../streams/subjects.ts";
import { trimLog } from "../../streams/topology.ts";
import { type AckedPublisher, effectPort } from "./effect_publisher.ts";
import type { CheckpointTable } from "./machine.ts";
import type {
  Clock,
  Journal,
  LogPort,
  LogReadOptions,
  RegistryPort,
  RunnerPorts,
  SenderPort,
} from "./ports.ts";
import { PostgresStore } from "./postgres_store.ts";

export type RealPortsOptions = {
  nc: NatsConnection;
  publisher: AckedPublisher;
  database: Database;
  commits: Gate;
  registry: LevelRegistry;
  journal: Journal;
  tables: readonly CheckpointTable[];
  epoch: number;
  shard: number;
  shards: number;
};

export function realPorts(options: RealPortsOptions): RunnerPorts {
  const { nc, publisher, database, registry, journal, tables, epoch, shard } = options;
  const of = { epoch, shard };
  const registryPort: RegistryPort = {
    write: (levels, watermark, standing) => registry.write(of, levels, watermark, standing),
    watermark: () => registry.watermark(of),
  };
  return {
    clock: realClock,
    log: realLog(options),
    store: new PostgresStore(database, of, tables, options.commits),
    registry: registryPort,
    sender: coreSender(nc),
    effects: effectPort(publisher),
    journal,
  };
}

/**
 * Timers that end in the same millisecond run in one turn, with nothing between them: what they send over one
 * connection then leaves in one write.
 */
type Turn = { timer: NodeJS.Timeout; due: Set<() => void> };
const turns = new Map<number, Turn>();

function runTurn(endMs: number): void {
  const turn = turns.get(endMs);
  turns.delete(endMs);
  if (turn !== undefined) for (const run of turn.due) run();
}

/** What all shards of the thread do soon they do in one turn, for the same reason. */
let soonRuns: (() => void)[] = [];

function runSoon(): void {
  const runs = soonRuns;
  soonRuns = [];
  for (const run of runs) run();
}

export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, run) {
    const nowMs = performance.now();
    const endMs = Math.ceil(nowMs + ms);
    let turn = turns.get(endMs);
    if (turn === undefined) {
      turn = { timer: setTimeout(runTurn, endMs - nowMs, endMs), due: new Set() };
      turns.set(endMs, turn);
    }
    const { timer, due } = turn;
    const once = () => run();
    due.add(once);
    return {
      cancel() {
        due.delete(once);
        // An empty turn would keep the process alive until its time.
        if (due.size > 0 || turns.get(endMs)?.due !== due) return;
        clearTimeout(timer);
        turns.delete(endMs);
      },
    };
  },
  soon(run) {
    if (soonRuns.push(run) === 1) setImmediate(runSoon);
  },
};

function realLog({ nc, publisher, epoch, shard, shards }: RealPortsOptions): LogPort {
  const stream = stockStream(epoch, shard);
  const subject = bundleSubject(epoch, shard);
  const sku = skuOf(shard, shards);
  return {
    read: (read: LogReadOptions) => openReader(nc, { stream, ...read }),
    entry: (seq) => readEntry(nc, stream, seq),
    digest: entryDigest,
    async append(commands) {
      // A tick is of the shard, but a command has a key: any SKU of the shard will do.
      const whole = commands.map((command) => ({ sku, location: "-", ...(command as object) }));
      await publisher.publish(subject, JSON.stringify(whole));
    },
    async trim(seq) {
      await trimLog(nc, stream, seq);
    },
    size: () => logSize(nc, stream),
  };
}

/** Some SKU that lives in the shard. */
export function skuOf(shard: number, shards: number): string {
  for (let n = 0; ; n++) if (partition(`tick-${n}`, shards) === shard) return `tick-${n}`;
}

/** Core publishes; while NATS is away they are lost, as they may be. */
export function coreSender(nc: NatsConnection): SenderPort {
  const outlet = outletOf(nc);
  return {
    send(subject, text) {
      try {
        outlet.publish(subject, text);
      } catch {
        // Closed, or a subject the server would refuse: best effort means nobody waits for it.
      }
    },
  };
}
