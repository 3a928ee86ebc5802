// Owns feeding the hub: the subscription to levels, its clockwork, and what a lost connection means.

import { LIVE_HEARTBEAT_MS, LIVE_SETTLE_MS, LIVE_VECTOR_LAG_MS } from "../shared/limits.ts";
import { type NatsConnection, onConnection } from "../streams/connection.ts";
import { streamIdentity } from "../streams/stream_state.ts";
import { stockStream } from "../streams/subjects.ts";
import type { LiveHub } from "./live_hub.ts";
import type { EdgeLog, RegistryPort } from "./ports.ts";

/** Feeds `hub` until stopped. */
export function startLiveFeed(
  nc: NatsConnection,
  options: { hub: LiveHub; registry: RegistryPort; epoch: number; shards: number; log: EdgeLog },
): { stop(): void } {
  const { hub } = options;
  let stopped = false;
  let settling: ReturnType<typeof setTimeout> | undefined;
  const settle = () => {
    clearTimeout(settling);
    settling = setTimeout(() => void learn(), LIVE_SETTLE_MS);
  };
  /** How often the connection was lost or found again: what was asked before says nothing of what came since. */
  let changes = 0;
  /** The logs' ends once the subscription held: levels of later entries all come through it. */
  let ends: number[] | undefined;
  const learn = async () => {
    const before = changes;
    try {
      const shards = Array.from({ length: options.shards }, (_, shard) => shard);
      const found = ends ?? (await Promise.all(shards.map((one) => endOf(nc, options.epoch, one))));
      const seqs = await Promise.all(shards.map((shard) => options.registry.watermark(shard)));
      if (stopped || changes !== before) return;
      ends = found;
      // A registry that was away, or is being filled again, may lack what was told before the subscription held.
      const known = seqs.map((seq, shard) => seq >= (found[shard] as number));
      for (const [shard, seq] of seqs.entries()) if (known[shard]) hub.caughtUp(shard, seq);
      if (known.includes(false)) settle();
    } catch (error) {
      options.log.warn(
        { error: String(error) },
        "live feed: cannot tell from where on it is whole, trying again",
      );
      if (!stopped && changes === before) settle();
    }
  };
  const interrupted = () => {
    changes++;
    ends = undefined;
    hub.interrupted();
  };
  const subscription = nc.subscribe("inv.level.>", {
    callback: (error, message) => {
      if (error === null) hub.take(message);
    },
  });
  const forget = onConnection(nc, {
    onDisconnect: interrupted,
    onReconnect: () => {
      interrupted();
      settle();
    },
  });
  settle();
  const rotating = setInterval(() => hub.rotate(performance.now()), LIVE_VECTOR_LAG_MS);
  const beating = setInterval(() => hub.heartbeat(), LIVE_HEARTBEAT_MS);
  return {
    stop() {
      stopped = true;
      for (const timer of [rotating, beating]) clearInterval(timer);
      clearTimeout(settling);
      forget();
      if (!nc.isClosed()) subscription.unsubscribe();
      hub.close();
    },
  };
}

/** The sequence of a log's last entry; 0 while it never held one. */
async function endOf(nc: NatsConnection, epoch: number, shard: number): Promise<number> {
  return (await streamIdentity(nc, stockStream(epoch, shard))).lastSeq;
}
