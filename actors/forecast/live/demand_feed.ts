// Owns following the stream DEMAND for all partitions of a process: each window goes to the partition of its SKU. It
// starts at the stream's end, since what was published before stands in Postgres. When the stream was cut or made
// anew, nobody knows what was missed: every partition reads its series again.
import type { DemandMessage } from "../../../shared/effects.ts";
import { describeError } from "../../../shared/errors.ts";
import { REOPEN_WAIT_MS_MAX } from "../../../shared/limits.ts";
import type { NatsConnection } from "../../../streams/connection.ts";
import { partition } from "../../../streams/partition.ts";
import { openReader, type Reader } from "../../../streams/reader.ts";
import { streamIdentity } from "../../../streams/stream_state.ts";
import type { Journal } from "../../runtime/ports.ts";

const STREAM = "DEMAND";

export type DemandFeedOptions = {
  shards: number;
  journal: Journal;
  /** Takes the windows of a shard; undefined for shards that do not run here. */
  taker: (shard: number) => ((message: DemandMessage) => void) | undefined;
  /** Windows may have been missed. */
  onCut: () => void;
};

export type DemandFeed = {
  /** Windows behind the newest of the stream. */
  readonly lag: number;
  stop(): Promise<void>;
};

/** Starts following; resolves once everything published from now on will be told. @throws OnhandError */
export async function followDemand(
  nc: NatsConnection,
  options: DemandFeedOptions,
): Promise<DemandFeed> {
  let stopped = false;
  let reader: Reader | undefined;
  let timer: NodeJS.Timeout | undefined;
  const open = async (): Promise<void> => {
    const { lastSeq } = await streamIdentity(nc, STREAM);
    if (stopped) return;
    reader = openReader(nc, {
      stream: STREAM,
      fromSeq: lastSeq + 1,
      onEntry: ({ subject, payload }) => hand(subject, payload, options),
      onWait: (error) =>
        options.journal.warn(
          { error: describeError(error) },
          "waiting for NATS to open the stream",
        ),
      onHalt: (reason, message) => {
        options.journal.warn({ reason, message }, "demand stream was cut: reading from Postgres");
        retry();
      },
    });
  };
  const retry = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      open().then(options.onCut, (error: unknown) => {
        options.journal.warn({ error: describeError(error) }, "demand stream: will try again");
        retry();
      });
    }, REOPEN_WAIT_MS_MAX);
  };
  await open();
  return {
    get lag() {
      return reader?.lag ?? 0;
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await reader?.stop();
    },
  };
}

function hand(subject: string, payload: Uint8Array, options: DemandFeedOptions): void {
  // inv.demand.<location>.<sku>
  const token = subject.slice(subject.lastIndexOf(".") + 1);
  const take = options.taker(partition(token, options.shards));
  if (take === undefined) return;
  const message = parse(payload);
  if (message === undefined) options.journal.warn({ subject }, "a demand window could not be read");
  else take(message);
}

function parse(payload: Uint8Array): DemandMessage | undefined {
  try {
    const value = JSON.parse(Buffer.from(payload).toString()) as Partial<DemandMessage> | null;
    const names = [value?.sku, value?.location, value?.localDay, value?.version];
    return names.every((name) => typeof name === "string") ? (value as DemandMessage) : undefined;
  } catch {
    return undefined;
  }
}
