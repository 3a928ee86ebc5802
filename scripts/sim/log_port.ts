// Owns the log as one simulated process sees it: the real ordered reader (streams/reader.ts) on a simulated
// server that skips, repeats and loses deliveries, and whose connection breaks.
import type { LogEntry } from "../../actors/runtime/machine.ts";
import type { LogPort, LogReadOptions } from "../../actors/runtime/ports.ts";
import { nanosecondsText } from "../../streams/delivery.ts";
import type { Pull, PullListener } from "../../streams/pull.ts";
import { type ReaderSource, readFrom } from "../../streams/reader.ts";
import { entryDigest } from "../../streams/stream_state.ts";
import { bundleSubject, stockStream } from "../../streams/subjects.ts";
import type { SimProcess, SimService, World } from "./process.ts";
import type { SimStream, StoredEntry } from "./stream.ts";

/** How deliveries go wrong; all 0 when healed. */
export type ReadFaults = { skip: number; repeat: number; lose: number };

/** A connection of one process to the log server. */
export class SimConnection {
  readonly #listeners = new Set<{ onDisconnect(): void; onReconnect(): void }>();

  listen(listener: { onDisconnect(): void; onReconnect(): void }): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  disconnect(): void {
    for (const listener of [...this.#listeners]) listener.onDisconnect();
  }

  reconnect(): void {
    for (const listener of [...this.#listeners]) listener.onReconnect();
  }
}

export type LogOfProcess = {
  world: World;
  process: SimProcess;
  connection: SimConnection;
  service: SimService;
  stream: SimStream;
  faults: ReadFaults;
  epoch: number;
  shard: number;
  /** Some SKU of the shard. */
  anySku: string;
};

const encoder = new TextEncoder();

export function makeLogPort(log: LogOfProcess): LogPort {
  const { process, service, stream, epoch, shard } = log;
  const name = stockStream(epoch, shard);
  return {
    read: (options: LogReadOptions) =>
      readFrom(sourceOf(log), {
        stream: name,
        fromSeq: options.fromSeq,
        onEntry: options.onEntry,
        onHalt: options.onHalt,
        verify: options.verify,
        onWait: options.onWait,
        onOpen: options.onOpen,
      }),
    entry: (seq: number) => process.call(service, () => copyOf(stream.entry(seq))),
    digest: (entry: LogEntry) => entryDigest(entry),
    append: async (commands: readonly object[]) => {
      // A tick is of the shard, but a command has a key: the real port names any SKU of the shard as well.
      const keyed = commands.map((command) => ({ sku: log.anySku, location: "-", ...command }));
      const payload = encoder.encode(JSON.stringify(keyed));
      await process.call(service, () => stream.append(bundleSubject(epoch, shard), payload));
    },
    trim: (seq: number) => process.call(service, () => stream.trim(seq - 1)),
    // It has no limit.
    size: async () => ({ ...stream.facts(), bytes: 0, bytesMax: Number.POSITIVE_INFINITY }),
  };
}

function sourceOf(log: LogOfProcess): ReaderSource {
  const { process, service, stream, connection, world } = log;
  return {
    identity: () =>
      process.call(service, () => {
        const { createdAtMs, firstSeq, lastSeq } = stream.facts();
        return {
          stream: stockStream(log.epoch, log.shard),
          created: new Date(createdAtMs).toISOString(),
          firstSeq,
          lastSeq,
          messages: lastSeq - firstSeq + 1,
        };
      }),
    timeOf: (seq) =>
      process.call(service, () => {
        const entry = stream.entry(seq);
        return entry && nanosecondsText(entry.appendedAtMs, entry.nanos);
      }),
    open: (fromSeq, listener) =>
      process.call(service, () => new SimPull(log, fromSeq, listener) as Pull),
    onConnection: (listener) => connection.listen(listener),
    isClosed: () => false,
    after: (ms, run) => process.timer(ms, run),
    monotonicMs: () => world.clock.nowMs,
  };
}

/** A consumer on the simulated server. */
class SimPull implements Pull {
  readonly #log: LogOfProcess;
  readonly #listener: PullListener;
  readonly #stopListening: () => void;
  #next: number;
  #flowing = false;
  #isArmed = false;
  #isFresh = true;
  #closed = false;

  constructor(log: LogOfProcess, fromSeq: number, listener: PullListener) {
    this.#log = log;
    this.#listener = listener;
    this.#next = fromSeq;
    this.#stopListening = log.stream.onAppend(() => this.#arm());
  }

  pause(): void {
    this.#flowing = false;
  }

  resume(): void {
    this.#flowing = true;
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
  }

  #arm(): void {
    const { world, service, stream } = this.#log;
    if (this.#isArmed || this.#closed || !this.#flowing || this.#next > stream.lastSeq) return;
    if (!this.#log.process.isAlive) {
      this.close();
      return;
    }
    this.#isArmed = true;
    const [low, high] = service.latencyMs;
    world.clock.after(world.chance.int(low, high), () => {
      this.#isArmed = false;
      if (service.isDown) {
        // The server says nothing; the heartbeat shows it.
        this.#log.process.timer(500, () => this.#lost());
        return;
      }
      const batch = this.#batch();
      this.#log.process.enter(() => this.#deliver(batch));
      this.#arm();
    });
  }

  #batch(): StoredEntry[] {
    const { world, stream, faults } = this.#log;
    const batch: StoredEntry[] = [];
    this.#next = Math.max(this.#next, stream.firstSeq);
    for (let room = world.chance.int(1, 12); room > 0 && this.#next <= stream.lastSeq; room--) {
      // Twice the same gap would halt the reader, rightly: the first entry after opening always comes. A
      // gap with nothing behind it is no gap yet.
      const maySkip = !this.#isFresh && this.#next < stream.lastSeq;
      if (maySkip && world.chance.is(faults.skip)) {
        world.faults.count("entry not delivered");
        this.#next += 1;
        continue;
      }
      const entry = stream.entry(this.#next) as StoredEntry;
      batch.push(entry);
      this.#isFresh = false;
      this.#next += 1;
      const older = stream.entry(entry.seq - world.chance.int(0, 2));
      if (older !== undefined && world.chance.is(faults.repeat)) {
        world.faults.count("entry delivered again");
        batch.push(older);
      }
    }
    return batch;
  }

  #deliver(batch: readonly StoredEntry[]): void {
    const { stream, faults, world } = this.#log;
    for (const entry of batch) {
      if (this.#closed) return;
      const { nanos, ...copy } = entry;
      const pending = Math.max(0, stream.lastSeq - entry.seq);
      this.#listener.onEntry({ entry: copy, nanos, pending });
    }
    if (world.chance.is(faults.lose)) this.#lost();
  }

  #lost(): void {
    if (this.#closed) return;
    this.#log.world.faults.count("reader lost its consumer");
    this.close();
    this.#listener.onLost();
  }
}

function copyOf(entry: StoredEntry | undefined): LogEntry | undefined {
  if (entry === undefined) return undefined;
  const { nanos: _nanos, ...copy } = entry;
  return copy;
}
