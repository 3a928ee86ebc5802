// A stand-in for the stock actor: answers each entry of every shard with decisions, `applied` the
// first time it sees an id and `duplicate` after that, and remembers the order in which they came.

import type { NatsConnection } from "../../streams/connection.ts";
import type { Topology } from "../../streams/declarations.ts";
import { openReader, type Reader } from "../../streams/reader.ts";
import { stockStream } from "../../streams/subjects.ts";

type Seen = { id: string; sku: string; epoch: number; shard: number; seq: number; index: number };

export type FakeActor = {
  /** Commands as they stand in the log, repeats too, in the order of each shard. */
  readonly seen: Seen[];
  /** How many commands came more than once. */
  readonly repeats: number;
  readonly entries: number;
  readonly halts: string[];
  stop(): void;
};

export function startFakeActor(
  nc: NatsConnection,
  topology: Topology,
  options: { mute?: boolean } = {},
): FakeActor {
  const seen: Seen[] = [];
  const ids = new Set<string>();
  const halts: string[] = [];
  const readers: Reader[] = [];
  const counts = { repeats: 0, entries: 0 };
  const { epoch } = topology;
  for (let shard = 0; shard < topology.shards; shard++) {
    readers.push(
      openReader(nc, {
        stream: stockStream(epoch, shard),
        fromSeq: 1,
        onHalt: (reason, message) => halts.push(`${reason}: ${message}`),
        onEntry: (entry) => {
          counts.entries++;
          const parsed: unknown = JSON.parse(new TextDecoder().decode(entry.payload));
          const list = (Array.isArray(parsed) ? parsed : [parsed]) as { id: string; sku: string }[];
          const decisions = list.map((command, index) => {
            const isRepeat = ids.has(command.id);
            ids.add(command.id);
            if (isRepeat) counts.repeats++;
            seen.push({ id: command.id, sku: command.sku, epoch, shard, seq: entry.seq, index });
            const outcome = isRepeat ? "duplicate" : "applied";
            return { id: command.id, outcome, epoch, shard, seq: entry.seq, index, at: "" };
          });
          if (entry.replyTo === undefined || options.mute) return;
          nc.publish(
            entry.replyTo,
            JSON.stringify(Array.isArray(parsed) ? decisions : decisions[0]),
          );
        },
      }),
    );
  }
  return {
    seen,
    halts,
    get repeats() {
      return counts.repeats;
    },
    get entries() {
      return counts.entries;
    },
    stop: () => {
      for (const reader of readers) void reader.stop();
    },
  };
}
