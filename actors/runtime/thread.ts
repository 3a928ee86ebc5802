// Runs in a worker thread: answers the supervisor's requests with the shards of this thread.

import { once } from "node:events";
import type { MessagePort } from "node:worker_threads";
import { describeError, OnhandError } from "../../shared/errors.ts";
import { localHost, type OpenShard } from "./shard_host.ts";
import type { ThreadReply, ThreadRequest } from "./thread_host.ts";

/** How often a thread tells how its shards do, in ms. */
const STATUS_MS = 250;

/** What the host gives its threads first: see ThreadHostOptions. */
export async function threadData<T>(port: MessagePort): Promise<T> {
  const [data] = (await once(port, "message")) as [T];
  return data;
}

/**
 * Serves until asked to close, then calls `onClose` and leaves the port.
 * @param port `parentPort` of the worker
 */
export function serveThread(
  port: MessagePort,
  openShard: OpenShard,
  onClose: () => Promise<void>,
): void {
  const say = (reply: ThreadReply): void => port.postMessage(reply);
  const host = localHost(openShard);
  host.onEnd = (end) => say({ kind: "ended", end });
  const telling = setInterval(() => say({ kind: "status", shards: host.status() }), STATUS_MS);

  const answer = async (request: ThreadRequest): Promise<void> => {
    if (request.call !== "close") {
      await host[request.call](request.shard);
      say({ kind: "status", shards: host.status() });
      return;
    }
    clearInterval(telling);
    await host.close();
    await onClose();
  };
  port.on("message", (request: ThreadRequest) => {
    answer(request).then(
      () => say({ kind: "done", number: request.number }),
      (error: unknown) => {
        const code = error instanceof OnhandError ? error.code : "shard_failed";
        say({
          kind: "done",
          number: request.number,
          error: { code, message: describeError(error) },
        });
      },
    );
  });
  say({ kind: "ready" });
}
